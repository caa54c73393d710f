// How one value of a layer came about: the sum written out, with numbers that add up.

import { figure, percent } from "../figures.js";
import { make } from "./dom.js";
import { picture, setLegend } from "./maps.js";
import { css, rangeOf } from "./palette.js";
import { nounOf, sidesOf, votes } from "./votes.js";

const MOST_ROWS = 5; // of a sum at once; the others follow at a press
const SUPERSCRIPTS = Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((sign, digit) => [digit, sign]).concat([["-", "⁻"]]));
const SCALED = { "batch normalisation": "Normalised over many digits", normalisation: "Grey levels made to have a mean of 0 and a spread of 1", temperature: "The score, divided by the network’s temperature" };
const MOST_VALUES = 16; // of a window that are written out
const SIDE = 30; // pixels of the page for a window and for a kernel

export class Arithmetic {
  #root;
  #open = new Set(); // rows whose products are shown
  #showsAll = false;
  #shown = null;

  constructor(root) {
    this.#root = root;
    root.addEventListener("click", ({ target }) => {
      const key = target.closest("[data-row]")?.dataset.row;
      if (key === undefined) return;
      if (key === "all") this.#showsAll = !this.#showsAll;
      else if (!this.#open.delete(key)) this.#open.add(key);
      this.show(this.#shown);
      root.querySelector(`[data-row="${key}"]`)?.focus();
    });
  }

  // Show how a value came about: {network, activations, stages, stage, channel, y, x, ranges}. Returns it in words.
  show(about) {
    this.#shown = about;
    const { network, activations, stage, channel } = about;
    if (activations.off.some(([step, each]) => stage.steps.includes(step) && each === channel)) {
      const words = "It is switched off: all its values are 0, whatever comes before";
      this.#root.replaceChildren(make("p", {}, `${words}.`));
      return words;
    }
    const parts = stage.steps.map((step) => this.#partOf(about, step));
    this.#root.replaceChildren(...parts.flatMap(({ made }) => made));
    return parts.map(({ words }) => words).join("; ");
  }

  // What one step does to a value: {made: elements, words: what is said}.
  #partOf(about, step) {
    const { network, activations, stage, channel, y, x } = about;
    const { kind } = network.steps[step];
    const { value, before, scale, shift, terms, sums } = network.explain(activations, step, channel, y, x);
    const said = (words, shown = figure(value), ...above) => ({ made: [...above, line(words, shown)], words: `${words} ${shown}` });
    switch (kind) {
      case "convolution":
      case "fully connected": {
        const made = [...(stage.role === "scores" ? this.#votes(about) : []), ...this.#sum(about, sumOf(about, step), value)];
        return { made, words: `The bias and ${sums.length > 1 ? `${sums.length} sums` : `${terms.length} products`} add up to ${figure(value)}` };
      }
      case "ReLU":
        return said(`ReLU: the larger of 0 and ${figure(before)} is`);
      case "batch normalisation":
      case "normalisation":
      case "temperature":
        return said(`${SCALED[kind]}: ${figure(before)} × ${figure(scale, { digits: 4 })}${shift ? ` ${shift < 0 ? "−" : "+"} ${figure(Math.abs(shift), { digits: 4 })}` : ""} is`);
      case "max pooling":
      case "mean pooling":
      case "mean": {
        const values = terms.map(({ input }) => input);
        const width = new Set(terms.map((term) => term.x)).size;
        const shown = picture(values, values.length / width, width, about.range, Math.max(2, Math.floor(SIDE / width))).canvas;
        const listed = values.length > MOST_VALUES ? `${values.length} values` : values.map((each) => figure(each)).join(", ");
        return said(`${kind === "max pooling" ? "The largest" : "The mean"} of ${listed} is`, figure(value), make("p", { className: "term" }, shown, `of map ${channel + 1} before`));
      }
      case "sum": {
        const [one, other] = addingUp(terms.map(({ input }) => input), value);
        return said(`${figure(one)} ${other < 0 ? "−" : "+"} ${figure(Math.abs(other))} is`);
      }
      case "softmax":
        return { made: [this.#softmax(about, step)], words: `e to the power of the score, divided by the sum of all ten: ${percent(value)}` };
      case "flatten":
        return said("Taken over as it is:");
      default: // the input, or what is cut out of it
        return said("Grey level:", figure(value, { digits: 0 }));
    }
  }

  #sum(about, { bias, rows }, value) {
    const ordered = rows.length > MOST_ROWS + 1 ? [...rows].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)) : rows;
    const shown = this.#showsAll ? ordered : ordered.slice(0, MOST_ROWS);
    const rest = ordered.slice(shown.length);
    const most = Math.max(...rows.map(({ sum }) => Math.abs(sum)), 1e-6);
    const others = rest.reduce((total, row) => total + row.sum, 0);
    const [roundedBias, roundedRest, ...sums] = addingUp([bias, others, ...shown.map(({ sum }) => sum)], value);
    const weights = rangeOf(rows.flatMap((row) => [...row.weights]), { isSigned: true });
    const list = make("ul", { className: "terms" }, ...shown.map((row, i) => this.#row(about, row, sums[i], most, weights, rows.length === 1)));
    const more = rows.length > MOST_ROWS
      ? [make("button", { type: "button", className: "more", "data-row": "all" }, this.#showsAll ? "Show the strongest alone" : `and ${rest.length} others, ${figure(roundedRest, { isSigned: true })} together: show them`)]
      : [];
    const legend = make("div", { className: "legend" });
    setLegend(legend, weights, "weights ");
    return [list, ...more, legend, line("Bias, which is always added", figure(roundedBias, { isSigned: true })), line("The sum of all", figure(value), "total")];
  }

  // What the maps of the last convolution say to a score.
  #votes({ network, activations, channel }) {
    const { step, maps, rest, score } = network.contributions(activations, channel);
    const [speakFor, against, biases] = addingUp([...sidesOf([...maps]), rest], score).map((sum) => figure(sum, { isSigned: true }));
    return [
      make("p", {}, `${speakFor} from the ${nounOf(network, step)}s that speak for ${channel}, ${against} from those against it, and ${biases} from the biases. The strongest of all ${maps.length}:`),
      make("ul", { className: "votes" }, ...votes(network, activations, step, [...maps], (isFor) => (isFor ? `for ${channel}` : `against ${channel}`))),
      make("p", {}, "The same score, from the units before it:"),
    ];
  }

  #row(about, row, sum, most, weights, isOnly) {
    const { name, height, width, inputs, weights: kernel } = row;
    const key = `${about.stage.title} ${name}`;
    const isOpen = isOnly || this.#open.has(key);
    const bar = make("i", { className: "bar" });
    bar.style.setProperty("--share", sum / most);
    const cell = Math.max(3, Math.floor((isOnly ? 2 * SIDE : SIDE) / Math.max(height, width)));
    const isTile = height * width > 1;
    const drawn = isTile
      ? [picture(inputs, height, width, about.range, cell).canvas, "×", picture(kernel, height, width, weights, cell).canvas]
      : [`${figure(inputs[0])} × ${figure(kernel[0])}`];
    const shown = [...drawn, make("b", {}, `= ${figure(sum, { isSigned: true })}`)];
    const head = isOnly ? shown : [make("span", { className: "term-name" }, name), ...shown, bar];
    const products = isOpen && isTile ? [this.#products(row, sum, weights, about.range)] : [];
    if (isOnly || !isTile) return make("li", {}, make("span", { className: isTile ? "term" : "term unit" }, ...head), ...products);
    return make("li", {}, make("button", { type: "button", className: "term", "data-row": key, "aria-expanded": String(isOpen) }, ...head), ...products);
  }

  // Each input × weight of a window, in its place.
  #products({ height, width, inputs, weights }, sum, range, inputRange) {
    const products = addingUp(inputs.map((input, i) => input * weights[i]), sum);
    const table = make("div", { className: "products", role: "group", "aria-label": "Input × weight = product" });
    table.style.setProperty("--columns", width);
    for (let i = 0; i < height * width; i++) {
      const [input, weight] = [make("span", {}, figure(inputs[i])), make("span", {}, `× ${figure(weights[i])}`)];
      input.style.setProperty("--colour", css(inputs[i], inputRange));
      weight.style.setProperty("--colour", css(weights[i], range));
      table.append(make("div", {}, input, weight, make("b", {}, figure(products[i], { isSigned: true }))));
    }
    return table;
  }

  #softmax({ activations, network, channel }, step) {
    const scores = activations.values(network.steps[step].inputs[0]);
    const probabilities = activations.values(step);
    const exponentials = [...scores].map(Math.exp);
    const total = exponentials.reduce((a, b) => a + b, 0);
    const cells = (tag, texts) => texts.map((text) => make(tag, tag === "th" ? { scope: "col" } : {}, text));
    const rows = [...scores].map((score, label) =>
      make("tr", { className: label === channel ? "chosen" : "" }, make("th", { scope: "row" }, String(label)), ...cells("td", [figure(score), power(exponentials[label]), percent(probabilities[label])])));
    const head = make("tr", {}, ...cells("th", ["Digit", "Score", "e to its power", "Probability"]));
    const foot = make("tr", {}, make("th", { scope: "row" }, "Sum"), ...cells("td", ["", power(total), "100 %"]));
    return make("table", { className: "softmax" }, make("thead", {}, head), make("tbody", {}, ...rows), make("tfoot", {}, foot));
  }
}

// Round figures to hundredths, in such a way that they add up to a total as it is shown.
export function addingUp(values, total, unit = 0.01) {
  const rounded = Array.from(values, (value) => Math.round(value / unit));
  let missing = Math.round(total / unit) - rounded.reduce((a, b) => a + b, 0);
  const byError = rounded.map((_, i) => i).sort((a, b) => Math.sign(missing) * (values[b] / unit - rounded[b] - values[a] / unit + rounded[a]));
  for (let i = 0; missing; i = (i + 1) % byError.length) {
    const by = Math.sign(missing);
    rounded[byError[i]] += by;
    missing -= by;
  }
  return rounded.map((count) => count * unit);
}

// The sum behind a value, by the map before or, where these are single values, by unit.
function sumOf({ network, activations, stages, stage, channel, y, x }, step) {
  const { bias, terms } = network.explain(activations, step, channel, y, x);
  const { kind, kernel, stride, padding } = network.steps[step];
  const source = network.steps[stages[stage.inputs[0]].last];
  const rows = new Map();
  const place = kind === "convolution" ? (term) => convolved(term) : flattened();
  function convolved(term) {
    const [top, left] = [y * stride[0] - padding[0], x * stride[1] - padding[1]];
    return { map: term.channel, index: (term.y - top) * kernel[1] + term.x - left, height: kernel[0], width: kernel[1] };
  }
  function flattened() {
    const before = source.kind === "flatten" ? network.steps[source.inputs[0]] : source;
    const size = before.height * before.width;
    return (term, i) => ({ map: Math.floor(i / size), index: i % size, height: before.height, width: before.width });
  }
  terms.forEach((term, i) => {
    const { map, index, height, width } = place(term, i);
    if (!rows.has(map)) {
      rows.set(map, { name: `${height * width > 1 || kind === "convolution" ? "map" : "unit"} ${map + 1}`, height, width, inputs: new Float64Array(height * width), weights: new Float64Array(height * width), sum: 0 });
    }
    const row = rows.get(map);
    [row.inputs[index], row.weights[index]] = [term.input, term.weight];
    row.sum += term.product;
  });
  return { bias, rows: [...rows.values()] };
}

function line(words, value, className = "") {
  return make("p", { className: `step-line ${className}` }, make("span", {}, words), make("b", {}, `${value}`));
}

function power(value) {
  if (value < 1e5 && value >= 0.001) return figure(value, { digits: value < 10 ? 3 : 0 });
  const [number, exponent] = value.toExponential(1).split("e");
  return `${number} · 10${[...String(Number(exponent))].map((sign) => SUPERSCRIPTS[sign]).join("")}`;
}
