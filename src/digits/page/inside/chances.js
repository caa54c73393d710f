// Ten bars that begin at zero, for scores or probabilities, with thin marks of what they were undisturbed.
//
// A bar of a score ends in a dot, and a line says how to read it: where all scores are below zero, the
// highest has the shortest bar.

import { figure, percent } from "../figures.js";
import { make } from "./dom.js";

export class Chances {
  #root;
  #rows;
  #scale = make("p", { className: "note" });

  // With `onChoose`, a digit can be chosen, and `onPoint` hears of the one under the mouse (null: none).
  constructor(root, { onChoose, onPoint } = {}) {
    this.#root = root;
    if (onChoose) root.setAttribute("role", "radiogroup");
    this.#rows = Array.from({ length: 10 }, (_, label) => {
      const [bar, before, value] = [make("i"), make("em", { hidden: true }), make("span")];
      const children = [make("b", {}, String(label)), make("span", { className: "track" }, bar, before), value];
      const row = onChoose
        ? make("div", { role: "radio", tabIndex: -1, onclick: () => onChoose(label), onpointerenter: () => onPoint(label), onpointerleave: () => onPoint(null) }, ...children)
        : make("li", {}, ...children);
      root.append(row);
      return { row, bar, before, value };
    });
    if (!onChoose) return;
    root.after(this.#scale);
    this.#rows[0].row.tabIndex = 0;
    root.addEventListener("keydown", (event) => {
      const at = this.#rows.findIndex(({ row }) => row === event.target);
      const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: 9, " ": at, Enter: at }[event.key];
      if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      onChoose((to + 10) % 10);
      this.focus((to + 10) % 10);
    });
  }

  // Where the bars lie, and how high one is, in pixels of the page.
  get place() {
    const { offsetLeft, offsetTop, offsetHeight } = this.#rows[0].row;
    return [offsetLeft, offsetTop, offsetHeight];
  }

  // The middle of the left end of a digit's bar, in pixels of the page from there.
  middle(label, [, , height]) {
    return [0, (label + 0.5) * height];
  }

  focus(label) {
    this.#rows[label].row.focus({ preventScroll: true });
  }

  show(values, undisturbed, { isProbability = false } = {}) {
    const all = isProbability ? [0, 1] : [0, ...values, ...(undisturbed ?? [])];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const place = (value) => (100 * (value - low)) / (high - low || 1);
    const best = values.indexOf(Math.max(...values));
    this.#root.classList.toggle("scores", !isProbability);
    this.#scale.textContent = isProbability ? "" : `From ${figure(low, { digits: 1 })} on the left to ${figure(high, { digits: 1 })}: the dot furthest right wins`;
    this.#root.style.setProperty("--zero", `${place(0)}%`);
    this.#rows.forEach(({ row, bar, before, value }, label) => {
      row.classList.toggle("best", label === best);
      bar.className = values[label] < 0 ? "negative" : "";
      bar.style.left = `${place(Math.min(0, values[label]))}%`;
      bar.style.width = `${Math.abs(place(values[label]) - place(0))}%`;
      before.hidden = !undisturbed;
      if (undisturbed) before.style.left = `${place(undisturbed[label])}%`;
      value.textContent = isProbability ? percent(values[label]) : figure(values[label]);
    });
  }

  // Mark the digit that is chosen; null: none.
  mark(chosen) {
    this.#rows.forEach(({ row }, label) => {
      row.setAttribute("aria-checked", String(label === chosen));
      row.tabIndex = label === (chosen ?? 0) ? 0 : -1;
    });
  }
}
