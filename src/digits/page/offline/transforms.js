// Transforms: OpenCV's `resize` and `warpAffine`, with 0 around. A matrix is [a, b, c, d, e, f], which
// maps x, y to ax + by + c, dx + ey + f.

import { clamp, rounded } from "./numbers.js";
import { raster } from "./rasters.js";

const { floor, fround } = Math;

// The map that another one follows.
export function composed([a, b, c, d, e, f], [p, q, r, s, t, u]) {
  return [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f];
}

export function inverted([a, b, c, d, e, f]) {
  const scale = 1 / (a * e - b * d);
  const [p, q, s, t] = [e * scale, -b * scale, -d * scale, a * scale];
  return [p, q, -p * c - q * f, s, t, -s * c - t * f];
}

export function apply([a, b, c, d, e, f], [x, y]) {
  return [a * x + b * y + c, d * x + e * y + f];
}

// The turn around a point, anticlockwise in degrees (`getRotationMatrix2D`).
export function rotation([x, y], degrees) {
  const [cosine, sine] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [cosine, sine, (1 - cosine) * x - sine * y, -sine, cosine, sine * x + (1 - cosine) * y];
}

// Maps a raster by a matrix, with pixels in between interpolated.
export function warped(from, matrix, width, height) {
  return sampled(from, inverted(matrix), width, height);
}

// The raster in which each pixel is where a matrix says in another one (`WARP_INVERSE_MAP`).
export function sampled({ width: columns, height: rows, data }, matrix, width, height) {
  const [a, b, c, d, e, f] = matrix.map(fround);
  const made = new data.constructor(width * height);
  const isWhole = !(data instanceof Float32Array);
  const at = (x, y) => (x >= 0 && y >= 0 && x < columns && y < rows ? data[y * columns + x] : 0);
  for (let y = 0, i = 0; y < height; y++) {
    const startX = fround(fround(y * b) + c);
    const startY = fround(fround(y * e) + f);
    for (let x = 0; x < width; x++, i++) {
      const u = fround(fround(x * a) + startX);
      const v = fround(fround(x * d) + startY);
      const left = floor(u);
      const top = floor(v);
      if (left < -1 || top < -1 || left >= columns || top >= rows) continue;
      const across = u - left;
      const down = v - top;
      const above = at(left, top) + across * (at(left + 1, top) - at(left, top));
      const below = at(left, top + 1) + across * (at(left + 1, top + 1) - at(left, top + 1));
      const value = above + down * (below - above);
      made[i] = isWhole ? rounded(value) : value;
    }
  }
  return raster(width, height, made);
}

// Maps a mask by a matrix, each pixel taken from the nearest one (`INTER_NEAREST`).
export function warpedToNearest({ width: columns, height: rows, data }, matrix, width, height) {
  const [a, b, c, d, e, f] = inverted(matrix).map(fround);
  const made = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const startX = fround(fround(y * b) + c);
    const startY = fround(fround(y * e) + f);
    for (let x = 0; x < width; x++, i++) {
      const u = rounded(fround(fround(x * a) + startX));
      const v = rounded(fround(fround(x * d) + startY));
      if (u >= 0 && v >= 0 && u < columns && v < rows) made[i] = data[v * columns + u];
    }
  }
  return raster(width, height, made);
}

// Resizes by the mean over areas where it shrinks, or else by interpolation.
export function resized(from, width, height, isShrunk) {
  if (width === from.width && height === from.height) return from;
  const isWhole = !(from.data instanceof Float32Array);
  return isShrunk ? shrunk(from, width, height, isWhole) : enlarged(from, width, height, isWhole);
}

// `INTER_AREA`.
function shrunk(from, width, height, isWhole) {
  const [columns, rows] = [areas(from.width, width), areas(from.height, height)];
  const across = new Float64Array(width * from.height);
  for (let y = 0; y < from.height; y++) {
    columns.forEach((taps, x) => {
      let total = 0;
      for (const [at, weight] of taps) total += from.data[y * from.width + at] * weight;
      across[y * width + x] = total;
    });
  }
  const made = new from.data.constructor(width * height);
  rows.forEach((taps, y) => {
    for (let x = 0; x < width; x++) {
      let total = 0;
      for (const [at, weight] of taps) total += across[at * width + x] * weight;
      made[y * width + x] = isWhole ? floor(total + 0.5) : total;
    }
  });
  return raster(width, height, made);
}

// Of each pixel after shrinking, the pixels before it that it covers, with their weights.
function areas(before, after) {
  const scale = before / after;
  return Array.from({ length: after }, (_, i) => {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, before)];
    const taps = [];
    for (let at = floor(start); at < end; at++) {
      const share = Math.min(end, at + 1) - Math.max(start, at);
      if (share > 1e-3) taps.push([at, share / (end - start)]);
    }
    return taps;
  });
}

const COEFFICIENT = 2048; // of whole numbers, for which OpenCV computes in fixed point

// `INTER_LINEAR`.
function enlarged(from, width, height, isWhole) {
  const [columns, rows] = [taps(from.width, width), taps(from.height, height)];
  const across = new Float64Array(width * from.height);
  for (let y = 0; y < from.height; y++) {
    columns.forEach(([left, right, share], x) => {
      const [one, other] = [from.data[y * from.width + left], from.data[y * from.width + right]];
      const part = isWhole ? rounded(share * COEFFICIENT) / COEFFICIENT : share;
      across[y * width + x] = one * (1 - part) + other * part;
    });
  }
  const made = new from.data.constructor(width * height);
  rows.forEach(([top, bottom, share], y) => {
    const part = isWhole ? rounded(share * COEFFICIENT) / COEFFICIENT : share;
    for (let x = 0; x < width; x++) {
      const value = across[top * width + x] * (1 - part) + across[bottom * width + x] * part;
      made[y * width + x] = isWhole ? clamp(floor(value + 0.5), 0, 255) : value;
    }
  });
  return raster(width, height, made);
}

// Of each pixel after enlarging, the two before it that it lies between, and the share of the second.
function taps(before, after) {
  return Array.from({ length: after }, (_, i) => {
    const place = fround(((i + 0.5) * before) / after - 0.5);
    const first = floor(place);
    if (first < 0) return [0, 0, 0];
    if (first >= before - 1) return [before - 1, before - 1, 0];
    return [first, first + 1, place - first];
  });
}
