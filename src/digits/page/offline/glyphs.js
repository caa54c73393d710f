// Glyphs: digits framed as MNIST's are, 20×20 pixels with their mass in the middle of 28×28 (glyphs.py).

import { connectedComponents, depthIn, maskOf, strokeWidth } from "./components.js";
import { dilated, dilatedByEllipse } from "./morphology.js";
import { boxOf, clamp, largest, reached, rounded } from "./numbers.js";
import { parameters } from "./parameters.js";
import { chosen, cropped, isEmpty, mapped, raster, windowAround } from "./rasters.js";
import { withoutBoxes } from "./ruled_lines.js";
import { resized } from "./transforms.js";

const { fround } = Math;

export function blankGlyph() {
  const { size } = parameters.glyphs;
  return raster(size, size);
}

// Scales the contrast of some ink and its soft edges from 0, paper, to 1, a full stroke.
export function strokeStrength(contrast, mask, ink) {
  const its = parameters.glyphs;
  const top = reached(chosen(contrast, mask), its.full_share);
  const ground = fround(Math.min(its.ground_level * ink.level, its.ground_most * top));
  const near = dilated(mask, 3, 3).data;
  const range = fround(top - ground);
  const strength = contrast.data.map((value, i) => (near[i] ? clamp(fround(value - ground) / range, 0, 1) : 0));
  return raster(contrast.width, contrast.height, strength);
}

// Frames a digit as MNIST's makers did: normalises its size and centres its mass.
export function framed(strength, mask) {
  const { size, digit_size: digitSize, centre } = parameters.glyphs;
  const window = windowAround(mask);
  const [width, height] = [window.right - window.left, window.bottom - window.top];
  const factor = digitSize / Math.max(width, height);
  const digit = thickened(cropped(strength, window), strokeWidth(cropped(mask, window)), factor);
  const sides = [width, height].map((side) => Math.max(1, rounded(side * factor)));
  const small = resized(digit, ...sides, factor < 1);
  const glyph = blankGlyph();
  let [mass, across, down] = [0, 0, 0];
  small.data.forEach((value, i) => {
    const x = i % small.width;
    mass += value;
    across += value * x;
    down += (value * (i - x)) / small.width;
  });
  if (!mass) return glyph;
  const [left, top] = [rounded(centre - across / mass), rounded(centre - down / mass)];
  const scale = fround(255 / small.data.reduce((one, other) => Math.max(one, other)));
  small.data.forEach((value, i) => {
    const x = i % small.width;
    const [toX, toY] = [x + left, (i - x) / small.width + top];
    if (toX < 0 || toY < 0 || toX >= size || toY >= size) return;
    glyph.data[toY * size + toX] = Math.min(255, fround(value * scale));
  });
  return glyph;
}

// Widens strokes that would be too thin once they are scaled by a factor.
export function thickened(strength, stroke, factor) {
  const { thinnest, large_element: large } = parameters.glyphs;
  const missing = (thinnest - stroke * factor) / factor;
  if (missing < 1) return strength;
  const size = rounded(missing) + 1;
  // A large ellipse takes long, and a square does as well where strokes are so thin.
  return size < large ? dilatedByEllipse(strength, size) : dilated(strength, size, size);
}

// The share of a glyph's ink that lies deeper than in strokes.
export function depthShare(glyph) {
  const { stroke_depth: deep } = parameters.glyphs;
  const depth = depthIn(inkOfGlyph(glyph)).data.filter((value) => value > 0);
  return depth.filter((value) => value > deep).length / Math.max(1, depth.length);
}

// The width of a glyph's ink by its height; 1 if there is none.
export function aspectRatio(glyph) {
  const ink = inkOfGlyph(glyph);
  const { left, top, right, bottom } = windowAround(ink);
  return isEmpty(ink) ? 1 : (right - left) / (bottom - top);
}

function inkOfGlyph(glyph) {
  return mapped(glyph, (value) => (value > parameters.glyphs.ink_level ? 1 : 0));
}

// Frames the one digit of a picture: the largest component nearest the middle, with its parts. Parts of
// neighbours, specks, a box around it and lines at the edges are left away. Returns {glyph, box}, or null
// if there is no ink.
export function frameSingle(ink) {
  const mask = mainDigit(ink);
  if (!mask) return null;
  const glyph = framed(strokeStrength(ink.contrast, mask, ink), mask);
  return { glyph, box: boxOf(windowAround(mask)) };
}

function mainDigit(ink) {
  const [its, { above, above_gap: aboveGap }] = [parameters.single, parameters.layout];
  const { width, height } = ink.mask;
  const [mask] = withoutBoxes(ink.mask);
  const { labels, components } = connectedComponents(mask);
  if (!components.length) return null;
  const weights = new Float64Array(components.length + 1);
  labels.data.forEach((label, i) => (weights[label] += Math.max(0, ink.contrast.data[i])));
  const main = largest(components, ({ label, left, top, right, bottom }) => {
    const away = ((left + right) / (2 * width) - 0.5) ** 2 + ((top + bottom) / (2 * height) - 0.5) ** 2;
    return weights[label] * Math.exp(-its.centredness * away);
  });
  const size = Math.max(main.width, main.height);
  const parts = components.filter((each) => {
    if (each === main) return true;
    const isAtEdge = each.left <= 1 || each.top <= 1 || each.right >= width - 1 || each.bottom >= height - 1;
    const overlap = Math.min(each.right, main.right) - Math.max(each.left, main.left);
    const gapDown = Math.max(0, each.top - main.bottom, main.top - each.bottom);
    const isAbove = overlap > above * each.width && gapDown < aboveGap * size;
    const isBeside = Math.max(0, -overlap) < its.near * size && gapDown === 0;
    const isLine = each.width > its.line_width * width;
    return !isAtEdge ? isAbove || isBeside : isAbove && gapDown < its.near * size && !isLine;
  });
  return maskOf(labels, parts);
}
