// One value of a layer, looked at: its map, what it sees of the digit, and how it came about.

import { Arithmetic } from "./arithmetic.js";
import { button, make } from "./dom.js";
import { Maps, MARK, setLegend } from "./maps.js";
import { told } from "./pointing.js";

const [LARGE, SMALL] = [240, 112]; // pixels of the page: the map that is looked at, and the digit
const CAN_BE_OFF = ["convolution", "fully connected", "max pooling", "mean pooling"];

export class Detail {
  #title = make("h3");
  #caption = make("p", { className: "caption" });
  #value = make("p", { className: "value" });
  #map = new Maps(make("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "map", "aria-describedby": "inside-keys" }));
  #input = new Maps(make("canvas", { role: "img", "aria-label": "What this value depends on in the digit, framed" }));
  #legend = make("div", { className: "legend" });
  #mapFigure = make("figure", {}, this.#map.canvas, this.#legend, make("figcaption", {}, "Point at a value, tap it, or use the arrow keys"));
  #inputFigure = make("figure", {}, this.#input.canvas, make("figcaption", {}, "What it sees of the digit"));
  #sum = make("div", { className: "arithmetic" });
  #arithmetic = new Arithmetic(this.#sum);
  #steppers;
  #switch;
  root;

  // `listener` has `pick(at, isSpoken)`, `step(by)`, `key(event)` and `switch()`.
  constructor(listener) {
    this.#steppers = [["‹", "Previous", -1], ["›", "Next", 1]].map(([sign, words, by]) => Object.assign(button(sign, () => listener.step(by)), { words }));
    this.#switch = button("Switch off", () => listener.switch());
    this.root = make("div", { className: "detail", role: "region", "aria-label": "How a value came about" },
      make("div", { className: "detail-head" }, this.#title, make("div", { className: "tools" }, ...this.#steppers, this.#switch)),
      this.#caption,
      make("div", { className: "detail-body" }, this.#inputFigure, this.#mapFigure, make("div", {}, this.#value, this.#sum)));
    const { canvas } = this.#map;
    canvas.addEventListener("click", (event) => listener.pick(this.#map.at(event), true));
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && listener.pick(this.#map.at(event), false));
    canvas.addEventListener("keydown", (event) => listener.key(event));
  }

  focus() {
    if (!this.#mapFigure.hidden) this.#map.canvas.focus();
  }

  // Show a value of {network, activations, stages, off}; returns it in words.
  show(about, chosen) {
    const { network, activations, stages, off } = about;
    const { stage: index, channel, y, x } = chosen;
    const stage = stages[index];
    const { channels, height, width } = network.steps[stage.last];
    const [isMap, size] = [height * width > 1, height * width];
    const values = activations.values(stage.last).subarray(channel * size, (channel + 1) * size);
    const { name, place, shown } = told(about, chosen);
    this.#title.textContent = `${stage.title}: ${name}`;
    this.#caption.textContent = stage.caption;
    for (const stepper of this.#steppers) {
      stepper.hidden = channels === 1;
      stepper.setAttribute("aria-label", `${stepper.words}: ${{ maps: "map", units: "unit" }[stage.role] ?? "digit"}`);
    }
    const isOff = off.some(([step, each]) => step === stage.steps[0] && each === channel);
    this.#switch.hidden = !CAN_BE_OFF.includes(stage.kind) || stage.role === "scores";
    this.#switch.textContent = isOff ? "Switch on" : "Switch off";
    const value = values[isMap ? y * width + x : 0];
    this.#value.replaceChildren(place, make("b", {}, shown), isOff && value ? " (0 for the layers behind)" : "");
    this.#mapFigure.hidden = !isMap;
    if (isMap) {
      this.#map.lay({ channels: 1, height, width }, { width: LARGE, height: LARGE, cell: Math.floor(LARGE / Math.max(height, width)) });
      this.#map.draw(values, stage.range);
      this.#map.mark([{ channel: 0, left: x, top: y, width: 1, height: 1, colour: MARK, thickness: 3 }]);
      this.#map.canvas.setAttribute("aria-label", `${stage.title}, ${name}: ${height} by ${width} values`);
      setLegend(this.#legend, stage.range);
    }
    this.#inputFigure.hidden = index === 0;
    if (index) {
      this.#input.lay(network.steps[0], { width: SMALL, height: SMALL });
      this.#input.draw(activations.values(0), stages[0].range);
      this.#input.mark([{ channel: 0, ...network.receptiveField(stage.last, y, x, 0), colour: MARK }]);
    }
    const words = this.#arithmetic.show({ network, activations, stages, stage, range: stages[stage.inputs[0] ?? 0].range, channel, y, x });
    return `${this.#title.textContent}. ${place}${shown}. ${words}`;
  }
}
