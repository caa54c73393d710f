// How the values of a network came about: sums written out, receptive fields, and what speaks for a
// class.

import { winners } from "./operations.js";

const WHOLE = ["fully connected", "flatten", "softmax"]; // steps of which a value depends on all before
const ENDS_MAPS = ["mean", "flatten"]; // steps behind which there are no maps

// How one value of a step came about, of numbers that add up to it. Each has `value`, what is shown,
// and by its kind:
// - convolution, fully connected: {bias, terms: [{channel, y, x, input, weight, product}], sums: one
//   for each channel before, sum}; terms over the edge are left out, as they are 0;
// - max pooling, mean pooling, mean: {terms: [{channel, y, x, input}], winner: index of a term};
// - normalisation, batch normalisation, temperature: {before, scale, shift};
// - ReLU, flatten, crop: {before}, and where it was for the last two: {channel, y, x};
// - sum: {terms: [{step, input}]};
// - softmax: {score, highest, terms: [{channel, score, exponential}], total}, exponentials of the
//   scores less the highest, which changes no quotient and never overflows.
export function explain(network, activations, index, channel, y = 0, x = 0) {
  const step = network.steps[index];
  const [size, position] = [step.height * step.width, y * step.width + x];
  const value = activations.values(index)[channel * size + position];
  if (!step.inputs.length) return { kind: step.kind, value };
  const input = activations.values(step.inputs[0]);
  const at = channel * size + position;
  return { kind: step.kind, value, ...explanationOf(step, { activations, input, channel, position, at }) };
}

function explanationOf(step, { activations, input, channel, position, at }) {
  const one = (values) => values[values.length === 1 ? 0 : channel];
  switch (step.kind) {
    case "convolution":
    case "fully connected": return weighted(step, input, channel, position);
    case "max pooling":
    case "mean pooling":
    case "mean": return pooled(step, input, channel, position, at);
    case "normalisation":
    case "batch normalisation":
    case "temperature": return { before: input[at], scale: one(step.scale), shift: one(step.shift) };
    case "flatten": return { before: input[at], ...placeOf(at, step.source) };
    case "crop": return { before: input[step.positions[at]], ...placeOf(step.positions[at], step.source) };
    case "sum": return { terms: step.inputs.map((from) => ({ step: from, input: activations.values(from)[at] })) };
    case "softmax": return { score: input[channel], ...exponentials(input) };
    default: return { before: input[at] };
  }
}

function weighted({ channels, groups, weights, bias, windows, kernel, source }, input, channel, position) {
  const [inputs, window] = [source.channels / groups, kernel[0] * kernel[1]];
  const first = Math.floor(channel / (channels / groups)) * inputs;
  const terms = [];
  const sums = Array.from({ length: inputs }, () => 0);
  for (let k = 0; k < inputs * window; k++) {
    const pixel = windows ? windows[position * window + (k % window)] : 0;
    if (pixel < 0) continue;
    const from = (first + Math.floor(k / window)) * source.height * source.width + pixel;
    const weight = weights[channel * inputs * window + k];
    const product = input[from] * weight;
    terms.push({ ...placeOf(from, source), input: input[from], weight, product });
    sums[Math.floor(k / window)] += product;
  }
  return { bias: bias[channel], terms, sums, sum: sums.reduce((total, part) => total + part, bias[channel]) };
}

function pooled(step, input, channel, position, at) {
  const [map, window] = [step.source.height * step.source.width, step.windows.length / step.height / step.width];
  const pixels = step.windows.subarray(position * window, (position + 1) * window).filter((pixel) => pixel >= 0);
  const terms = Array.from(pixels, (pixel) => {
    const from = channel * map + pixel;
    return { ...placeOf(from, step.source), input: input[from] };
  });
  if (step.kind !== "max pooling") return { terms };
  const best = winners(step, input)[at] - channel * map;
  return { terms, winner: pixels.indexOf(best) };
}

function exponentials(scores) {
  const highest = Math.max(...scores);
  const terms = Array.from(scores, (score, channel) => ({ channel, score, exponential: Math.exp(score - highest) }));
  return { highest, terms, total: terms.reduce((total, { exponential }) => total + exponential, 0) };
}

function placeOf(at, { height, width }) {
  return { channel: Math.floor(at / (height * width)), y: Math.floor(at / width) % height, x: at % width };
}

// The pixels of an earlier step, the one before unless `to` is given, that a pixel of a step depends
// on, as {left, top, width, height}.
export function receptiveField({ steps }, index, y, x, to = steps[index].inputs[0] ?? index) {
  const fields = steps.map(() => null); // [top, left, bottom, right] on the maps of each step
  fields[index] = [y, x, y + 1, x + 1];
  for (let i = index; i > to; i--) {
    if (!fields[i]) continue;
    for (const input of steps[i].inputs) fields[input] = union(fields[input], before(steps[i], fields[i]));
  }
  const [top, left, bottom, right] = fields[to] ?? [0, 0, 0, 0];
  return { left, top, width: right - left, height: bottom - top };
}

function before({ kind, kernel, stride, padding, source }, [top, left, bottom, right]) {
  if (WHOLE.includes(kind)) return [0, 0, source.height, source.width];
  const start = (at, i) => at * stride[i] - padding[i];
  const end = (at, i) => (at - 1) * stride[i] - padding[i] + kernel[i];
  return [
    Math.max(start(top, 0), 0),
    Math.max(start(left, 1), 0),
    Math.min(end(bottom, 0), source.height),
    Math.min(end(right, 1), source.width),
  ];
}

function union(a, b) {
  return a ? a.map((edge, i) => (i < 2 ? Math.min(edge, b[i]) : Math.max(edge, b[i]))) : b;
}

// What the last maps, or units where there is no convolution, say to the score of a class: {step, maps:
// one share for each map, rest, score}, where rest and the shares add up to the score.
//
// A share is the gradient of the score by a map's values times these values. Behind the maps the
// network is linear piece by piece, so that the shares are exact for the piece that the image is in:
// what is left, `rest`, is what the biases on the way add.
export function contributions(network, activations, label) {
  const { steps } = network;
  const layer = Math.max(...steps.map(({ kind, layer }) => (kind === "convolution" ? layer : 0))) || steps[network.scores].layer - 1;
  const index = steps.findLastIndex((step) => step.layer === layer && !ENDS_MAPS.includes(step.kind));
  const [values, size] = [activations.values(index), steps[index].height * steps[index].width];
  const gradient = network.backward(activations.all, label, index, activations.off);
  const maps = new Float32Array(steps[index].channels);
  for (let i = 0; i < values.length; i++) maps[Math.floor(i / size)] += gradient[i] * values[i];
  const score = activations.logits[label];
  return { step: index, maps, rest: maps.reduce((rest, share) => rest - share, score), score };
}

// SmoothGrad: the gradient of a class's logit by each pixel, averaged over noisy copies; the
// predicted class unless one is given. Noise is in pixel values; `off` is as in activations.
//
// Source: Smilkov et al. 2017, arXiv:1706.03825.
export function saliency(network, pixels, label, { samples = 1, noise = 0, seed = 0, off = [] } = {}) {
  const normal = gaussian(seed);
  const image = Float32Array.from(pixels);
  const logits = label === undefined && network.forward(image, off)[network.scores];
  const wanted = label ?? logits.indexOf(Math.max(...logits));
  const total = new Float64Array(image.length);
  for (let sample = 0; sample < samples; sample++) {
    const copy = noise ? image.map((value) => value + noise * normal()) : image;
    const gradient = network.backward(network.forward(copy, off), wanted, 0, off);
    for (let i = 0; i < total.length; i++) total[i] += gradient[i] / samples;
  }
  return Float32Array.from(total);
}

// Normally distributed numbers, by Box and Muller; the generator of the uniform ones is mulberry32.
function gaussian(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
