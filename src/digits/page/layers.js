// The activations of each layer of the network for a glyph, shown one layer at a time.

import { decodeBase64 } from "./base64.js";
import { RequestQueue } from "./requests.js";

const MAX_HEIGHT = 380; // of all maps together, in pixels of the page
const [MAP, UNIT] = [[28, 128], [10, 32]]; // smallest and largest side of a map, and of a unit
const GAMMA = 0.6; // below 1, which makes weak activations visible
const MIN_SPAN = 4; // of the logits that bars show: nearly equal ones should look so

const CAPTIONS = {
  convolution: (layer) =>
    `${layer.channels} feature maps of ${layer.height} × ${layer.width}. Each shows where one filter finds its pattern, such as an edge, a bend or the end of a stroke.`,
  units: (layer) => `${layer.channels} units. Each is a weighted sum of all values of the layer before: they show what is there, but no longer where.`,
  logits: () => "Ten logits, for the digits 0 to 9 from the left. Softmax turns them into probabilities; the highest wins.",
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
  #width = 0;
  #requests = new RequestQueue();

  constructor({ lead, tabs, panel, canvas, caption }) {
    [this.#lead, this.#tabs, this.#panel, this.#canvas, this.#caption] = [lead, tabs, panel, canvas, caption];
    tabs.addEventListener("click", (event) => {
      const tab = event.target.closest("button");
      if (tab) this.#choose([...tabs.children].indexOf(tab));
    });
    tabs.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => panel.clientWidth === this.#width || this.#draw()).observe(panel);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  // The glyph is in base64; null clears.
  show(glyph, name) {
    this.#lead.textContent = glyph
      ? `This is how the ${name} above passes through the network, from 28 × 28 pixels to ten logits.`
      : "Draw a digit to see the activations of each layer.";
    if (glyph === this.#glyph) return;
    this.#glyph = glyph;
    if (!glyph) {
      this.#requests.cancel();
      this.#layers = [];
      this.#tabs.hidden = this.#panel.hidden = true;
      return;
    }
    this.#requests.send({
      prepare: async () => ["v1/layers", decodeBase64(glyph), "application/octet-stream"],
      done: ({ layers }) => {
        this.#layers = layers.map((layer) => ({ ...layer, maps: decodeBase64(layer.maps) }));
        this.#showTabs();
      },
    });
  }

  #showTabs() {
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
    const available = this.#panel.clientWidth;
    if (!layer || !available) return;
    this.#width = available;
    const isLast = this.#chosen === this.#layers.length - 1;
    const kind = layer.height > 1 ? "convolution" : isLast ? "logits" : "units";
    this.#caption.textContent = CAPTIONS[kind](layer);
    const values = layer.height > 1 ? `feature maps of ${layer.height} by ${layer.width}` : "values";
    this.#canvas.setAttribute("aria-label", `${layer.name}: ${layer.channels} ${values}`);
    if (kind === "logits") this.#drawLogits(layer, available);
    else this.#drawMaps(layer, available);
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

  #drawMaps(layer, available) {
    const { channels, height, width, maps } = layer;
    const [smallest, largest] = height > 1 ? MAP : UNIT;
    const gap = height > 1 ? 6 : 3;
    // As large as fits, in rows of equal length where possible.
    const wanted = Math.max(smallest, Math.min(largest, Math.sqrt((available * MAX_HEIGHT) / channels) - gap));
    const rows = Math.ceil(channels / Math.max(1, Math.floor((available + gap) / (wanted + gap))));
    const columns = Math.ceil(channels / rows);
    const cell = Math.min(largest, Math.floor((available + gap) / columns) - gap);
    const context = this.#context(columns * (cell + gap) - gap, rows * (cell + gap) - gap);
    const [low, high] = [colour("--low"), colour("--high")];
    const tile = document.createElement("canvas");
    [tile.width, tile.height] = [width, height];
    const brush = tile.getContext("2d");
    for (let channel = 0; channel < channels; channel++) {
      const image = brush.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        const strength = (maps[channel * width * height + i] / 255) ** GAMMA;
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = low[c] + strength * (high[c] - low[c]);
        image.data[4 * i + 3] = 255;
      }
      brush.putImageData(image, 0, 0);
      const [column, row] = [channel % columns, Math.floor(channel / columns)];
      context.drawImage(tile, column * (cell + gap), row * (cell + gap), cell, cell);
    }
  }

  #drawLogits({ maps, low, high }, available) {
    const [width, height, foot] = [Math.min(available, 560), 220, 28];
    const span = Math.max(high - low, MIN_SPAN);
    const context = this.#context(width, height);
    const style = getComputedStyle(this.#canvas);
    context.font = `600 ${Math.min(14, width / 27)}px ${style.fontFamily}`;
    context.textAlign = "center";
    const best = maps.indexOf(Math.max(...maps));
    const logits = [...maps].map((value) => low + (value / 255) * (high - low));
    const words = logits.map((logit, label) => `${label}: ${logit.toFixed(1)}`).join(", ");
    this.#canvas.setAttribute("aria-label", `Ten logits. ${words}`);
    logits.forEach((logit, label) => {
      const column = width / maps.length;
      const bar = 2 + ((logit - low) / span) * (height - foot - 26);
      const [middle, top] = [column * (label + 0.5), height - foot - bar];
      context.fillStyle = style.getPropertyValue(label === best ? "--accent" : "--line");
      context.fillRect(middle - column * 0.36, top, column * 0.72, bar);
      context.fillStyle = style.color;
      context.fillText(String(label), middle, height - 8);
      context.fillStyle = style.getPropertyValue("--soft");
      context.fillText(logit.toFixed(1), middle, top - 6);
    });
  }
}

function colour(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
