// What each kind of step computes of one image, forward and backward.
//
// Values lie as in ONNX: map by map, row by row. `forward(step, inputs)` gives the step's values;
// `backward(step, gradient, inputs, output)` gives the gradient of a score by the values of each
// input, when `gradient` is the one by the step's own. Sums are made in double precision.

export const OPERATIONS = {
  crop: {
    forward: (step, [x]) => gather(x, step.positions),
    backward: (step, gradient, [x]) => [scatter(gradient, step.positions, x.length)],
  },
  normalisation: { forward: scaled, backward: unscaled },
  temperature: { forward: scaled, backward: unscaled },
  "batch normalisation": { forward: scaled, backward: unscaled },
  convolution: { forward: convolve, backward: backThroughConvolution },
  "fully connected": { forward: convolve, backward: backThroughConvolution },
  ReLU: {
    forward: (_, [x]) => x.map((value) => Math.max(value, 0)),
    backward: (_, gradient, [x]) => [gradient.map((value, i) => (x[i] > 0 ? value : 0))],
  },
  "max pooling": { forward: (step, [x]) => gather(x, winners(step, x)), backward: backThroughWinners },
  "mean pooling": { forward: meanPool, backward: backThroughMean },
  mean: { forward: meanPool, backward: backThroughMean },
  flatten: { forward: (_, [x]) => x.slice(), backward: (_, gradient) => [gradient] },
  sum: {
    forward: (_, [a, b]) => a.map((value, i) => value + b[i]),
    backward: (_, gradient) => [gradient, gradient],
  },
  softmax: { forward: (_, [x]) => softmax(x), backward: backThroughSoftmax },
};

export function softmax(scores) {
  const highest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - highest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

// Positions of the windows in one map, a window after the other: -1 where it lies over the edge.
export function windowsOf({ height, width, kernel, stride, padding, source }) {
  const found = new Int32Array(height * width * kernel[0] * kernel[1]);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const [row, column] = [y * stride[0] - padding[0] + i, x * stride[1] - padding[1] + j];
          const isInside = row >= 0 && row < source.height && column >= 0 && column < source.width;
          found[at++] = isInside ? row * source.width + column : -1;
        }
      }
    }
  }
  return found;
}

// Values at the positions; 0 where there is none.
function gather(x, positions) {
  const found = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i++) if (positions[i] >= 0) found[i] = x[positions[i]];
  return found;
}

function scatter(gradient, positions, size) {
  const found = new Float32Array(size);
  for (let i = 0; i < positions.length; i++) if (positions[i] >= 0) found[positions[i]] += gradient[i];
  return found;
}

// Each map times its scale, plus its shift.
function scaled({ channels, scale, shift }, [x]) {
  const size = x.length / channels;
  return x.map((value, i) => value * at(scale, i, size) + at(shift, i, size));
}

function unscaled({ channels, scale }, gradient) {
  const size = gradient.length / channels;
  return [gradient.map((value, i) => value * at(scale, i, size))];
}

const at = (values, i, size) => (values.length === 1 ? values[0] : values[Math.floor(i / size)]);

// A convolution as a product of matrices: what lies under the kernel is a row each. A fully
// connected layer is the same, with all values as the one row.
function convolve(step, [x]) {
  const { channels, groups, weights, bias, windows } = step;
  const [size, inputs, outputs] = [step.height * step.width, step.source.channels / groups, channels / groups];
  const out = new Float32Array(channels * size);
  for (let group = 0; group < groups; group++) {
    const rows = windows ? rowsOf(x, group * inputs, inputs, step) : Float64Array.from(x);
    multiply(rows, size, weights, bias, group * outputs, outputs, out);
  }
  return out;
}

function rowsOf(x, first, inputs, { windows, height, width, kernel, source }) {
  const [numWindows, window, map] = [height * width, kernel[0] * kernel[1], source.height * source.width];
  const rows = new Float64Array(numWindows * inputs * window);
  for (let channel = 0; channel < inputs; channel++) {
    const offset = (first + channel) * map;
    for (let i = 0; i < numWindows; i++) {
      const row = (i * inputs + channel) * window;
      for (let k = 0, from = i * window; k < window; k++, from++) {
        const position = windows[from];
        if (position >= 0) rows[row + k] = x[offset + position];
      }
    }
  }
  return rows;
}

// Two rows and four outputs at a time, as each value that is loaded then counts several times; the
// last ones are computed again where there are fewer.
function multiply(rows, numRows, weights, bias, first, num, out) {
  const size = rows.length / numRows;
  for (let o = first; o < first + num; o += 4) {
    const [a, b, c, d] = [o, o + 1, o + 2, o + 3].map((output) => Math.min(output, first + num - 1));
    const [atA, atB, atC, atD] = [a * size, b * size, c * size, d * size];
    for (let i = 0; i < numRows; i += 2) {
      const j = Math.min(i + 1, numRows - 1);
      const one = i * size;
      const other = j * size;
      let [oneA, oneB, oneC, oneD] = [bias[a], bias[b], bias[c], bias[d]];
      let [otherA, otherB, otherC, otherD] = [oneA, oneB, oneC, oneD];
      for (let k = 0; k < size; k++) {
        const x = rows[one + k]; // by destructuring, all would take twice as long
        const y = rows[other + k];
        const wA = weights[atA + k];
        const wB = weights[atB + k];
        const wC = weights[atC + k];
        const wD = weights[atD + k];
        oneA += x * wA;
        oneB += x * wB;
        oneC += x * wC;
        oneD += x * wD;
        otherA += y * wA;
        otherB += y * wB;
        otherC += y * wC;
        otherD += y * wD;
      }
      out[a * numRows + i] = oneA;
      out[b * numRows + i] = oneB;
      out[c * numRows + i] = oneC;
      out[d * numRows + i] = oneD;
      out[a * numRows + j] = otherA;
      out[b * numRows + j] = otherB;
      out[c * numRows + j] = otherC;
      out[d * numRows + j] = otherD;
    }
  }
}

function backThroughConvolution(step, gradient, [x]) {
  const { channels, groups, weights, windows, kernel, source } = step;
  const [size, inputs, outputs] = [step.height * step.width, source.channels / groups, channels / groups];
  const [window, map] = [kernel[0] * kernel[1], source.height * source.width];
  const found = new Float32Array(x.length);
  const row = new Float64Array(inputs * window);
  for (let group = 0; group < groups; group++) {
    for (let i = 0; i < size; i++) {
      row.fill(0);
      for (let o = group * outputs; o < (group + 1) * outputs; o++) {
        const slope = gradient[o * size + i];
        if (slope === 0) continue; // most are, behind a ReLU or max pooling
        for (let k = 0, from = o * row.length; k < row.length; k++, from++) row[k] += slope * weights[from];
      }
      for (let k = 0; k < row.length; k++) {
        const position = windows ? windows[i * window + (k % window)] : 0;
        if (position >= 0) found[(group * inputs + Math.floor(k / window)) * map + position] += row[k];
      }
    }
  }
  return [found];
}

// Positions in all maps of the highest value of each window, the first of several.
export function winners({ channels, height, width, windows, source }, x) {
  const [size, map] = [height * width, source.height * source.width];
  const window = windows.length / size;
  const found = new Int32Array(channels * size);
  for (let i = 0; i < found.length; i++) {
    const [offset, from] = [Math.floor(i / size) * map, (i % size) * window];
    let best = -1;
    for (let k = from; k < from + window; k++) {
      if (windows[k] < 0) continue;
      if (best < 0 || x[offset + windows[k]] > x[best]) best = offset + windows[k];
    }
    found[i] = best;
  }
  return found;
}

function backThroughWinners(step, gradient, [x]) {
  return [scatter(gradient, winners(step, x), x.length)];
}

// What lies over the edge counts as 0, or not at all.
function meanPool(step, [x]) {
  const out = new Float32Array(step.channels * step.height * step.width);
  eachShare(step, (i, position, share) => (out[i] += share * x[position]));
  return out;
}

function backThroughMean(step, gradient, [x]) {
  const found = new Float32Array(x.length);
  eachShare(step, (i, position, share) => (found[position] += share * gradient[i]));
  return [found];
}

function eachShare({ channels, height, width, windows, source, countsEdge }, use) {
  const [size, map] = [height * width, source.height * source.width];
  const window = windows.length / size;
  for (let i = 0; i < channels * size; i++) {
    const positions = windows.subarray((i % size) * window, (i % size + 1) * window);
    const inside = positions.filter((position) => position >= 0);
    const share = 1 / (countsEdge ? window : inside.length);
    for (const position of inside) use(i, Math.floor(i / size) * map + position, share);
  }
}

function backThroughSoftmax(_, gradient, __, output) {
  const mean = output.reduce((total, value, i) => total + value * gradient[i], 0);
  return [output.map((value, i) => value * (gradient[i] - mean))];
}
