// Rasters: {width, height, data} with a typed array, row by row. A mask has 1 where there is ink.
// A window is {left, top, right, bottom}; its right and bottom are outside of it.

export function raster(width, height, data = new Uint8Array(width * height)) {
  return { width, height, data };
}

export function mapped({ width, height, data }, change) {
  const made = raster(width, height);
  for (let i = 0; i < data.length; i++) made.data[i] = change(data[i], i); // far quicker than `from`
  return made;
}

export function isEmpty(mask) {
  return !mask.data.includes(1);
}

export function count(mask) {
  let total = 0;
  for (const value of mask.data) total += value;
  return total;
}

export function both({ width, height, data }, other) {
  const made = raster(width, height);
  for (let i = 0; i < data.length; i++) made.data[i] = data[i] & other.data[i];
  return made;
}

export function without({ width, height, data }, other) {
  const made = raster(width, height);
  for (let i = 0; i < data.length; i++) made.data[i] = data[i] & ~other.data[i];
  return made;
}

// The values of a raster where a mask has ink.
export function chosen({ data }, mask) {
  return data.filter((_, i) => mask.data[i]);
}

// The bounding box of a mask with a margin around it, at least one pixel.
export function windowAround({ width, height, data }, margin = 0) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!data[i]) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  if (!bottom) [left, top, right, bottom] = [0, 0, 1, 1];
  return {
    left: Math.max(0, left - margin),
    top: Math.max(0, top - margin),
    right: Math.min(width, right + margin),
    bottom: Math.min(height, bottom + margin),
  };
}

export function cropped({ width, data }, { left, top, right, bottom }) {
  const part = raster(right - left, bottom - top, new data.constructor((right - left) * (bottom - top)));
  for (let y = top; y < bottom; y++) {
    part.data.set(data.subarray(y * width + left, y * width + right), (y - top) * part.width);
  }
  return part;
}

// Writes a part over the window of a raster that begins at a corner.
export function paste(to, { left, top }, part) {
  for (let y = 0; y < part.height; y++) {
    to.data.set(part.data.subarray(y * part.width, (y + 1) * part.width), (top + y) * to.width + left);
  }
}

// A larger raster of zeros with a part of it filled.
export function placed(part, width, height, corner) {
  const made = raster(width, height, new part.data.constructor(width * height));
  paste(made, corner, part);
  return made;
}

export function padded(from, margin) {
  const { width, height } = from;
  return placed(from, width + 2 * margin, height + 2 * margin, { left: margin, top: margin });
}

export function transposed({ width, height, data }) {
  const made = raster(height, width, new data.constructor(data.length));
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) made.data[x * height + y] = data[i];
  }
  return made;
}

// Turns anticlockwise by so many quarter turns (`np.rot90`).
export function turned(from, turns) {
  let made = from;
  for (let n = 0; n < turns; n++) {
    const { width, height, data } = made;
    const next = raster(height, width, new data.constructor(data.length));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) next.data[(width - 1 - x) * height + y] = data[i];
    }
    made = next;
  }
  return made;
}

export function hasInRow({ width, data }, y) {
  return data.subarray(y * width, (y + 1) * width).includes(1);
}

export function hasInColumn({ width, height, data }, x) {
  for (let y = 0; y < height; y++) if (data[y * width + x]) return true;
  return false;
}
