// Morphology: OpenCV's `dilate` and `morphologyEx` by rectangles and ellipses. As there, the anchor
// of an even element is the pixel behind its middle.

import { rounded } from "./numbers.js";
import { raster, transposed } from "./rasters.js";

export function dilated(from, across, down) {
  const wide = across > 1 ? dilatedAcross(from, across) : from;
  return down > 1 ? transposed(dilatedAcross(transposed(wide), down)) : wide;
}

function dilatedAcross({ width, height, data }, size) {
  const made = raster(width, height, data.slice());
  const before = size >> 1;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const first = i - Math.min(x, before);
      const last = i + Math.min(width - 1 - x, size - 1 - before);
      let most = data[i];
      for (let j = first; j <= last; j++) if (data[j] > most) most = data[j];
      made.data[i] = most;
    }
  }
  return made;
}

export function dilatedByEllipse({ width, height, data }, size) {
  const radius = size >> 1;
  const made = raster(width, height, data.slice());
  for (let row = 0; row < size; row++) {
    const off = row - radius;
    const reach = rounded(radius * Math.sqrt((radius ** 2 - off ** 2) / (radius ** 2 || 1)));
    const [first, last] = [Math.max(radius - reach, 0) - radius, Math.min(radius + reach, size - 1) - radius];
    for (let y = Math.max(0, -off); y < Math.min(height, height - off); y++) {
      for (let x = 0; x < width; x++) {
        let most = made.data[y * width + x];
        const end = (y + off) * width + Math.min(width - 1, x + last);
        for (let j = (y + off) * width + Math.max(0, x + first); j <= end; j++) if (data[j] > most) most = data[j];
        made.data[y * width + x] = most;
      }
    }
  }
  return made;
}

// Keeps the level runs of a mask that are at least so long (`MORPH_OPEN`); ink is taken to go on
// outside of it.
export function openedAcross({ width, height, data }, size) {
  const made = raster(width, height);
  const before = size >> 1;
  const after = size - 1 - before;
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const to = made.data.subarray(y * width, (y + 1) * width);
    let gap = -Infinity; // the last pixel without ink
    let filled = 0; // all pixels before this one are done
    for (let x = 0; x < width + after; x++) {
      if (x < width && !row[x]) gap = x;
      const middle = x - after; // of the element whose last pixel this is
      if (middle < 0 || gap >= x - size + 1) continue;
      const end = Math.min(width, middle + before + 1);
      const start = Math.max(filled, middle - after, 0);
      if (end > start) to.fill(1, start, end);
      filled = Math.max(filled, end);
    }
  }
  return made;
}

export function openedDown(mask, size) {
  return transposed(openedAcross(transposed(mask), size));
}
