// Bytes that came as base64.

export function bytes(encoded) {
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}
