// Source of readings of a page without a server, where it stands in place of ../source.js: a worker of this
// browser, with the networks.

import { fetchDocument, fetchFile } from "./offline/files.js";

export const takesPhotos = false;
export const promise =
  "Drawings are read in this browser, and go nowhere. This page does not read photos: for these, install digits, and run digits serve.";

const FAILED = "The reader of this page can’t be loaded, or has failed. Draw on to try again, or load the page again.";

const waiting = new Map(); // by number of the request: what to do with its answer
let last = 0;
let worker = start(); // null once it has failed: the next reading starts another

function start() {
  const started = new Worker(new URL("offline/worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data: { number, reading, message } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (message) reject(new Error(message));
    else resolve(reading);
  });
  started.addEventListener("message", keep, { once: true });
  started.addEventListener("error", () => {
    started.terminate();
    worker = null;
    for (const { reject } of waiting.values()) reject(new Error(FAILED));
    waiting.clear();
  });
  return started;
}

// Have the browser keep the page, so that it opens without a network; the first answer comes before that.
function keep() {
  navigator.serviceWorker?.register("service-worker.js").catch(() => {}); // then it reads as long as it is open
}

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
    worker ??= start();
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
