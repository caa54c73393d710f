// Source of readings: the server of this page. Without one, offline/source.js takes this module's place.

import { post } from "./requests.js";

export const takesPhotos = true;
export const promise = "Pictures are read by the server of this page, and are not stored.";

// Read a picture: the content of a file. An error's `isTransient` says that it may go well later.
export function read(picture, controller) {
  return post(["v1/read", picture, picture.type || "application/octet-stream"], controller);
}

// What is known of the networks, or null: {parameters, test_accuracy, threshold, learning}.
export async function describe() {
  const response = await fetch("v1/network").catch(() => null);
  return response?.ok ? response.json() : null;
}

// The network of single digits that is in use, as the bytes of its ONNX file.
export async function fetchNetwork() {
  const response = await fetch("v1/network/onnx").catch(() => null);
  if (!response?.ok) throw new Error("The network can’t be loaded: the server does not respond.");
  return response.arrayBuffer();
}
