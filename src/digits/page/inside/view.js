// The network as one drawing: all its layers for one digit, how each value in them came about, and experiments.

import { percent } from "../figures.js";
import { Chances } from "./chances.js";
import { Detail } from "./detail.js";
import { EXAMPLE } from "./example.js";
import { Experiments } from "./experiments.js";
import { Flow, WIDE } from "./flow.js";
import { Guide } from "./guide.js";
import { Network } from "./network.js";
import { onScheme } from "./palette.js";
import { stageOf } from "./pointing.js";
import { stagesOf } from "./stages.js";
import { Why } from "./why.js";

const SETTLED = 150; // milliseconds without a change after which what takes longer is computed
const OTHER = " What stands above is read by another network, which sees whole lines, and asks this one where it is unsure.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class View {
  #parts;
  #network = null;
  #stages = [];
  #pixels = EXAMPLE;
  #namesDigits = false;
  #before = null; // activations of the undisturbed digit
  #now = null;
  #off = new Map(); // of maps, by their names: [step, channel]
  #chosen = null; // {stage, channel, y, x}
  #timer = 0;
  #flow;
  #detail;
  #experiments;
  #why;
  #chances;

  constructor(parts) {
    this.#parts = parts;
    this.#flow = new Flow(parts.flow, {
      choose: (stage, at) => this.choose(stage, at, { isSpoken: true }),
      key: (event, stage, board) => this.#keyOfMaps(event, stage, board),
    });
    this.#detail = new Detail({
      pick: ({ y, x }, isSpoken) => this.choose(this.#chosen.stage, { ...this.#chosen, y, x }, { isSpoken }),
      step: (by) => this.#step(by),
      key: (event) => this.#movePixel(event, this.#chosen.stage),
      switch: () => this.#switch(),
    });
    this.#experiments = new Experiments(parts.sliders, () => this.#update());
    this.#chances = new Chances(parts.chances);
    this.#why = new Why(parts.why, (step, channel) => this.choose(stageOf(this.#stages, step), { channel }));
    parts.reset.addEventListener("click", () => this.reset());
    new Guide(parts.guide, this, parts.start);
    let width = 0;
    new ResizeObserver(() => {
      if (!this.#now || parts.flow.clientWidth === width) return;
      width = parts.flow.clientWidth;
      this.#lay();
    }).observe(parts.flow);
    onScheme(() => {
      if (!this.#now) return;
      this.#lay();
      this.#settle();
    });
  }

  // Take a network, from its file, and show the way of a glyph through it; `namesDigits` is whether
  // a reading says what this network does.
  open(file, pixels, namesDigits) {
    this.#network = Network.open(file);
    [this.#pixels, this.#namesDigits] = [pixels ?? EXAMPLE, namesDigits];
    this.#stages = stagesOf(this.#network);
    this.#off.clear();
    this.#flow.build(this.#network, this.#stages);
    this.#chosen = null;
    this.#compute();
    this.choose(this.#stages.findIndex(({ kind }) => kind === "convolution" || kind === "fully connected"));
  }

  // Show the way of a glyph through the network: its pixels, or null for an example. What is explained
  // is the strongest value of the same map or unit, or of the whole layer where that one is zero.
  show(pixels, namesDigits) {
    const { stage, channel } = this.#chosen;
    this.#chosen = null;
    [this.#pixels, this.#namesDigits] = [pixels ?? EXAMPLE, namesDigits];
    this.#compute();
    const { role, last } = this.#stages[stage];
    const { height, width } = this.#network.steps[last];
    const [values, size] = [this.#now.values(last), height * width];
    const isKept = ["maps", "units"].includes(role) && values.subarray(channel * size, (channel + 1) * size).some((value) => value > 0);
    this.choose(stage, isKept ? { channel } : {});
  }

  // Choose a value to be explained: without a place the largest of a map, without a channel that of all.
  choose(index, { channel, y, x } = {}, { isSpoken = false } = {}) {
    const { last } = this.#stages[index];
    const size = this.#network.steps[last].height * this.#network.steps[last].width;
    const { width } = this.#network.steps[last];
    if (y === undefined) {
      const values = this.#now.values(last);
      const [from, to] = channel === undefined ? [0, values.length] : [channel * size, (channel + 1) * size];
      let best = from;
      for (let i = from; i < to; i++) if (values[i] > values[best]) best = i;
      [channel, y, x] = [Math.floor(best / size), Math.floor((best % size) / width), best % width];
    }
    this.#chosen = { stage: index, channel, y, x };
    this.#place();
    this.#explain(isSpoken);
  }

  // What the guide asks for

  get stages() {
    return this.#stages;
  }

  get label() {
    return bestOf(this.#now.logits);
  }

  // The digit that the network takes it for, as it is.
  get reading() {
    return bestOf(this.#before.logits);
  }

  get parts() {
    return this.#parts;
  }

  get detail() {
    return this.#detail.root;
  }

  elementOf(stage) {
    return this.#flow.elementOf(stage);
  }

  // Compare the two likeliest digits; returns them.
  compare() {
    this.#why.compare();
    return this.#why.digits;
  }

  disturb(name, value) {
    this.#experiments.set(name, value);
    this.#update();
  }

  reset() {
    this.#experiments.reset();
    this.#off.clear();
    this.#update();
  }

  // Computing

  #compute() {
    this.#before = this.#network.run(this.#pixels);
    this.#update();
  }

  // Run the network on the digit as it is disturbed, and draw what comes out: within a frame or two.
  #update() {
    const isDisturbed = this.#experiments.isOn || this.#off.size > 0;
    this.#now = isDisturbed ? this.#network.run(this.#experiments.apply(this.#pixels), { off: [...this.#off.values()] }) : this.#before;
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), SETTLED);
  }

  #settle() {
    const pixels = this.#experiments.apply(this.#pixels);
    this.#why.show(this.#network, this.#now, pixels);
    const { numViews } = this.#network;
    if (numViews > 1) {
      const { mean } = this.#network.run(pixels, { off: [...this.#off.values()], views: true });
      const label = bestOf(mean);
      const [what, more] = this.#namesDigits ? ["A reading", ""] : ["What this network says", OTHER];
      this.#parts.mean.textContent = `${what} is the mean over ${numViews} views of the digit, as it is, narrower and wider: ${label}, ${percent(mean[label])}. All figures here are of the first view.${more}`;
    } else {
      this.#parts.mean.textContent = "";
    }
  }

  // Drawing

  get #about() {
    return { network: this.#network, stages: this.#stages, activations: this.#now, before: this.#before, off: [...this.#off.values()] };
  }

  #lay() {
    this.#flow.lay(this.#network, this.#stages);
    this.#place();
    this.#draw();
  }

  // Where the flow goes down, the detail stands below its layer, which stays where it is; else below the flow.
  #place() {
    const held = this.elementOf(this.#chosen.stage);
    const above = WIDE.matches ? this.#parts.flow : held;
    if (above.nextElementSibling === this.#detail.root) return;
    const { top } = held.getBoundingClientRect();
    above.after(this.#detail.root);
    scrollBy({ top: held.getBoundingClientRect().top - top, behavior: "instant" });
  }

  #draw() {
    this.#flow.draw(this.#about);
    const isDisturbed = this.#now !== this.#before;
    const { probabilities } = this.#now;
    this.#chances.show(probabilities, isDisturbed ? this.#before.probabilities : null, { isProbability: true });
    const count = this.#off.size;
    this.#parts.state.textContent = `${this.label}, ${percent(probabilities[this.label])}${count ? `, with ${count} ${count > 1 ? "maps" : "map"} off` : ""}`;
    this.#parts.reset.disabled = !isDisturbed;
    if (this.#chosen) this.#explain(false);
  }

  #explain(isSpoken) {
    const words = this.#detail.show(this.#about, this.#chosen);
    this.#flow.choose(this.#chosen);
    if (isSpoken) this.#parts.spoken.textContent = words;
  }

  // Keys and presses

  #keyOfMaps(event, index, board) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#detail.focus();
    } else if (board.channels === 1) {
      this.#movePixel(event, index);
    } else {
      const [right, down] = arrowOf(event) ?? [0, 0];
      const to = this.#chosen.channel + right + down * board.columns;
      if (to !== this.#chosen.channel && to >= 0 && to < board.channels) this.choose(index, { channel: to }, { isSpoken: true });
    }
  }

  #movePixel(event, index) {
    const arrow = arrowOf(event);
    if (!arrow) return;
    const { height, width } = this.#network.steps[this.#stages[index].last];
    const within = (place, size) => Math.max(0, Math.min(size - 1, place));
    const [x, y] = [within(this.#chosen.x + arrow[0], width), within(this.#chosen.y + arrow[1], height)];
    this.choose(index, { channel: this.#chosen.channel, y, x }, { isSpoken: true });
  }

  #step(by) {
    const { channels } = this.#network.steps[this.#stages[this.#chosen.stage].last];
    this.choose(this.#chosen.stage, { channel: (this.#chosen.channel + by + channels) % channels }, { isSpoken: true });
  }

  // Switch the map that is chosen off, or on again.
  #switch() {
    const map = [this.#stages[this.#chosen.stage].steps[0], this.#chosen.channel];
    if (!this.#off.delete(map.join(" "))) this.#off.set(map.join(" "), map);
    this.#update();
    this.#parts.spoken.textContent = this.#parts.state.textContent;
  }
}

const bestOf = (values) => values.indexOf(Math.max(...values));

// The direction of an arrow key, whose usual effect is prevented; else nothing.
function arrowOf(event) {
  if (!ARROWS[event.key] || event.altKey || event.ctrlKey || event.metaKey) return undefined;
  event.preventDefault();
  return ARROWS[event.key];
}
