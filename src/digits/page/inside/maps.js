// Maps of a layer side by side on one canvas. A value is a square of whole pixels of the screen.

import { figure } from "../figures.js";
import { make } from "./dom.js";
import { colours, gradient, levelOf } from "./palette.js";

export const MARK = "#e6007e"; // seen on all colours of the maps, in both schemes

export class Maps {
  #canvas;
  #context;
  #base = null;
  #ratio = 1;
  #gap = 0;
  #cell = 1; // side of a value, in pixels of the screen

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  get canvas() {
    return this.#canvas;
  }

  // Lay out maps, as large as fits: the room is in pixels of the page. The gap also goes around them
  // all, where it holds the frames of those at the edge.
  lay({ channels, height, width }, room, gap = height * width > 1 ? 3 : 1) {
    const ratio = devicePixelRatio || 1;
    [this.channels, this.height, this.width, this.#ratio] = [channels, height, width, ratio];
    this.#gap = channels > 1 ? Math.max(1, Math.round(gap * ratio)) : 0;
    const [available, most] = [room.width, room.height].map((side) => Math.floor(side * ratio) - this.#gap);
    const largest = Math.max(1, Math.floor((room.cell ?? 12) * ratio));
    this.#cell = 1;
    for (let cell = largest; cell > 1; cell--) {
      const columns = Math.floor(available / (width * cell + this.#gap));
      if (columns && Math.ceil(channels / columns) * (height * cell + this.#gap) <= most) {
        this.#cell = cell;
        break;
      }
    }
    // In rows of equal length.
    const rows = Math.ceil(channels / Math.max(1, Math.floor(available / this.#tile(width))));
    this.columns = Math.ceil(channels / rows);
    this.#canvas.width = this.columns * this.#tile(width) + this.#gap;
    this.#canvas.height = rows * this.#tile(height) + this.#gap;
    this.#canvas.style.width = `${this.#canvas.width / ratio}px`;
    this.#canvas.style.height = `${this.#canvas.height / ratio}px`;
    this.#base = this.#context.createImageData(this.#canvas.width, this.#canvas.height);
  }

  #tile(side) {
    return side * this.#cell + this.#gap;
  }

  // Colour the values; `mark` paints them.
  draw(values, range) {
    const table = colours(range.isSigned);
    const pixels = new Uint32Array(this.#base.data.buffer);
    const [cell, stride, size] = [this.#cell, this.#canvas.width, this.height * this.width];
    for (let channel = 0; channel < this.channels; channel++) {
      const [left, top] = this.#corner(channel);
      for (let i = 0; i < size; i++) {
        const colour = table[levelOf(values[channel * size + i], range)];
        const start = (top + Math.floor(i / this.width) * cell) * stride + left + (i % this.width) * cell;
        for (let row = 0; row < cell; row++) {
          for (let at = start + row * stride; at < start + row * stride + cell; at++) pixels[at] = colour;
        }
      }
    }
  }

  // Paint the maps, with rectangles over the maps: {channel, left, top, width, height (in values), colour, thickness, isCrossed}.
  mark(marks) {
    const context = this.#context;
    context.putImageData(this.#base, 0, 0);
    for (const { channel, left = 0, top = 0, width = this.width, height = this.height, colour, thickness = 2, isCrossed } of marks) {
      const line = Math.max(1, Math.round(thickness * this.#ratio));
      const [x0, y0] = this.#corner(channel);
      const [x, y, w, h] = [x0 + left * this.#cell, y0 + top * this.#cell, width * this.#cell, height * this.#cell];
      context.strokeStyle = colour;
      context.lineWidth = line;
      // Around what is marked, as far as there is room.
      const out = Math.min(line / 2, this.#gap / 2);
      context.strokeRect(x - out + (this.#gap ? 0 : line / 2), y - out + (this.#gap ? 0 : line / 2), w + 2 * out - (this.#gap ? 0 : line), h + 2 * out - (this.#gap ? 0 : line));
      if (isCrossed) {
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(x + w, y + h);
        context.moveTo(x + w, y);
        context.lineTo(x, y + h);
        context.stroke();
      }
    }
  }

  // The value at a place of the window, or the one nearest to it.
  at({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) * this.#ratio, (clientY - box.top) * this.#ratio];
    const within = (place, count) => Math.max(0, Math.min(count - 1, Math.floor(place)));
    const column = within(x / this.#tile(this.width), this.columns);
    const channel = Math.min(this.channels - 1, Math.max(0, Math.floor(y / this.#tile(this.height))) * this.columns + column);
    const [left, top] = this.#corner(channel);
    return { channel, y: within((y - top) / this.#cell, this.height), x: within((x - left) / this.#cell, this.width) };
  }

  // Where it lies, in pixels of the page: to ask for that has the page laid out at once.
  get place() {
    return [this.#canvas.offsetLeft, this.#canvas.offsetTop];
  }

  // The middle of a map, in pixels of the page from there.
  middle(channel) {
    const [left, top] = this.#corner(channel);
    return [(left + (this.width * this.#cell) / 2) / this.#ratio, (top + (this.height * this.#cell) / 2) / this.#ratio];
  }

  #corner(channel) {
    return [(channel % this.columns) * this.#tile(this.width) + this.#gap, Math.floor(channel / this.columns) * this.#tile(this.height) + this.#gap];
  }
}

// A small picture of some values, such as a kernel.
export function picture(values, height, width, range, cell) {
  const maps = new Maps(document.createElement("canvas"));
  maps.lay({ channels: 1, height, width }, { width: width * cell, height: height * cell, cell });
  maps.draw(values, range);
  maps.mark([]);
  maps.canvas.setAttribute("aria-hidden", "true");
  return maps;
}

const legends = new WeakMap(); // what each shows

// A legend of the colours of a range, with words at both ends. Returns whether it has changed.
export function setLegend(root, { low, high, isSigned }, before = "", after = "") {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(high)));
  const [first, last] = [before + figure(low, { digits, isSigned }), figure(high, { digits, isSigned }) + after];
  const background = gradient(isSigned);
  const shown = [first, background, last].join();
  if (legends.get(root) === shown) return false;
  legends.set(root, shown);
  const scale = make("i");
  scale.style.background = background;
  root.replaceChildren(first, scale, last);
  return true;
}
