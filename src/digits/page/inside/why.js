// Why one digit and not another: which maps speak for each of them, and where ink would.

import { figure } from "../figures.js";
import { addingUp } from "./arithmetic.js";
import { make } from "./dom.js";
import { Maps, setLegend } from "./maps.js";
import { nounOf, sidesOf, votes } from "./votes.js";

const SIZE = 28; // pixels of a glyph
const CELL = 8; // pixels of the page for each of its pixels
const [SAMPLES, NOISE] = [12, 25]; // SmoothGrad; the noise is in grey levels, a tenth of their range
const INK = 100; // grey levels by which a pixel is thought darker
const PLAIN = "The digit as the network gets it";
const OPACITY = 0.45; // of the drawing over its saliency
const SHARE = 0.995; // of the values of a saliency map that its colours tell apart

export class Why {
  #selects;
  #switch;
  #maps;
  #ink;
  #words = make("p", { role: "status" });
  #list = make("ul", { className: "votes" });
  #legend = make("div", { className: "legend" });
  #note = make("p", { className: "note" });
  #isChosen = false; // else the likeliest two are compared
  #about = null;
  #turn = 0; // number of pictures that were begun
  #seen; // kept once the picture is in the window

  // `onMap` is called with a step and a channel that was chosen.
  constructor(root, onMap) {
    const select = (label) => make("select", { "aria-label": label, onchange: () => this.#choose() }, ...Array.from({ length: 10 }, (_, digit) => make("option", { value: digit }, String(digit))));
    this.#selects = [select("Why this digit"), select("And not this one")];
    this.#switch = make("button", { type: "button", "aria-pressed": "true", onclick: () => this.#toggle() }, "Saliency");
    this.#maps = new Maps(make("canvas", { role: "img", "aria-label": PLAIN }));
    this.#ink = make("canvas", { width: SIZE, height: SIZE, className: "ink", "aria-hidden": "true" });
    this.#list.addEventListener("click", ({ target }) => {
      const vote = target.closest("button");
      if (vote) onMap(this.#about.step, Number(vote.dataset.map));
    });
    root.append(
      make("p", { className: "question" }, "Why ", this.#selects[0], " and not ", this.#selects[1], "?"),
      make("div", { className: "answer" },
        make("div", {}, make("div", { className: "over" }, this.#maps.canvas, this.#ink), this.#legend, this.#note, this.#switch),
        make("div", {}, this.#words, this.#list)),
    );
    this.#seen = new Promise((resolve) => new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && resolve()).observe(this.#maps.canvas));
    this.#maps.lay({ channels: 1, height: SIZE, width: SIZE }, { width: SIZE * CELL, height: SIZE * CELL, cell: CELL });
  }

  get digits() {
    return this.#selects.map(({ value }) => Number(value));
  }

  // Compare two digits; without any, the likeliest two.
  compare(...digits) {
    this.#isChosen = digits.length > 0;
    digits.forEach((digit, i) => (this.#selects[i].value = digit));
    this.#draw();
  }

  show(network, activations, pixels) {
    this.#about = { network, activations, pixels };
    this.#draw();
  }

  #choose() {
    this.#isChosen = true;
    this.#draw();
  }

  #toggle() {
    this.#switch.setAttribute("aria-pressed", String(this.#switch.getAttribute("aria-pressed") !== "true"));
    this.#draw();
  }

  #draw() {
    if (!this.#about) return;
    const { network, activations } = this.#about;
    if (!this.#isChosen) {
      const order = [...activations.logits.keys()].sort((a, b) => activations.logits[b] - activations.logits[a]);
      order.slice(0, 2).forEach((digit, i) => (this.#selects[i].value = digit));
    }
    const [a, b] = this.digits;
    const [forA, forB] = [a, b].map((digit) => network.contributions(activations, digit));
    this.#about.step = forA.step;
    const shares = [...forA.maps].map((share, map) => share - forB.maps[map]);
    const lead = forA.score - forB.score;
    const [speakForA, speakForB, biases] = addingUp([...sidesOf(shares), forA.rest - forB.rest], lead).map((sum) => figure(sum, { isSigned: true }));
    this.#words.textContent = a === b
      ? "Choose two different digits."
      : `The score of ${a} is ${figure(Math.abs(lead))} ${lead < 0 ? "below" : "above"} that of ${b}: ${speakForA} from the ${nounOf(network, forA.step)}s that speak for ${a}, ${speakForB} from those that speak for ${b}, and ${biases} from the biases. The strongest of all ${shares.length}:`;
    this.#list.replaceChildren(...votes(network, activations, forA.step, shares, (isFor) => `for ${isFor ? a : b}`));
    this.#drawPicture(a, b);
  }

  // Draw the digit and, once it is seen, where ink would speak for one of two digits. That takes long,
  // so it is computed sample by sample, and given up for the next picture.
  async #drawPicture(a, b) {
    const turn = ++this.#turn;
    const { network, activations, pixels } = this.#about;
    const isOn = this.#switch.getAttribute("aria-pressed") === "true" && a !== b;
    this.#paint(pixels, { low: 0, high: 255, isSigned: false }, PLAIN);
    setLegend(this.#legend, { low: 0, high: 255, isSigned: false });
    this.#note.textContent = "";
    if (!isOn) return;
    const values = new Float32Array(pixels.length);
    for (let sample = 0; sample < SAMPLES; sample++) {
      await this.#seen;
      await new Promise((resolve) => setTimeout(resolve));
      if (turn !== this.#turn) return;
      const [one, other] = [a, b].map((digit) => network.saliency(pixels, digit, { noise: NOISE, seed: sample, off: activations.off }));
      for (let i = 0; i < values.length; i++) values[i] += (INK / SAMPLES) * (one[i] - other[i]);
    }
    const most = values.map(Math.abs).sort()[Math.floor(SHARE * (values.length - 1))] || 1e-6;
    const range = { low: -most, high: most, isSigned: true };
    this.#paint(values, range, `Where more ink would speak for ${a}, in orange, and for ${b}, in blue`, pixels);
    setLegend(this.#legend, range, `for ${b}: `, ` for ${a}`);
    this.#note.textContent = `What ${INK} grey levels of more ink in a place would add to the lead of ${a} over ${b}`;
  }

  #paint(values, range, words, ink = []) {
    this.#maps.draw(values, range);
    this.#maps.mark([]);
    this.#maps.canvas.setAttribute("aria-label", words);
    const context = this.#ink.getContext("2d");
    const image = context.createImageData(SIZE, SIZE);
    const level = matchMedia("(prefers-color-scheme: dark)").matches ? 255 : 0;
    ink.forEach((value, i) => image.data.set([level, level, level, value * OPACITY], 4 * i));
    context.putImageData(image, 0, 0);
  }
}
