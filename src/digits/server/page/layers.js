// What each layer of the network makes of a glyph, to be looked at one by one.

import { Asking } from "./asking.js";
import { bytes } from "./bytes.js";

const HIGHEST = 380; // of all maps together, in pixels of the page
const [MAP, UNIT] = [[28, 128], [10, 32]]; // side of a map, and of a unit: at least, at most
const GAMMA = 0.6; // below 1, so that what is faint is seen too
const SPAN = 4; // of scores, at least: where all are alike, bars should be

const LEADS = {
  convolution: (layer) =>
    `${layer.channels} maps of ${layer.height} × ${layer.width}. Each comes of one filter that looks for one thing everywhere, an edge, a bend, an end; where a map stands out, it found it.`,
  units: (layer) => `${layer.channels} units, each fed by all values before. They no longer know of places, only of what there is.`,
  logits: () => "Ten scores, 0 to 9 from the left. Softmax makes the probabilities of them; the highest wins.",
};

export class Layers {
  #lead;
  #tabs;
  #panel;
  #canvas;
  #caption;
  #layers = [];
  #chosen = 0;
  #glyph = null;
  #room = 0;
  #asking = new Asking();

  constructor({ lead, tabs, panel, canvas, caption }) {
    [this.#lead, this.#tabs, this.#panel, this.#canvas, this.#caption] = [lead, tabs, panel, canvas, caption];
    tabs.addEventListener("click", (event) => {
      const tab = event.target.closest("button");
      if (tab) this.#choose([...tabs.children].indexOf(tab));
    });
    tabs.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => panel.clientWidth === this.#room || this.#draw()).observe(panel);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  // Of a glyph, as base64; none clears.
  show(glyph, label) {
    this.#lead.textContent = glyph
      ? `This is how the ${label} above goes through the network, from its 28 × 28 pixels to ten scores.`
      : "Draw a digit to see what each layer makes of it.";
    if (glyph === this.#glyph) return;
    this.#glyph = glyph;
    if (!glyph) {
      this.#asking.forget();
      this.#layers = [];
      this.#tabs.hidden = this.#panel.hidden = true;
      return;
    }
    this.#asking.ask({
      request: async () => ["v1/layers", bytes(glyph), "application/octet-stream"],
      done: ({ layers }) => {
        this.#layers = layers.map((layer) => ({ ...layer, maps: bytes(layer.maps) }));
        this.#name();
      },
    });
  }

  #name() {
    const tabs = this.#tabs;
    while (tabs.children.length > this.#layers.length) tabs.lastElementChild.remove();
    this.#layers.forEach((layer, i) => {
      if (!tabs.children[i]) {
        const tab = document.createElement("button");
        tab.type = "button";
        tab.id = `layer-${i + 1}`;
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", "layer");
        tab.append(document.createElement("span"), document.createElement("small"));
        tabs.append(tab);
      }
      const [title, size] = tabs.children[i].children;
      title.textContent = `${i + 1} ${layer.name}`;
      size.textContent = layer.height > 1 ? `${layer.channels} × ${layer.height} × ${layer.width}` : `${layer.channels}`;
    });
    tabs.hidden = this.#panel.hidden = false;
    this.#choose(Math.min(this.#chosen, this.#layers.length - 1));
  }

  #choose(index) {
    this.#chosen = index;
    [...this.#tabs.children].forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
    });
    this.#panel.setAttribute("aria-labelledby", `layer-${index + 1}`);
    this.#draw();
  }

  #key(event) {
    const last = this.#layers.length - 1;
    const to = { ArrowRight: this.#chosen + 1, ArrowLeft: this.#chosen - 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#choose((to + last + 1) % (last + 1));
    this.#tabs.children[this.#chosen].focus();
  }

  #draw() {
    const layer = this.#layers[this.#chosen];
    const room = this.#panel.clientWidth;
    if (!layer || !room) return;
    this.#room = room;
    const isLast = this.#chosen === this.#layers.length - 1;
    const kind = layer.height > 1 ? "convolution" : isLast ? "logits" : "units";
    this.#caption.textContent = LEADS[kind](layer);
    const what = layer.height > 1 ? `maps of ${layer.height} by ${layer.width}` : "values";
    this.#canvas.setAttribute("aria-label", `${layer.name}: ${layer.channels} ${what}`);
    if (kind === "logits") this.#drawScores(layer, room);
    else this.#drawMaps(layer, room);
  }

  #context(width, height) {
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    const context = this.#canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = false;
    return context;
  }

  #drawMaps(layer, room) {
    const { channels, height, width, maps } = layer;
    const [least, most] = height > 1 ? MAP : UNIT;
    const gap = height > 1 ? 6 : 3;
    // As large as there is room for, in rows of one length as far as that goes.
    const wanted = Math.max(least, Math.min(most, Math.sqrt((room * HIGHEST) / channels) - gap));
    const rows = Math.ceil(channels / Math.max(1, Math.floor((room + gap) / (wanted + gap))));
    const columns = Math.ceil(channels / rows);
    const cell = Math.min(most, Math.floor((room + gap) / columns) - gap);
    const context = this.#context(columns * (cell + gap) - gap, rows * (cell + gap) - gap);
    const [low, high] = [colour("--low"), colour("--high")];
    const tile = document.createElement("canvas");
    [tile.width, tile.height] = [width, height];
    const brush = tile.getContext("2d");
    for (let channel = 0; channel < channels; channel++) {
      const image = brush.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        const part = (maps[channel * width * height + i] / 255) ** GAMMA;
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = low[c] + part * (high[c] - low[c]);
        image.data[4 * i + 3] = 255;
      }
      brush.putImageData(image, 0, 0);
      const [column, row] = [channel % columns, Math.floor(channel / columns)];
      context.drawImage(tile, column * (cell + gap), row * (cell + gap), cell, cell);
    }
  }

  #drawScores({ maps, low, high }, room) {
    const [width, height, foot] = [Math.min(room, 560), 220, 28];
    const span = Math.max(high - low, SPAN);
    const context = this.#context(width, height);
    const style = getComputedStyle(this.#canvas);
    context.font = `600 ${Math.min(14, width / 27)}px ${style.fontFamily}`;
    context.textAlign = "center";
    const best = maps.indexOf(Math.max(...maps));
    const scores = [...maps].map((value) => low + (value / 255) * (high - low));
    const words = scores.map((score, label) => `${label}: ${score.toFixed(1)}`).join(", ");
    this.#canvas.setAttribute("aria-label", `Ten scores. ${words}`);
    scores.forEach((score, label) => {
      const column = width / maps.length;
      const bar = 2 + ((score - low) / span) * (height - foot - 26);
      const [middle, top] = [column * (label + 0.5), height - foot - bar];
      context.fillStyle = style.getPropertyValue(label === best ? "--accent" : "--line");
      context.fillRect(middle - column * 0.36, top, column * 0.72, bar);
      context.fillStyle = style.color;
      context.fillText(String(label), middle, height - 8);
      context.fillStyle = style.getPropertyValue("--soft");
      context.fillText(score.toFixed(1), middle, top - 6);
    });
  }
}

function colour(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
