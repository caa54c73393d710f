// Source of readings of a page without a server, where it stands in place of ../source.js: a worker of this
// browser, with the networks.

import { fetchDocument, fetchFile } from "./offline/files.js";

export const takesPhotos = false;
export const promise =
  "Drawings are read in this browser, and go nowhere. It does not read photos: for these, install digits, and run digits serve.";

const worker = new Worker(new URL("offline/worker.js", import.meta.url), { type: "module" });
const waiting = new Map(); // by number of the request: what to do with its answer
let last = 0;

worker.addEventListener("message", ({ data: { number, reading, message } }) => {
  const { resolve, reject } = waiting.get(number);
  waiting.delete(number);
  if (message) reject(new Error(message));
  else resolve(reading);
});
worker.addEventListener("error", (event) => {
  event.preventDefault();
  for (const { reject } of waiting.values()) reject(new Error("The reader of this page can’t be loaded."));
  waiting.clear();
});

// Read a picture: the content of a file. A reading that was cancelled still ends, and is thrown away.
export async function read(picture) {
  const bitmap = await createImageBitmap(picture);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    const number = ++last;
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, data, width, height }, [data.buffer]);
  });
}

// What is known of the networks.
export function describe() {
  return fetchDocument("card.json").catch(() => null);
}

// The network of single digits, as the bytes of its ONNX file.
export function fetchNetwork() {
  return fetchFile("glyphs.onnx.gz");
}

// Have the browser keep the page, so that it opens without a network.
if (navigator.serviceWorker && isSecureContext) {
  navigator.serviceWorker.register("service-worker.js").catch(() => {}); // then it reads as long as it is open
}
