// Learning: corrections that the server keeps, and the network that it learns from them.

import { post } from "./requests.js";

const INTERVAL = 1000; // milliseconds between questions whether a network is learned

export class Learning {
  #elements;
  #status = null; // as the server describes it; null if it takes no corrections
  #timer = 0;
  #onSwap;

  // `onSwap` is called when another network is in use.
  constructor(elements, onSwap) {
    this.#elements = elements;
    this.#onSwap = onSwap;
    elements.learn.addEventListener("click", () => this.#ask("v1/learning"));
    elements.swap.addEventListener("click", () => {
      this.#ask(`v1/learning/${this.#status.learned === "in use" ? "revert" : "adopt"}`);
    });
  }

  get isOn() {
    return this.#status !== null;
  }

  // Have the server keep a correction, too: a PNG.
  async send(label, picture) {
    this.show(await post([`v1/corrections?label=${label}`, picture, "image/png"]));
  }

  show(status) {
    const before = this.#status;
    this.#status = status;
    if (!status) return;
    const { panel, learn, swap } = this.#elements;
    const { corrections, is_learning: isLearning, learned, message } = status;
    const isInUse = learned === "in use";
    panel.hidden = !corrections && learned === "none";
    this.#say(
      [
        `The server keeps ${corrections}.`,
        isLearning ? "It is learning …" : isInUse ? "A network that learned from them is in use." : "",
        message,
      ].join(" "),
    );
    learn.disabled = isLearning || !corrections;
    swap.hidden = learned === "none";
    swap.disabled = isLearning;
    swap.textContent = isInUse ? "Go back" : "Use what was learned";
    if (before && isInUse !== (before.learned === "in use")) this.#onSwap();
    clearTimeout(this.#timer);
    if (isLearning) this.#timer = setTimeout(() => this.#look(), INTERVAL);
  }

  async #look() {
    const network = await fetch("v1/network").then((response) => (response.ok ? response.json() : null)).catch(() => null);
    this.show(network ? network.learning : this.#status);
  }

  async #ask(path) {
    try {
      this.show(await post([path]));
    } catch (error) {
      this.#say(error.message);
    }
  }

  #say(text) {
    const { words } = this.#elements;
    if (words.textContent !== text) words.textContent = text;
  }
}
