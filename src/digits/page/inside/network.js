// A network that computes in the page, from its ONNX file, so that all within it can be shown.

import { contributions, explain, receptiveField, saliency } from "./explanation.js";
import { parseModel } from "./onnx.js";
import { OPERATIONS } from "./operations.js";
import { findSteps } from "./steps.js";

// Steps that change each map by itself. What switches a map off acts behind them.
const PER_MAP = ["batch normalisation", "max pooling", "mean pooling", "ReLU"];

export class Network {
  #views;
  #next; // for each step, the steps that take its values

  // Open a file; throws an Error of one line if it is none, or has an operation not known here.
  static open(arrayBuffer) {
    const model = parseModel(arrayBuffer);
    return new Network(findSteps(model), model.metadata);
  }

  // Steps have {kind, name, layer, channels, height, width, kernel, stride, padding, groups, inputs
  // (indexes of steps), parameters, multiplications}; `scores` is the index of the step whose
  // values are the logits, one a class.
  constructor({ steps, views }, metadata) {
    [this.steps, this.#views, this.metadata] = [steps, views, metadata];
    this.#next = steps.map((_, index) => [...steps.keys()].filter((i) => steps[i].inputs.includes(index)));
    this.scores = steps.findLastIndex(({ kind }) => kind !== "softmax" && kind !== "temperature");
  }

  // The number of views of an image whose mean the whole graph reports.
  get numViews() {
    return this.#views?.dims[1] ?? 1;
  }

  // Compute all steps of one image: raw pixels, 0 to 255, row by row.
  //
  // `off` lists [step, channel] of maps that are set to zero, behind the norm, the pooling and the
  // ReLU that follow them. With `views`, the answer of the whole graph is computed as well: the mean
  // over its views, which is what the reader reports.
  run(pixels, { off = [], views = false } = {}) {
    const ends = off.map(([step, channel]) => [this.#endOf(step), channel]);
    const image = this.#views ? clip(pixels, this.#views) : Float32Array.from(pixels);
    const activations = new Activations(this, this.forward(image, ends), ends);
    if (views) activations.mean = this.#meanOverViews(image, ends, activations.probabilities);
    return activations;
  }

  // The values of all steps, with the maps of `off` set to zero at these very steps.
  forward(image, off = []) {
    const values = [];
    for (const [index, step] of this.steps.entries()) {
      const inputs = step.inputs.map((input) => values[input]);
      const found = index ? OPERATIONS[step.kind].forward(step, inputs) : image.slice();
      values.push(found);
      for (const [at, channel] of off) if (at === index) mapOf(found, step, channel).fill(0);
    }
    return values;
  }

  // The gradient of a class's logit by the values of a step, in the maps that are not off.
  backward(values, label, to, off = []) {
    const gradients = this.steps.map(() => null);
    gradients[this.scores] = values[this.scores].map((_, i) => (i === label ? 1 : 0));
    for (let index = this.scores; index >= to; index--) {
      const [step, gradient] = [this.steps[index], gradients[index]];
      if (!gradient) continue;
      for (const [at, channel] of off) if (at === index) mapOf(gradient, step, channel).fill(0);
      if (index === to) return gradient;
      const inputs = step.inputs.map((input) => values[input]);
      for (const [i, found] of OPERATIONS[step.kind].backward(step, gradient, inputs, values[index]).entries()) {
        const sum = gradients[step.inputs[i]];
        gradients[step.inputs[i]] = sum ? sum.map((value, k) => value + found[k]) : found;
      }
    }
    return new Float32Array(values[to].length); // no path leads there
  }

  // The kernel of one channel: {dims: [maps, height, width], data, bias}. A unit behind flattened
  // maps has a weight for each of their pixels.
  kernel(index, channel) {
    const step = this.steps[index];
    const { kind, inputs, kernel, source, groups } = step;
    if (!step.weights) throw new Error(`Expected a convolution or a fully connected layer, found ${step.name}.`);
    const before = this.steps[inputs[0]];
    const { channels, height, width } = before.kind === "flatten" ? before.source : source;
    const dims = kind === "convolution" ? [source.channels / groups, ...kernel] : [channels, height, width];
    const size = dims[0] * dims[1] * dims[2];
    const data = Float32Array.from(step.weights.subarray(channel * size, (channel + 1) * size));
    return { dims, data, bias: step.bias[channel] };
  }

  explain(activations, step, channel, y, x) {
    return explain(this, activations, step, channel, y, x);
  }

  receptiveField(step, y, x, at) {
    return receptiveField(this, step, y, x, at);
  }

  contributions(activations, label) {
    return contributions(this, activations, label);
  }

  saliency(pixels, label, options) {
    return saliency(this, pixels, label, options);
  }

  // The last of the steps that pass a map on by itself: at most up to a ReLU.
  #endOf(index) {
    const [next, ...others] = this.#next[index];
    const isEnd = this.steps[index].kind === "ReLU" || others.length || !PER_MAP.includes(this.steps[next]?.kind);
    return isEnd ? index : this.#endOf(next);
  }

  #meanOverViews(image, off, ofFirst) {
    const num = this.numViews;
    const mean = Float64Array.from(ofFirst); // the first view is the image itself
    for (let view = 1; view < num; view++) {
      const probabilities = this.forward(viewOf(image, view, this.#views), off).at(-1);
      for (const [i, value] of probabilities.entries()) mean[i] += value;
    }
    return Float32Array.from(mean, (sum) => sum / num);
  }
}

// The values of all steps for one image.
class Activations {
  #values;

  // `mean`, the probabilities of the whole graph, is null unless its views were asked for.
  constructor(network, values, off) {
    [this.#values, this.off, this.mean] = [values, off, null];
    [this.logits, this.probabilities] = [values[network.scores], values.at(-1)];
  }

  values(step) {
    return this.#values[step];
  }

  get all() {
    return this.#values;
  }
}

const mapOf = (values, { height, width }, channel) =>
  values.subarray(channel * height * width, (channel + 1) * height * width);

const clip = (pixels, { low, high }) => Float32Array.from(pixels, (value) => Math.min(Math.max(value, low), high));

// A view changes each row by a product with a matrix: the constants are (y, views, x, x).
function viewOf(image, view, { dims: [height, num, width], data, low, high }) {
  const found = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    const matrix = (y * num + view) * width * width;
    for (let from = 0; from < width; from++) {
      const pixel = image[y * width + from];
      if (pixel === 0) continue;
      for (let to = 0; to < width; to++) found[y * width + to] += pixel * data[matrix + from * width + to];
    }
  }
  return clip(found, { low, high });
}
