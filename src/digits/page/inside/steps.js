// From the graph of a network to what a person sees of it: steps, in order, for one image.

import { windowsOf } from "./operations.js";

const VIEWS = "views."; // prefix of the constants that make the views, which are no step
const MAKES_VIEWS = "Transpose MatMul Clip Transpose Reshape"; // in this order
const MEANS_OVER_VIEWS = ["", "Reshape ReduceMean"]; // behind the softmax

// Scale and shift of an operation with one number.
const SCALES = {
  Div: (value) => [1 / value, 0],
  Mul: (value) => [value, 0],
  Sub: (value) => [1, -value],
  Add: (value) => [1, value],
};

const SIMPLE = { Relu: "ReLU", Softmax: "softmax" };
const NOTHING = ["Identity", "Dropout"]; // operations that change nothing of one image

// Find the steps: {steps, views: the constants of the views, or null where there is one alone}.
export function findSteps(model) {
  const builder = new Builder(model);
  for (const node of builder.nodes) builder.add(node);
  return { steps: builder.finish(), views: builder.views };
}

class Builder {
  #tensors;
  #steps = [];
  #at = new Map(); // index of the step that makes a value, by its name

  constructor({ inputs, nodes, tensors }) {
    this.#tensors = tensors;
    const input = inputs.find(({ name }) => !tensors.has(name));
    const [height, width] = (input?.dims ?? []).slice(-2);
    if (!height || !width || input.dims.length !== 4 || input.dims[1] !== 1) {
      throw new Error("Expected a network of images, found one whose input is not (n, 1, height, width).");
    }
    const product = nodes.findIndex((node) => node.inputs.some((name) => name.startsWith(VIEWS)));
    const begin = product < 0 ? 0 : nodes.findIndex((node, i) => i > product && node.operation === "Reshape") + 1;
    const end = nodes.findIndex((node) => node.operation === "Softmax") + 1;
    const names = (...range) => nodes.slice(...range).map((node) => node.operation).join(" ");
    if (begin && names(0, begin) !== MAKES_VIEWS) throw unknown(`${names(0, begin)} before the first layer`);
    if (end && !MEANS_OVER_VIEWS.includes(names(end))) throw unknown(`${names(end)} behind the softmax`);
    this.views = product < 0 ? null : this.#viewsOf(nodes.slice(0, begin));
    this.nodes = nodes.slice(begin, end || undefined);
    const first = begin ? nodes[begin - 1].outputs[0] : input.name;
    this.#push({ kind: "input", channels: 1, height, width }, { inputs: [], outputs: [first] });
  }

  #viewsOf([, product, clip]) {
    const [low, high] = clip.inputs.slice(1).map((name) => this.#tensors.get(name).data[0]);
    return { ...this.#tensors.get(product.inputs[1]), low, high };
  }

  // Add the step of a node; some nodes change the step before them, or nothing.
  add(node) {
    const { operation, inputs, attributes } = node;
    const constants = inputs.map((name) => this.#tensors.get(name));
    const source = this.#steps[this.#at.get(inputs[0])];
    if (!source) throw unknown(`${operation} of a constant`);
    const { channels, height, width } = source;
    const same = { channels, height, width };
    if (SIMPLE[operation]) {
      this.#push({ kind: SIMPLE[operation], ...same }, node);
    } else if (NOTHING.includes(operation)) {
      this.#at.set(node.outputs[0], this.#at.get(inputs[0]));
    } else if (SCALES[operation] && constants[1]) {
      this.#addScaled(node, constants[1], source);
    } else if (operation === "Add" && this.#at.has(inputs[1])) {
      this.#push({ kind: "sum", ...same }, node);
    } else if (operation === "Conv") {
      this.#addConvolution(node, constants, source);
    } else if (operation === "Gemm" || (operation === "MatMul" && constants[1])) {
      this.#addFullyConnected(node, constants, source);
    } else if (operation === "BatchNormalization") {
      this.#addNorm(node, constants.slice(1).map(({ data }) => data), same);
    } else if (operation === "MaxPool" || operation === "AveragePool") {
      const kind = operation === "MaxPool" ? "max pooling" : "mean pooling";
      const countsEdge = Boolean(attributes.count_include_pad);
      this.#push({ kind, channels, ...slide(node, attributes.kernel_shape, source), countsEdge }, node);
    } else if (operation === "GlobalAveragePool" || (operation === "ReduceMean" && isOverMaps(node, constants[1]))) {
      const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0] };
      this.#push({ kind: "mean", channels, height: 1, width: 1, ...window }, node);
    } else if (operation === "Reshape" || operation === "Flatten") {
      const flat = channels * height * width;
      if (height * width === 1) this.#at.set(node.outputs[0], this.#at.get(inputs[0]));
      else this.#push({ kind: "flatten", channels: flat, height: 1, width: 1 }, node);
    } else if (operation === "Pad" && constants[1]) {
      this.#addCrop(node, [...constants[1].data], source);
    } else {
      throw unknown(operation);
    }
  }

  #push(step, { inputs, outputs }) {
    const found = inputs.filter((name) => this.#at.has(name)).map((name) => this.#at.get(name));
    this.#at.set(outputs[0], this.#steps.length);
    const source = this.#steps[found[0]];
    const none = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], groups: 1, parameters: 0, multiplications: 0 };
    const shape = source && { channels: source.channels, height: source.height, width: source.width };
    const made = { ...none, ...step, inputs: found, source: shape };
    if (/pooling|convolution|mean/.test(made.kind)) made.windows = windowsOf(made);
    this.#steps.push(made);
  }

  // Operations with one number each, one after the other, are one step.
  #addScaled(node, { data }, source) {
    const bias = node.operation === "Add" && source.kind === "fully connected" && data.length === source.channels;
    if (bias) source.bias = source.bias.map((value, i) => value + data[i]);
    if (bias) source.parameters += data.length;
    if (bias) return this.#at.set(node.outputs[0], this.#at.get(node.inputs[0]));
    if (data.length !== 1) throw unknown(`${node.operation} of ${data.length} numbers`);
    const [scale, shift] = SCALES[node.operation](data[0]);
    if (source.kind === "normalisation") {
      [source.scale, source.shift] = [[source.scale[0] * scale], [source.shift[0] * scale + shift]];
      return this.#at.set(node.outputs[0], this.#at.get(node.inputs[0]));
    }
    const { channels, height, width } = source;
    const multiplications = channels * height * width;
    const step = { kind: "normalisation", channels, height, width, scale: [scale], shift: [shift], multiplications };
    return this.#push(step, node);
  }

  #addConvolution(node, [, weight, bias], source) {
    const [channels, depth, ...kernel] = weight.dims;
    const groups = node.attributes.group ?? 1;
    const slid = slide(node, kernel, source);
    const parameters = weight.data.length + (bias?.data.length ?? 0);
    const multiplications = weight.data.length * slid.height * slid.width;
    if (depth * groups !== source.channels) throw unknown("Conv of another number of maps");
    this.#push({ kind: "convolution", channels, ...slid, groups, parameters, multiplications, ...weights(weight.data, bias, channels) }, node);
  }

  #addFullyConnected(node, [, weight, bias], source) {
    const { transA = 0, transB = 0, alpha = 1, beta = 1 } = node.attributes;
    if (transA || alpha !== 1 || beta !== 1 || source.height * source.width !== 1) throw unknown(`${node.operation} of this form`);
    const [rows, columns] = weight.dims;
    const [channels, size] = transB ? [rows, columns] : [columns, rows];
    const data = transB ? weight.data : weight.data.map((_, i) => weight.data[(i % size) * channels + Math.floor(i / size)]);
    const parameters = data.length + (bias?.data.length ?? 0);
    this.#push({ kind: "fully connected", channels, height: 1, width: 1, parameters, multiplications: data.length, ...weights(data, bias, channels) }, node);
  }

  // In use, a batch norm is a scale and a shift of each map.
  #addNorm(node, [gamma, beta, mean, variance], shape) {
    const scale = Float64Array.from(gamma, (value, i) => value / Math.sqrt(variance[i] + (node.attributes.epsilon ?? 1e-5)));
    const shift = scale.map((value, i) => beta[i] - mean[i] * value);
    const multiplications = shape.channels * shape.height * shape.width;
    this.#push({ kind: "batch normalisation", ...shape, scale, shift, parameters: 2 * shape.channels, multiplications }, node);
  }

  #addCrop(node, pads, source) {
    const [top, left, bottom, right] = [2, 3, 6, 7].map((i) => -pads[i]);
    if (pads.some((pad) => pad > 0) || pads.length !== 8) throw unknown("Pad that adds pixels");
    const { channels, width, height } = source;
    const size = { height: height - top - bottom, width: width - left - right };
    const position = (i) => {
      const [map, y, x] = [Math.floor(i / (size.height * size.width)), Math.floor(i / size.width) % size.height, i % size.width];
      return (map * height + y + top) * width + x + left;
    };
    const positions = Int32Array.from({ length: channels * size.height * size.width }, (_, i) => position(i));
    this.#push({ kind: "crop", channels, ...size, padding: [-top, -left], positions }, node);
  }

  // Say what only the whole shows: temperature, names, and the layer that each step belongs to.
  finish() {
    const [steps, numbers] = [this.#steps, {}];
    const last = steps.at(-1);
    if (last.kind === "softmax" && steps[last.inputs[0]].kind === "normalisation") steps[last.inputs[0]].kind = "temperature";
    let layer = 0;
    for (const step of steps) {
      const alike = steps.filter(({ kind }) => kind === step.kind).length;
      numbers[step.kind] = (numbers[step.kind] ?? 0) + 1;
      step.name = alike > 1 ? `${step.kind} ${numbers[step.kind]}` : step.kind;
      step.layer = step.kind === "convolution" || step.kind === "fully connected" ? ++layer : layer;
    }
    return steps;
  }
}

const weights = (data, bias, channels) => ({
  weights: Float64Array.from(data), // as sums are made in double precision, they are converted once
  bias: Float64Array.from(bias?.data ?? new Float64Array(channels)),
});

// Shape of the maps behind a kernel that slides over the maps before it.
function slide({ operation, attributes }, kernel, source) {
  const { strides: stride = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], auto_pad = "NOTSET" } = attributes;
  if (attributes.ceil_mode || auto_pad !== "NOTSET" || dilations.some((step) => step !== 1) || kernel.length !== 2) {
    throw unknown(`${operation} of this form`);
  }
  const length = (size, i) => Math.floor((size + pads[i] + pads[i + 2] - kernel[i]) / stride[i]) + 1;
  return { height: length(source.height, 0), width: length(source.width, 1), kernel, stride, padding: pads.slice(0, 2) };
}

function isOverMaps({ attributes }, axes) {
  const found = [...(axes?.data ?? attributes.axes ?? [])].map((axis) => (axis + 4) % 4);
  return found.length === 2 && found.includes(2) && found.includes(3);
}

const unknown = (what) => new Error(`This network can't be looked into: its operation is not known here, ${what}.`);
