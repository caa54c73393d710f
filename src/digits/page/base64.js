// Base64, as the server encodes pixels and activations.

export function decodeBase64(encoded) {
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}
