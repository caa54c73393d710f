// What can be done to a digit before the network gets it: turned, shifted, blurred, made noisy.

import { make } from "./dom.js";

const SIZE = 28; // pixels of a glyph
const KINDS = [
  { name: "rotation", words: "Turn", min: -90, max: 90, step: 1, unit: "°" },
  { name: "right", words: "Shift across", min: -10, max: 10, step: 0.5, unit: " px" },
  { name: "down", words: "Shift down", min: -10, max: 10, step: 0.5, unit: " px" },
  { name: "blur", words: "Blur", min: 0, max: 4, step: 0.1, unit: " px" },
  { name: "noise", words: "Noise", min: 0, max: 200, step: 1, unit: " of 255" },
];

export class Experiments {
  #sliders = new Map();

  constructor(root, onChange) {
    for (const { name, words, min, max, step, unit } of KINDS) {
      const value = make("output", {});
      const slider = make("input", { type: "range", min, max, step, value: 0, name, autocomplete: "off" });
      const tell = () => {
        value.textContent = `${slider.value.replace("-", "−")}${unit}`;
        slider.setAttribute("aria-valuetext", value.textContent);
      };
      slider.addEventListener("input", () => {
        tell();
        onChange();
      });
      this.#sliders.set(name, { slider, tell });
      tell();
      root.append(make("label", {}, make("span", {}, words), slider, value));
    }
  }

  get isOn() {
    return [...this.#sliders.values()].some(({ slider }) => Number(slider.value));
  }

  set(name, value) {
    const { slider, tell } = this.#sliders.get(name);
    slider.value = value;
    tell();
  }

  reset() {
    for (const name of this.#sliders.keys()) this.set(name, 0);
  }

  // Pixels of a glyph, 0 to 255, disturbed.
  apply(pixels) {
    const amount = (name) => Number(this.#sliders.get(name).slider.value);
    let disturbed = moved(pixels, amount("rotation"), amount("right"), amount("down"));
    if (amount("blur")) disturbed = blurred(disturbed, amount("blur"));
    if (amount("noise")) disturbed = noisy(disturbed, amount("noise"));
    return disturbed;
  }
}

// Turned clockwise about the middle, then shifted; between pixels, values are interpolated.
function moved(pixels, degrees, right, down) {
  if (!degrees && !right && !down) return Float32Array.from(pixels);
  const [cos, sin] = [Math.cos, Math.sin].map((of) => of((degrees * Math.PI) / 180));
  const middle = (SIZE - 1) / 2;
  const at = (x, y) => (x < 0 || y < 0 || x >= SIZE || y >= SIZE ? 0 : pixels[y * SIZE + x]);
  return Float32Array.from(pixels, (_, i) => {
    const [dx, dy] = [(i % SIZE) - middle - right, Math.floor(i / SIZE) - middle - down];
    const [x, y] = [middle + cos * dx + sin * dy, middle - sin * dx + cos * dy];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [a, b] = [x - left, y - top];
    return (1 - b) * ((1 - a) * at(left, top) + a * at(left + 1, top)) + b * ((1 - a) * at(left, top + 1) + a * at(left + 1, top + 1));
  });
}

// A Gaussian of a standard deviation in pixels, along rows and then columns.
function blurred(pixels, deviation) {
  const reach = Math.ceil(3 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)));
  const total = weights.reduce((a, b) => a + b);
  const along = (values, step) =>
    values.map((_, i) => {
      const place = step === 1 ? i % SIZE : Math.floor(i / SIZE);
      return weights.reduce((sum, weight, k) => {
        const other = place + k - reach;
        return other < 0 || other >= SIZE ? sum : sum + (weight / total) * values[i + (k - reach) * step];
      }, 0);
    });
  return along(along(pixels, 1), SIZE);
}

// Normal noise of a standard deviation, always the same, so that only its amount changes.
function noisy(pixels, deviation) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return (state + 1) / 2 ** 32;
  };
  return pixels.map((value) => Math.max(0, Math.min(255, value + deviation * Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()))));
}
