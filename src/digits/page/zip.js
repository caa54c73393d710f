// A ZIP of files as they are, without compression: PNGs are compressed already.
// Source: PKWARE's APPNOTE.TXT, 4.3.

const DATE = 0x21; // the first that a ZIP knows, 1 January 1980

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Numbers of 2 and 4 bytes, little-endian: `pack("42", a, b)`.
function pack(sizes, ...numbers) {
  return numbers.flatMap((number, i) => Array.from({ length: Number(sizes[i]) }, (_, byte) => (number >>> (8 * byte)) & 255));
}

// `files` are [name, bytes]; the names are ASCII.
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  let length = 0;
  for (const [name, bytes] of files) {
    const shared = pack("222244422", 0, 0, 0, DATE, crc32(bytes), bytes.length, bytes.length, name.length, 0);
    const entry = [...pack("422", 0x02014b50, 20, 20), ...shared, ...pack("22244", 0, 0, 0, 0, offset)];
    const head = [...pack("42", 0x04034b50, 20), ...shared];
    parts.push(Uint8Array.from(head), name, bytes);
    directory.push(Uint8Array.from(entry), name);
    offset += head.length + name.length + bytes.length;
    length += entry.length + name.length;
  }
  const end = pack("42222442", 0x06054b50, 0, 0, files.length, files.length, length, offset, 0);
  return new Blob([...parts, ...directory, Uint8Array.from(end)], { type: "application/zip" });
}
