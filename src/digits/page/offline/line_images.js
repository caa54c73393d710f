// Line images: a word cut out level, with digits of one size, as the line network sees it
// (line_images.py). A view is {size, stretch, shear, isUpright, isRuled}, a box [left, top, width, height].

import { connectedComponents, maskOf, pixelsIn } from "./components.js";
import { outermost } from "./geometry.js";
import { blankGlyph, framed, strokeStrength, thickened } from "./glyphs.js";
import { boxOf, clamp, extent, radians, rounded } from "./numbers.js";
import { parameters } from "./parameters.js";
import { cropped, hasInColumn, hasInRow, isEmpty, mapped } from "./rasters.js";
import { apply, composed, inverted, resized, sampled, warped } from "./transforms.js";

const { fround } = Math;

// The number of columns that the line network gives for a word, in one view, about.
export function expectedColumns(word) {
  const its = parameters.line_images;
  const width = (word.width / word.height) * its.digit_height + 2 * (its.side_margin + its.pad);
  return Math.min(width, its.max_width) / its.column_step;
}

// Cuts a word out of a picture, once for each view; `largest` is the largest size in which it is ever
// seen. An image is {pixels, toPicture, box, stroke}.
export function lineImages(word, ink, views, largest) {
  if (!views.length) return [];
  const { digit_height: digitHeight, line_height: lineHeight } = parameters.line_images;
  const { small, fromSmall } = cutOut(word, ink, (digitHeight * largest) / word.height);
  return views.map((view) => {
    const { toImage, width } = mapToImage(word, view);
    return {
      pixels: warped(small, composed(toImage, fromSmall), width, lineHeight),
      toPicture: inverted(toImage),
      box: boxOf(extent(word.corners.map((corner) => apply(toImage, corner)))),
      stroke: (word.stroke * digitHeight * view.size) / word.height,
    };
  });
}

// Maps a box of an image to the upright box around it in the picture.
export function boxInPicture(image, box) {
  return boxOf(extent(cornersOf(box).map((corner) => apply(image.toPicture, corner))));
}

function cornersOf([left, top, width, height]) {
  return [left, left + width].flatMap((x) => [top, top + height].map((y) => [x, y]));
}

// Frames the digit in a box of a line's image. Where it is alone, and all that the word says, what goes
// on past the box is part of it. Returns {glyph, box}: black and the box itself if there is no ink.
export function framePart(image, box, ink, isAlone) {
  const its = parameters.line_images;
  const [from, to] = [box.slice(0, 2), [box[0] + box[2], box[1] + box[3]]];
  let [start, end] = [from.map((value) => value - its.margin), to.map((value) => value + its.margin)];
  if (isAlone) {
    // By a digit's height at most: the word may be a whole line that says no more.
    start = start.map((value, axis) => value - clamp(value - image.box[axis], 0, its.digit_height));
    end = end.map((value, axis) => value + clamp(image.box[axis] + image.box[axis + 2] - value, 0, its.digit_height));
  }
  const zoom = Math.min(Math.max(its.thin / image.stroke, its.zoom), its.max_zoom);
  const toPicture = composed(image.toPicture, [1 / zoom, 0, start[0], 0, 1 / zoom, start[1]]);
  const [width, height] = [0, 1].map((axis) => rounded((end[axis] - start[axis]) * zoom));
  const contrast = sampled(ink.contrast, toPicture, width, height);
  const around = sampled(ink.mask, toPicture, width, height);
  const [corner, opposite] = [from, to].map((point) => point.map((value, axis) => rounded((value - start[axis]) * zoom)));
  const mask = mostlyInside(around, {
    left: corner[0],
    top: corner[1],
    right: Math.min(width, opposite[0]),
    bottom: Math.min(height, opposite[1]),
  });
  if (isEmpty(mask)) return { glyph: blankGlyph(), box: boxInPicture(image, box), isApart: false };
  // Its ink ends there, and does not go on in what stands beside it.
  const isApart = ![0, height - 1].some((y) => hasInRow(mask, y)) && ![0, width - 1].some((x) => hasInColumn(mask, x));
  return { glyph: framed(strokeStrength(contrast, mask, ink), mask), box: boxAroundInk(mask, toPicture), isApart };
}

// The upright box in the picture around the pixels of another image.
function boxAroundInk(mask, toPicture) {
  const corners = outermost(mask).flatMap(([x, y]) => cornersOf([x, y, 1, 1]));
  return boxOf(extent(corners.map((corner) => apply(toPicture, corner))));
}

// Keeps the components that are at least half within a window.
function mostlyInside(mask, window) {
  const { labels, components } = connectedComponents(mask);
  const inside = pixelsIn(labels, window, components);
  return maskOf(labels, components.filter((each) => 2 * inside[each.label] >= each.area));
}

// The map from a picture to a word's image, and the image's width.
function mapToImage(word, view) {
  const its = parameters.line_images;
  const scale = (its.digit_height * view.size) / word.height;
  const across = scale * view.stretch;
  const [before, after] = word.room.map((room) => Math.min(its.side_margin / across, room));
  const [cosine, sine] = [Math.cos(radians(word.angle)), Math.sin(radians(word.angle))];
  const length = word.width * (view.isUpright ? cosine : 1);
  const width = Math.min((before + length + after) * across + 2 * its.pad, its.max_width);
  const level = view.isUpright ? [1, 0, 0, -sine / cosine, 1, 0] : [cosine, sine, 0, -sine, cosine, 0];
  const linear = composed([across, view.shear * scale, 0, 0, scale, 0], level);
  const [x, y] = apply(linear, word.centre);
  const toImage = [...linear];
  toImage[2] = its.pad + (before + length / 2) * across - x;
  toImage[5] = its.line_height / 2 - y;
  const step = its.column_step;
  return { toImage, width: Math.max(step * 8, rounded(width / step) * step) };
}

// Cuts a word out with what is around it, and scales it: the strength of its ink, and the map from its
// pixels to the picture's.
function cutOut(word, ink, scale) {
  const its = parameters.line_images;
  const { contrast } = ink;
  const reach = its.line_height / 2 / scale;
  const half = word.width / 2 + Math.max(...word.room.map((room) => Math.min(its.side_margin / scale, room)));
  const [cosine, sine] = [Math.cos(radians(word.angle)), Math.abs(Math.sin(radians(word.angle)))];
  const [across, down] = [half * cosine + 1.5 * reach * sine, half * sine + 1.5 * reach * cosine];
  const edge = (value, most) => Math.trunc(clamp(value, 0, most));
  const left = edge(word.centre[0] - across, contrast.width);
  const top = edge(word.centre[1] - down, contrast.height);
  const right = Math.min(contrast.width, edge(word.centre[0] + across, contrast.width) + 1);
  const bottom = Math.min(contrast.height, edge(word.centre[1] + down, contrast.height) + 1);
  const part = cropped(contrast, { left, top, right, bottom });
  const factor = fround(255 / Math.max(word.level, 1));
  const strength = mapped(part, (value) => clamp(fround(value * factor), 0, 255));
  const [width, height] = [part.width, part.height].map((side) => Math.max(1, rounded(side * scale)));
  const small = resized(thickened(strength, word.stroke, scale), width, height, scale < 1);
  const [x, y] = [part.width / width, part.height / height];
  // Pixels are squares around whole numbers: their centres, not their corners, are mapped.
  return { small, fromSmall: [x, 0, left + (x - 1) / 2, 0, y, top + (y - 1) / 2] };
}
