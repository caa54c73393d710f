// Layout analysis: components of ink, grouped into words and lines, and deskewed (layout.py).

import { connectedComponents, deepest, isAtEdge, maskOf, ownInk, strokeWidth, typicalHeight } from "./components.js";
import { median, radians, reached } from "./numbers.js";
import { parameters } from "./parameters.js";
import { chosen, cropped, mapped } from "./rasters.js";

// Digits that stand beside each other, as an oriented rectangle: `centre` is [x, y], `width` the length
// of its baseline, `height` that of its digits, all in pixels, and `angle` that by which it falls to
// the right, in degrees. `level` and `stroke` are those of its ink, `room` the distances to the middle
// of the gaps before and after it; it `goesOn` where the one before it was cut.
class Word {
  constructor(properties) {
    Object.assign(this, { room: [Infinity, Infinity], goesOn: false }, properties);
  }

  get corners() {
    const [cosine, sine] = [Math.cos(radians(this.angle)), Math.sin(radians(this.angle))];
    const [along, down] = [this.width / 2, this.height / 2];
    return [-1, 1].flatMap((x) =>
      [-1, 1].map((y) => [
        this.centre[0] + x * along * cosine - y * down * sine,
        this.centre[1] + x * along * sine + y * down * cosine,
      ]),
    );
  }
}

// The lines from top to bottom, each as its words from left to right; null if there are more marks
// than a page of writing has.
export function findLines(ink) {
  const its = parameters.layout;
  const { labels, components: all } = connectedComponents(ink.mask);
  let components = withoutShadows(labels, all);
  if (!components.length) return [];
  const height = typicalHeight(components);
  components = withoutSpecks(labels, components, height);
  if (components.length > its.max_components) return null;
  const groups = grouped(components, height).map((group) => ({ group, parts: cut(group, its.long * height) }));
  if (groups.reduce((total, { parts }) => total + parts.length, 0) > its.max_words) return null;
  const words = groups
    .map(({ group, parts }) => ({ box: boxAround(group), parts: measuredParts(ink, labels, parts) }))
    .filter(({ parts }) => parts.length);
  return inReadingOrder(words).map((line) => withRoom(line.flatMap(({ parts }) => parts)));
}

// Drops what reaches in from the picture's edge and is much thicker than other strokes.
function withoutShadows(labels, components) {
  if (!components.some((each) => isAtEdge(labels, each))) return components;
  const limit = parameters.layout.shadow_depth * strokeWidth(maskOf(labels, components));
  return components.filter((each) => !isAtEdge(labels, each) || deepest(ownInk(labels, each)) <= limit);
}

// Drops dots, dirt and what the picture's edge cut off.
function withoutSpecks(labels, components, height) {
  const its = parameters.layout;
  const size = (each) => Math.max(each.width, each.height);
  const mayBeDot = (each) => size(each) < its.dot * height;
  const hasDots = components.some(mayBeDot);
  const stroke = hasDots ? strokeWidth(mapped(labels, (label) => (label ? 1 : 0))) : 0;
  return components.filter((each) => {
    if (size(each) < parameters.ruled_lines.speck * height || size(each) < its.smallest) return false;
    if (mayBeDot(each) && size(each) < its.dot_strokes * stroke) return false;
    return !isAtEdge(labels, each) || size(each) >= its.edge_speck * height;
  });
}

// Groups components into words: tall ones are chained to those beside them. A small one joins a word
// if it stands above or below one of its tall components, like the roof of a 5, and is dropped
// otherwise, like a dash.
function grouped(components, height) {
  const its = parameters.layout;
  const isTall = (each) => each.height >= its.tall * height;
  const tall = components.filter(isTall).toSorted((one, other) => one.left - other.left);
  if (Math.abs(skew(tall, height)) > its.skew_limit) return [components];
  const word = chained(tall, height);
  const numbers = [...new Set(word)].sort((one, other) => one - other);
  const members = numbers.map((number) => tall.filter((_, i) => word[i] === number));
  const extra = members.map(() => []);
  for (const each of components) {
    if (isTall(each)) continue;
    const near = word.filter((_, i) => {
      const shared = Math.min(each.right, tall[i].right) - Math.max(each.left, tall[i].left);
      const gap = Math.max(each.top - tall[i].bottom, tall[i].top - each.bottom);
      return shared > its.above * each.width && gap < its.above_gap * height;
    });
    if (near.length) extra[numbers.indexOf(Math.min(...near))].push(each);
  }
  return members.map((own, i) => [...own, ...extra[i]]);
}

// Numbers the word of each component, from left to right: those beside each other stand in one.
function chained(components, height) {
  const its = parameters.layout;
  const isHuge = (each) => each.height > parameters.ruled_lines.long * height; // it would chain the lines beside it
  const word = components.map((_, i) => i);
  components.forEach((one, i) => {
    for (let j = i + 1; j < components.length && components[j].left <= one.right + its.reach * height; j++) {
      const other = components[j];
      if (isHuge(one) || isHuge(other)) continue;
      const shared = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (shared <= its.beside * Math.min(one.height, other.height) || word[i] === word[j]) continue;
      const [first, second] = [Math.min(word[i], word[j]), Math.max(word[i], word[j])];
      word.forEach((number, k) => {
        if (number === second) word[k] = first;
      });
    }
  });
  return word;
}

// Cuts a long word at its widest gaps into parts, from left to right; one without gaps, or skewed, may
// be longer than `longest`.
function cut(group, longest) {
  const its = parameters.layout;
  const order = group.toSorted((one, other) => one.left - other.left);
  const ends = [];
  for (const each of order) ends.push(Math.max(ends.at(-1) ?? 0, each.right));
  const start = order[0].left;
  const width = ends.at(-1) - start;
  if (width <= longest || Math.abs(skew(order, longest / its.long)) > its.skew_limit) return [order];
  const gaps = order.slice(1).map((each, i) => {
    const gap = each.left - ends[i];
    // In the middle, if there is any: single digits tell less than numbers.
    const isMiddle = Math.abs((each.left + ends[i]) / 2 - start - width / 2) < width / 4;
    return isMiddle && gap > 0 ? gap + width : gap;
  });
  const place = gaps.indexOf(Math.max(...gaps));
  if (!gaps.length || gaps[place] <= 0) return [order];
  return [order.slice(0, place + 1), order.slice(place + 1)].flatMap((side) => cut(side, longest));
}

function boxAround(components) {
  return {
    left: Math.min(...components.map((each) => each.left)),
    top: Math.min(...components.map((each) => each.top)),
    right: Math.max(...components.map((each) => each.right)),
    bottom: Math.max(...components.map((each) => each.bottom)),
  };
}

// Measures the parts of a word, each with its box; without those that are grain.
function measuredParts(ink, labels, parts) {
  return parts
    .map((part) => ({ box: boxAround(part), word: measured(ink, labels, part) }))
    .filter(({ word }) => word.height >= parameters.layout.smallest)
    .map(({ box, word }, i) => ({ box, word: new Word({ ...word, goesOn: i > 0 }) }));
}

function measured(ink, labels, components) {
  const its = parameters.layout;
  const window = boxAround(components);
  const mask = maskOf(cropped(labels, window), components);
  // The median of the higher half: parts of broken digits are low.
  const heights = components.map((each) => each.height).sort((one, other) => one - other);
  const height = median(heights.slice(heights.length >> 1));
  const angle = skew(components, height);
  const [cosine, sine] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  const places = components.map((each) => {
    const [x, y] = [(each.left + each.right) / 2, (each.top + each.bottom) / 2];
    return { along: x * cosine + y * sine, down: y * cosine - x * sine, half: each.width / 2, height: each.height };
  });
  const first = Math.min(...places.map(({ along, half }) => along - half));
  const last = Math.max(...places.map(({ along, half }) => along + half));
  const tall = places.filter((each) => each.height > its.skew_tall * height);
  const [middle, depth] = [(first + last) / 2, median(tall.map(({ down }) => down))];
  return {
    centre: [middle * cosine - depth * sine, middle * sine + depth * cosine],
    width: last - first,
    height,
    angle,
    level: reached(chosen(cropped(ink.contrast, window), mask), its.full_share),
    stroke: strokeWidth(mask),
  };
}

// Tells each word of a line how far it is to the middle of the gaps beside it.
function withRoom(line) {
  const gaps = line.slice(1).map((after, i) => Math.max(0, (after.box.left - line[i].box.right) / 2));
  return line.map(({ word }, i) => new Word({ ...word, room: [gaps[i - 1] ?? Infinity, gaps[i] ?? Infinity] }));
}

// The angle by which a word falls to the right, in degrees; 0 if fewer than three digits agree.
function skew(components, height) {
  const its = parameters.layout;
  const tall = components.filter((each) => each.height > its.skew_tall * height);
  if (tall.length < 3) return 0; // a line goes through any two
  const points = tall.map((each) => [(each.left + each.right) / 2, (each.top + each.bottom) / 2]);
  const across = points.map(([x]) => x);
  if (Math.max(...across) - Math.min(...across) < height) return 0;
  const [meanX, meanY] = [0, 1].map((axis) => points.reduce((total, point) => total + point[axis], 0) / points.length);
  const spread = points.reduce((total, [x]) => total + (x - meanX) ** 2, 0);
  const slope = points.reduce((total, [x, y]) => total + (x - meanX) * (y - meanY), 0) / spread;
  const residual = Math.max(...points.map(([x, y]) => Math.abs(y - meanY - slope * (x - meanX))));
  return residual < its.skew_residual * height ? (Math.atan(slope) * 180) / Math.PI : 0;
}

// Sorts words into lines: from the top, and each line from the left.
function inReadingOrder(words) {
  const lines = [];
  for (const word of words.toSorted((one, other) => one.box.top + one.box.bottom - other.box.top - other.box.bottom)) {
    const { box } = word;
    const line = lines.find((found) => {
      const { top, bottom } = found.at(-1).box;
      const shared = Math.min(bottom, box.bottom) - Math.max(top, box.top);
      const isBeside = found.every((other) => box.left >= other.box.right || box.right <= other.box.left);
      return isBeside && shared > parameters.layout.same_line * Math.min(bottom - top, box.bottom - box.top);
    });
    if (line) line.push(word);
    else lines.push([word]);
  }
  return lines.map((line) => line.toSorted((one, other) => one.box.left - other.box.left));
}
