// Connected components of masks, and their measures: boxes, stroke widths, depths, typical height.

import { median } from "./numbers.js";
import { dilated } from "./morphology.js";
import { cropped, mapped, padded, raster, windowAround } from "./rasters.js";

// Labels the components of a mask: {labels, components}, both with labels from 1. Pixels that touch
// at a corner are connected, or not (`connectedComponentsWithStats`). A component is {label, left,
// top, right, bottom, width, height, area, first}, `first` being its first pixel in `labels.data`.
export function connectedComponents({ width, height, data }, atCorners = true) {
  const labels = new Int32Array(width * height);
  const parents = [0]; // of provisional labels
  const root = (label) => {
    while (parents[label] !== label) label = parents[label] = parents[parents[label]];
    return label;
  };
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!data[i]) continue;
      let label = x ? labels[i - 1] : 0;
      const reach = atCorners ? 1 : 0;
      for (let j = i - width - Math.min(x, reach); y && j <= i - width + Math.min(width - 1 - x, reach); j++) {
        if (!labels[j] || labels[j] === label) continue;
        const [one, other] = [root(label || labels[j]), root(labels[j])];
        label = Math.min(one, other);
        parents[one] = parents[other] = label;
      }
      if (!label) parents.push((label = parents.length));
      labels[i] = label;
    }
  }
  const numbers = new Int32Array(parents.length);
  const components = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!labels[i]) continue;
      const provisional = root(labels[i]);
      if (!numbers[provisional]) {
        numbers[provisional] = components.length + 1;
        components.push({ label: components.length + 1, left: x, top: y, right: 0, bottom: 0, area: 0, first: i });
      }
      const component = components[(labels[i] = numbers[provisional]) - 1];
      component.area++;
      component.left = Math.min(component.left, x);
      component.right = Math.max(component.right, x + 1);
      component.bottom = y + 1;
    }
  }
  for (const each of components) {
    each.width = each.right - each.left;
    each.height = each.bottom - each.top;
  }
  return { labels: raster(width, height, labels), components };
}

// Whether a component reaches the edge of a raster.
export function isAtEdge({ width, height }, { left, top, right, bottom }) {
  return left <= 1 || top <= 1 || right >= width - 1 || bottom >= height - 1;
}

// The pixels of some components.
export function maskOf(labels, components) {
  const isChosen = new Uint8Array(1 + Math.max(0, ...components.map((each) => each.label)));
  for (const { label } of components) isChosen[label] = 1;
  const mask = raster(labels.width, labels.height);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = isChosen[labels.data[i]] ?? 0;
  return mask;
}

// The pixels of one component, in its window.
export function ownInk(labels, component) {
  return mapped(cropped(labels, component), (label) => (label === component.label ? 1 : 0));
}

// The number of pixels of each component in a window, by label.
export function pixelsIn(labels, window, components) {
  const counts = new Int32Array(components.length + 1);
  for (const label of cropped(labels, window).data) counts[label]++;
  return counts;
}

// The typical width of strokes, in pixels, by the median depth of their ridges.
export function strokeWidth(mask) {
  const depth = depthIn(cropped(mask, windowAround(mask)));
  const around = dilated(depth, 3, 3).data;
  const ridge = depth.data.filter((value, i) => value > 0 && value >= around[i]);
  // Twice a ridge's depth is the width where that is even, and a pixel more where it is odd.
  return ridge.length ? 2 * median(ridge) - 0.5 : 1;
}

export function deepest(mask) {
  return depthIn(cropped(mask, windowAround(mask))).data.reduce((one, other) => Math.max(one, other), 0);
}

const [STRAIGHT, DIAGONAL] = [0.955, 1.3693].map(Math.fround);

// Each pixel's distance to the outside, with a margin of a pixel (`distanceTransform`, DIST_L2, 3).
export function depthIn(mask) {
  const { width, height, data } = padded(mask, 1);
  const depth = new Float32Array(data.length);
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, i = y * width + 1; x < width - 1; x++, i++) {
      if (!data[i]) continue;
      const slanting = Math.min(depth[i - width - 1], depth[i - width + 1]) + DIAGONAL;
      depth[i] = Math.min(slanting, Math.min(depth[i - width], depth[i - 1]) + STRAIGHT);
    }
  }
  for (let y = height - 2; y > 0; y--) {
    for (let x = width - 2, i = y * width + x; x > 0; x--, i--) {
      if (!data[i]) continue;
      const slanting = Math.min(depth[i + width - 1], depth[i + width + 1]) + DIAGONAL;
      depth[i] = Math.min(depth[i], slanting, Math.min(depth[i + width], depth[i + 1]) + STRAIGHT);
    }
  }
  return raster(width, height, depth);
}

// A digit's height: the median of the components' heights, weighted by their ink.
export function typicalHeight(components) {
  const order = components.toSorted((one, other) => one.height - other.height);
  const half = order.reduce((total, each) => total + each.area, 0) / 2;
  let ink = 0;
  return order.find((each) => (ink += each.area) >= half).height;
}

