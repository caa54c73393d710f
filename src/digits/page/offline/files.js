// Files beside a page without a server, some of them gzipped, unless the web server has undone that.

const GZIP = [0x1f, 0x8b];

export async function fetchFile(name) {
  const url = new URL(`../../networks/${name}`, import.meta.url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`networks/${name} is missing beside this page.`);
  const content = await response.arrayBuffer();
  const start = new Uint8Array(content, 0, 2);
  if (!GZIP.every((byte, index) => byte === start[index])) return content;
  return new Response(new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

export async function fetchDocument(name) {
  return JSON.parse(new TextDecoder().decode(await fetchFile(name)));
}
