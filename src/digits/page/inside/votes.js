// Maps that speak for something and against it, the strongest of them, as bars of their shares.

import { figure } from "../figures.js";
import { make } from "./dom.js";
import { picture } from "./maps.js";
import { rangeOf } from "./palette.js";

const MOST = 3; // that are shown for it, and against it
const SIDE = 36; // pixels of the page for a map

// `shares` has one for each map of a step; `wordsFor` says what a positive or negative one speaks for.
export function votes(network, activations, step, shares, wordsFor) {
  const { height, width } = network.steps[step];
  const [values, size] = [activations.values(step), height * width];
  const range = rangeOf(values);
  const ordered = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const shown = [...ordered.slice(0, MOST).filter((map) => shares[map] > 0), ...ordered.slice(-MOST).filter((map) => shares[map] < 0)];
  const most = Math.max(...shares.map(Math.abs));
  return shown.map((map) => {
    const bar = make("i", { className: "bar" });
    bar.style.setProperty("--share", shares[map] / most);
    const cell = Math.max(1, Math.floor(SIDE / Math.max(height, width)));
    const shown = picture(values.subarray(map * size, (map + 1) * size), height, width, range, cell).canvas;
    const words = make("span", { className: "term-name" }, `${nounOf(network, step)} ${map + 1} ${wordsFor(shares[map] > 0)}`);
    return make("li", {}, make("button", { type: "button", className: "term", "data-map": map }, shown, words, make("b", {}, figure(shares[map], { isSigned: true })), bar));
  });
}

export function nounOf({ steps }, step) {
  return steps[step].height * steps[step].width > 1 ? "map" : "unit";
}

// What is said for, and against: the sums of positive and of negative shares.
export function sidesOf(shares) {
  const sum = (isFor) => shares.reduce((total, share) => total + (share > 0 === isFor ? share : 0), 0);
  return [sum(true), sum(false)];
}
