// Ink of drawings: all that differs from a canvas of one level (drawings.py, binarization.py).
// It is {contrast, mask, level}: contrast is the difference to the paper, and level that of a full stroke,
// in grey levels.

import { connectedComponents } from "./components.js";
import { reached, rounded } from "./numbers.js";
import { parameters } from "./parameters.js";
import { cropped, hasInColumn, hasInRow, mapped, placed, raster, turned, windowAround } from "./rasters.js";

const { fround } = Math;

// The grey levels of a canvas, by the weights of Pillow.
export function greyOf({ width, height, data }) {
  const grey = raster(width, height);
  for (let i = 0, j = 0; i < grey.data.length; i++, j += 4) {
    grey.data[i] = (data[j] * 19595 + data[j + 1] * 38470 + data[j + 2] * 7471 + 0x8000) >> 16;
  }
  return grey;
}

// The ink of a drawing. A program painted it, so that its paper has no noise. Python also doubts whether
// what is large or solid is ink, as it may be a card or a button on a photo: on the pad, it is.
export function inkOf(grey) {
  const paper = levelOfEdges(grey);
  const differs = mapped(grey, (value) => (value === paper ? 0 : 1));
  const window = windowAround(differs, parameters.drawings.margin);
  const part = cropped(grey, window);
  const darker = part.data.reduce((most, value) => Math.max(most, paper - value), 0);
  const lighter = part.data.reduce((most, value) => Math.max(most, value - paper), 0);
  if (spans(differs) || Math.min(darker, lighter) > parameters.binarization.weak * Math.max(darker, lighter)) {
    throw new Error("Photos need the server: expected a drawing in ink of one colour on paper of one colour.");
  }
  const sign = darker >= lighter ? -1 : 1;
  const contrast = raster(part.width, part.height, Float32Array.from(part.data, (value) => sign * (value - paper)));
  const level = strokeLevel(contrast);
  const [whole, mask] = [contrast, thresholded(contrast, level)].map((each) =>
    placed(each, grey.width, grey.height, window),
  );
  return { contrast: whole, mask, level };
}

export function turnedInk(ink, turns) {
  return { ...ink, contrast: turned(ink.contrast, turns), mask: turned(ink.mask, turns) };
}

function levelOfEdges({ width, height, data }) {
  const counts = new Int32Array(256);
  for (let x = 0; x < width; x++) [data[x], data[(height - 1) * width + x]].forEach((value) => counts[value]++);
  for (let y = 0; y < height; y++) [data[y * width], data[(y + 1) * width - 1]].forEach((value) => counts[value]++);
  return counts.indexOf(Math.max(...counts));
}

// Whether a mask touches two opposite edges, as ruled lines and borders do.
function spans(mask) {
  const { width, height } = mask;
  const isAcross = hasInColumn(mask, 0) && hasInColumn(mask, width - 1);
  return isAcross || (hasInRow(mask, 0) && hasInRow(mask, height - 1));
}

// The contrast of a full stroke, from the strongest points of tiles (contrast.py).
function strokeLevel(contrast) {
  const { tiles, level_share: share } = parameters.contrast;
  const side = Math.max(2, rounded(Math.min(contrast.width, contrast.height) / tiles));
  const smooth = blurred(contrast);
  const [columns, rows] = [Math.floor(contrast.width / side), Math.floor(contrast.height / side)];
  const tops = new Float32Array(columns * rows).fill(-Infinity);
  for (let y = 0; y < rows * side; y++) {
    for (let x = 0; x < columns * side; x++) {
      const tile = Math.floor(y / side) * columns + Math.floor(x / side);
      tops[tile] = Math.max(tops[tile], smooth.data[y * contrast.width + x]);
    }
  }
  const threshold = fround(otsuThreshold(tops));
  const standing = tops.filter((value) => value > threshold);
  return standing.length ? reached(standing, share) : tops.reduce((one, other) => Math.max(one, other), 0);
}

// Means over 3×3 pixels; the pixels at the edges are mirrored (`blur`).
function blurred({ width, height, data }) {
  const mirrored = (at, size) => (size === 1 ? 0 : at < 0 ? 1 : at >= size ? size - 2 : at);
  const made = raster(width, height, new Float32Array(data.length));
  for (let y = 0, i = 0; y < height; y++) {
    const above = mirrored(y - 1, height) * width;
    const below = mirrored(y + 1, height) * width;
    const column = (x) => data[above + x] + data[y * width + x] + data[below + x];
    for (let x = 0; x < width; x++, i++) {
      made.data[i] = (column(mirrored(x - 1, width)) + column(x) + column(mirrored(x + 1, width))) / 9;
    }
  }
  return made;
}

// Otsu's threshold of values above 0, which are scaled to 256 levels for it.
function otsuThreshold(values) {
  const top = values.reduce((one, other) => Math.max(one, other), 0);
  if (top <= 0) return 0;
  const counts = new Float64Array(256);
  for (const value of values) counts[Math.trunc(Math.min(255, Math.max(0, fround(value * fround(255 / top)))))]++;
  const mean = counts.reduce((total, count, level) => total + level * count, 0) / values.length;
  let [share, mass, best, most] = [0, 0, 0, 0];
  counts.forEach((count, level) => {
    share += count / values.length;
    mass += (level * count) / values.length;
    if (Math.min(share, 1 - share) < 1.2e-7) return;
    const variance = share * (1 - share) * (mass / share - (mean - mass) / (1 - share)) ** 2;
    if (variance > most) [best, most] = [level, variance];
  });
  return (best * top) / 255;
}

// Thresholds with hysteresis: ink is above the lower threshold, and holds on to the upper one.
function thresholded(contrast, level) {
  const weak = fround(parameters.binarization.weak * level);
  const strong = fround(parameters.binarization.strong * level);
  const { labels, components } = connectedComponents(mapped(contrast, (value) => (value > weak ? 1 : 0)));
  const isStrong = new Uint8Array(components.length + 1);
  labels.data.forEach((label, i) => {
    if (contrast.data[i] > strong) isStrong[label] = 1;
  });
  return mapped(labels, (label) => (label && isStrong[label] ? 1 : 0));
}
