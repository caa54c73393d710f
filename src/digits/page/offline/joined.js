// Joined ink: on which component of it a symbol stands, so that those on the same one are known (joined.py).

import { connectedComponents } from "./components.js";
import { rounded } from "./numbers.js";
import { cropped } from "./rasters.js";

// The number of the component that has the most ink in each box; 0 if there is none.
export function componentsUnder(mask, boxes) {
  const limited = (value, most) => Math.min(Math.max(rounded(value), 0), most);
  const places = boxes.map(([x, y, width, height]) => ({
    left: limited(x, mask.width),
    top: limited(y, mask.height),
    right: limited(x + width, mask.width),
    bottom: limited(y + height, mask.height),
  }));
  const { labels, components } = connectedComponents(mask);
  return places.map((place) => {
    const counts = new Int32Array(components.length + 1);
    for (const label of cropped(labels, place).data) counts[label]++;
    counts[0] = 0;
    return counts.indexOf(Math.max(...counts));
  });
}
