// A worker that reads drawings, so that drawing goes on meanwhile.

import { fetchDocument, fetchFile } from "./files.js";

const RUNTIME = new URL("../../runtime/", import.meta.url).href;

const opened = open();

async function open() {
  const [{ openReader }, ort, lines, glyphs, parameters, card] = await Promise.all([
    import("./reader.js"),
    import(`${RUNTIME}ort.wasm.min.mjs`),
    fetchFile("lines.onnx.gz"),
    fetchFile("glyphs.onnx.gz"),
    fetchDocument("parameters.json"),
    fetchDocument("card.json"),
  ]);
  ort.env.wasm.wasmPaths = RUNTIME;
  ort.env.wasm.numThreads = 1; // more need headers that few web spaces send
  const { threshold, names_digits: namesDigits } = card;
  return openReader({ ort, lines, glyphs, parameters, threshold, namesDigits });
}

addEventListener("message", async ({ data: { number, data, width, height } }) => {
  const reader = await opened;
  try {
    postMessage({ number, reading: await reader.read(new ImageData(data, width, height)) });
  } catch (error) {
    if (error.constructor !== Error) reportError(error); // as when memory runs out; others are for the user
    else postMessage({ number, message: error.message });
  }
});
opened.catch(reportError); // the page starts another worker
