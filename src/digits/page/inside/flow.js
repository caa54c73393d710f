// The flow of a network's stages, from the digit to its probabilities: maps, kernels, bars and lines.

import { Chances } from "./chances.js";
import { make } from "./dom.js";
import { Kernels } from "./kernels.js";
import { Links } from "./links.js";
import { Maps, setLegend } from "./maps.js";
import { rangeOf } from "./palette.js";
import { linksOf, marksOf, told } from "./pointing.js";

export const WIDE = matchMedia("(min-width: 60rem)"); // the flow goes across, else down
const [COLUMN, ROW] = [{ height: 260, cell: 5 }, { height: 320, cell: 6 }]; // room for a layer's maps, in pixels of the page
const AWAY = 12; // pixels of the page between the pointer and what is said of it
const [GAP, LEAST] = [18, 64]; // between columns, and width of one, in pixels of the page

export class Flow {
  #root;
  #listener;
  #links;
  #said = make("p", { className: "said", "aria-hidden": "true" });
  #boards = []; // of each stage: Maps or Chances
  #kernels = []; // of each stage that has some
  #about = null;
  #chosen = null;
  #places = new Map(); // of the boards
  #isLaid = false; // anew, so that all kernels are to be drawn

  // `listener` has `choose(stage, at)`, with all of a value or a part, and `key(event, stage, board)`.
  constructor(root, listener) {
    [this.#root, this.#listener, this.#links] = [root, listener, new Links()];
  }

  elementOf(stage) {
    return this.#root.querySelector(`[data-stage="${stage}"]`);
  }

  build(network, stages) {
    this.#about = null;
    this.#kernels = stages.map((stage, index) => stage.kind === "convolution" && this.#makeKernels(network, stage, index));
    this.#root.replaceChildren(this.#links.root, this.#said);
    this.#boards = stages.map((stage, index) => this.#makeStage(stage, index));
    this.lay(network, stages);
  }

  #makeKernels(network, { steps: [step], title }, index) {
    return new Kernels(title, network.steps[step].channels, (channel) => network.kernel(step, channel), (channel) => this.#listener.choose(index, { channel }));
  }

  #makeStage({ title, shape, also, role }, index) {
    const root = make("div", { className: "stage", "data-stage": index }, make("h3", {}, title), make("small", {}, [shape, ...also].join(", ")));
    this.#root.append(root);
    if (role === "scores" || role === "probabilities") {
      const list = make("div", { className: "chances", "aria-label": `${title}: ten digits` });
      root.append(make("div", {}, list));
      return new Chances(list, { onChoose: (channel) => this.#listener.choose(index, { channel }), onPoint: (channel) => this.point(channel === null ? null : { stage: index, channel, y: 0, x: 0 }) });
    }
    const canvas = make("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "maps", "aria-describedby": "inside-keys", "aria-label": `${title}: ${shape}` });
    root.append(make("div", {}, canvas, make("div", { className: "legend" })));
    if (this.#kernels[index]) root.append(this.#kernels[index].root);
    const board = new Maps(canvas);
    canvas.addEventListener("click", (event) => this.#listener.choose(index, board.at(event)));
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.point({ stage: index, ...board.at(event) }, event));
    canvas.addEventListener("pointerleave", () => this.point(null));
    // A press chooses when it ends; until then, nothing moves below it.
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && index !== this.#chosen.stage && this.#listener.choose(index));
    canvas.addEventListener("keydown", (event) => this.#listener.key(event, index, board));
    return board;
  }

  lay(network, stages) {
    this.#isLaid = true;
    this.#places.clear();
    const { clientWidth } = this.#root;
    const width = WIDE.matches ? Math.max(LEAST, clientWidth / stages.length - GAP) : clientWidth;
    this.#boards.forEach((board, index) => {
      if (board instanceof Maps) board.lay(network.steps[stages[index].last], { width, ...(WIDE.matches ? COLUMN : ROW) });
      if (this.#kernels[index]) this.#kernels[index].lay(width);
    });
  }

  // Draw {network, stages, activations, before: those of the undisturbed digit, off}.
  draw(about) {
    this.#about = about;
    const { stages, activations, before } = about;
    stages.forEach((stage, index) => {
      const board = this.#boards[index];
      const [values, undisturbed] = [activations, before].map((each) => each.values(stage.last));
      if (board instanceof Chances) {
        board.show(values, values === undisturbed ? null : undisturbed, { isProbability: stage.role === "probabilities" });
        return;
      }
      stage.range = commonRange(stage, values, undisturbed);
      board.draw(values, stage.range);
      if (setLegend(board.canvas.nextElementSibling, stage.range)) this.#places.clear();
    });
  }

  // Mark the value that is chosen: {stage, channel, y, x}.
  choose(chosen) {
    const changed = [this.#chosen?.stage, chosen.stage];
    const isLaid = this.#isLaid;
    this.#isLaid = false;
    this.#chosen = chosen;
    this.#about.stages.forEach((stage, index) => {
      if (index === chosen.stage) stage.channel = chosen.channel;
      this.elementOf(index).classList.toggle("chosen", index === chosen.stage);
      if (this.#kernels[index] && (changed.includes(index) || isLaid)) this.#kernels[index].draw(stage.channel ?? 0, index === chosen.stage);
    });
    this.point(null);
  }

  // Frame what a value depends on in the layers before it; without one, for the value that is chosen.
  // `place` is that of a pointer, at which the value is said.
  point(value, place) {
    const pointed = value ?? this.#chosen;
    this.#say(value, place);
    marksOf(this.#about, pointed).forEach((marks, index) => {
      const board = this.#boards[index];
      board.mark(board instanceof Maps ? marks : index === this.#chosen.stage ? this.#chosen.channel : null);
    });
    const links = WIDE.matches ? linksOf(this.#about, pointed) : [];
    this.#links.show(links.map(({ stage, channel, share }) => ({ from: this.#middle(stage, channel), to: this.#middle(pointed.stage, pointed.channel), share })));
  }

  #say(value, pointer) {
    this.#said.hidden = !pointer;
    if (!pointer) return;
    const { name, place, shown } = told(this.#about, value);
    const { left, top, width } = this.#root.getBoundingClientRect();
    this.#said.textContent = `${name}. ${place}${shown}`;
    const isRight = pointer.clientX > left + width / 2;
    this.#said.style.left = `${pointer.clientX - left + this.#root.scrollLeft + (isRight ? -AWAY : AWAY)}px`;
    this.#said.style.top = `${pointer.clientY - top - AWAY}px`;
    this.#said.style.transform = `translate(${isRight ? "-100%" : 0}, -100%)`;
  }

  #middle(stage, channel) {
    const board = this.#boards[stage];
    if (!this.#places.has(stage)) this.#places.set(stage, board.place);
    const place = this.#places.get(stage);
    return board.middle(channel, place).map((middle, i) => place[i] + middle);
  }
}

// The range of a stage's colours, wide enough for the digit as it is and as it was.
function commonRange({ kind, role }, values, before) {
  if (kind === "input") return { low: 0, high: 255, isSigned: false };
  const [a, b] = [values, before].map((each) => rangeOf(each, { isPicture: role === "picture" }));
  return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high), isSigned: a.isSigned || b.isSigned };
}
