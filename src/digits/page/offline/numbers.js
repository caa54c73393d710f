// Numbers: what NumPy and Python compute, and JavaScript does not in the same way.

const { floor, round } = Math;

// Halves go to the even neighbour, as Python's `round` and `np.rint` have it.
export function rounded(value) {
  const below = floor(value);
  if (value - below !== 0.5) return round(value);
  return below % 2 ? below + 1 : below;
}

export function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}

export function radians(degrees) {
  return (degrees * Math.PI) / 180;
}

// Floating-point numbers in ascending order; typed arrays sort far faster than arrays.
function sorted(values) {
  return Float64Array.from(values).sort();
}

export function median(values) {
  const order = sorted(values);
  const half = order.length >> 1;
  return order.length % 2 ? order[half] : (order[half - 1] + order[half]) / 2;
}

// The value that a share of all have at least (`reached` in contrast.py).
export function reached(values, share) {
  const order = sorted(values);
  return order[rounded((1 - share) * (order.length - 1))];
}

export function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

// The first item for which a measure is greatest, as Python's `max` has it.
export function largest(items, measure) {
  let best, most;
  for (const item of items) {
    const value = measure(item);
    if (best === undefined || value > most) [best, most] = [item, value];
  }
  return best;
}

// Least and greatest x and y of points, as {left, top, right, bottom}.
export function extent(points) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.top = Math.min(box.top, y);
    box.right = Math.max(box.right, x);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}

// [left, top, width, height] of {left, top, right, bottom}.
export function boxOf({ left, top, right, bottom }) {
  return [left, top, right - left, bottom - top];
}
