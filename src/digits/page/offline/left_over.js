// Ink that was left over: what no symbol covers, so that nothing is lost in silence (left_over.py).

import { connectedComponents, typicalHeight } from "./components.js";
import { boxOf, median } from "./numbers.js";
import { parameters } from "./parameters.js";
import { without } from "./rasters.js";

// Lists the ink that no symbol covers, and the ruled lines that were erased, as [kind, box].
export function leftOver(ink, unruled, boxes) {
  const { part_of_height: part } = parameters.left_over;
  const { labels, components } = connectedComponents(unruled);
  let { height } = ink;
  if (boxes.length) height = median(boxes.map((box) => box[3]));
  else if (components.length) height = typicalHeight(components);
  const covered = pixelsCovered(labels, components, boxes);
  const rules = connectedComponents(without(ink, unruled)).components;
  const found = longest(rules, height).map((each) => ["rule", boxOf(each)]);
  const unread = components.filter((each) => covered[each.label] < parameters.left_over.covered * each.area);
  for (const each of longest(unread, part * height)) {
    const isSmall = Math.max(each.width, each.height) < 2 * part * height;
    found.push([isSmall ? "speck" : "not a digit", boxOf(each)]);
  }
  return found;
}

// The number of pixels of each component that boxes cover, by label.
function pixelsCovered({ width, height, data }, components, boxes) {
  const isRead = new Uint8Array(data.length);
  for (const [left, top, wide, tall] of boxes) {
    const [first, end] = [Math.max(0, Math.trunc(left)), Math.min(width, Math.max(0, Math.ceil(left + wide)))];
    for (let y = Math.max(0, Math.trunc(top)); y < Math.min(height, Math.ceil(top + tall)); y++) {
      if (first < end) isRead.fill(1, y * width + first, y * width + end);
    }
  }
  const counts = new Int32Array(components.length + 1);
  data.forEach((label, i) => (counts[label] += isRead[i]));
  return counts;
}

// The largest of the components that are so long.
function longest(components, length) {
  return components
    .filter((each) => Math.max(each.width, each.height) >= length)
    .toSorted((one, other) => other.area - one.area)
    .slice(0, parameters.left_over.most);
}
