// The section on the inside of the network. What draws it, and the network, are loaded when it comes near,
// and nothing is computed while it is away.

import { decodeBase64 } from "../base64.js";
import { fetchNetwork } from "../source.js";

const NEAR = "200px"; // from the window
const PARTS = ["lead", "start", "guide", "flow", "spoken", "try", "sliders", "reset", "state", "chances", "mean", "why"];

export class Inside {
  #section;
  #parts = Object.fromEntries(PARTS.map((name) => [name, document.getElementById(`inside-${name}`)]));
  #glyph = null; // in base64
  #name = "";
  #view = null;
  #isNear = false;
  #isOpen = false; // the network that is served is in the view, or on its way
  #isShown = false; // and the glyph
  #hasFailed = false; // so that it is tried again when the section comes near again
  #turn = 0; // number of times that a network was asked for

  constructor(section) {
    this.#section = section;
    this.#tell();
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.#isNear = isIntersecting;
      if (this.#hasFailed) this.#isOpen = this.#hasFailed = false;
      this.#update();
    }, { rootMargin: NEAR }).observe(section);
  }

  // Show a glyph, in base64, and what it is called; null shows an example.
  show(glyph, name) {
    if (glyph === this.#glyph && name === this.#name) return;
    [this.#glyph, this.#name, this.#isShown] = [glyph, name, false];
    this.#update();
  }

  // Take the network that is served now.
  renew() {
    this.#isOpen = false;
    this.#update();
  }

  #update() {
    if (!this.#isNear) return;
    if (!this.#isOpen) {
      this.#open();
    } else if (this.#view && !this.#isShown && !this.#hasFailed) {
      this.#isShown = true;
      this.#view.show(this.#pixels);
      this.#tell();
    }
  }

  async #open() {
    const turn = ++this.#turn;
    this.#isOpen = true;
    try {
      const [{ View }, file] = await Promise.all([loadView(), fetchNetwork()]);
      if (turn !== this.#turn) return;
      this.#view ??= new View(this.#parts);
      this.#setVisible(true);
      this.#isShown = true;
      this.#view.open(file, this.#pixels);
      this.#tell();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#hasFailed = true;
      this.#setVisible(false);
      this.#parts.lead.textContent = `The inside of the network can’t be shown. ${error.message}`;
      if (error.constructor !== Error) throw error; // none of those that are expected
    }
  }

  get #pixels() {
    return this.#glyph && Float32Array.from(decodeBase64(this.#glyph));
  }

  #tell() {
    this.#parts.lead.textContent = this.#glyph
      ? `This is how the ${this.#name} above passes through the network. Point at anything, or tap it, to see how it came about.`
      : "This is how a digit passes through the network: an example, until you draw one. Point at anything, or tap it, to see how it came about.";
  }

  #setVisible(isVisible) {
    for (const part of this.#section.querySelectorAll(".only-open")) part.hidden = !isVisible;
  }
}

function loadView() {
  return import("./view.js").catch(() => {
    throw new Error("It can’t be loaded: the server does not respond.");
  });
}
