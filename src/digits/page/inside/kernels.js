// The kernels of a convolution: where each filter has a single one, those of all, else those of one filter.

import { make } from "./dom.js";
import { Maps, MARK, setLegend } from "./maps.js";
import { rangeOf } from "./palette.js";

const ROOM = { height: 110, cell: 4 }; // in pixels of the page

export class Kernels {
  #maps = new Maps(make("canvas", { role: "img" }));
  #words = make("small");
  #legend = make("div", { className: "legend" });
  #kernelOf;
  #numFilters;
  #isSingle;
  root = make("div", { className: "kernels" }, this.#words, this.#maps.canvas, this.#legend);

  // `kernelOf` gives the kernel of a filter; `onChoose` is called with a filter whose kernel was pressed.
  constructor(title, numFilters, kernelOf, onChoose) {
    [this.#kernelOf, this.#numFilters] = [kernelOf, numFilters];
    const { dims: [depth, height, width] } = kernelOf(0);
    this.#isSingle = depth === 1;
    this.#maps.canvas.setAttribute("aria-label", `${title}: kernels of ${height} by ${width} weights`);
    this.#maps.canvas.addEventListener("click", (event) => this.#isSingle && onChoose(this.#maps.at(event).channel));
  }

  lay(width) {
    const { dims: [depth, ...size] } = this.#kernelOf(0);
    this.#maps.lay({ channels: this.#isSingle ? this.#numFilters : depth, height: size[0], width: size[1] }, { width, ...ROOM }, 2);
  }

  draw(filter, isChosen) {
    const filters = this.#isSingle ? [...Array(this.#numFilters).keys()] : [filter];
    const values = filters.flatMap((each) => [...this.#kernelOf(each).data]);
    const range = rangeOf(values, { isSigned: true });
    this.#maps.draw(values, range);
    this.#maps.mark(isChosen && this.#isSingle ? [{ channel: filter, colour: MARK }] : []);
    this.#words.textContent = this.#isSingle ? "its kernels" : `kernels of map ${filter + 1}`;
    setLegend(this.#legend, range);
  }
}
