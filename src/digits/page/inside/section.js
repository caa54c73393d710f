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
  #label = null; // of what it was read as; of a refused digit, null
  #namesDigits = false;
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

  // Show a glyph, in base64, and what it was read as, if it was; null shows an example.
  show(glyph, label = null) {
    if (glyph === this.#glyph && label === this.#label) return;
    [this.#glyph, this.#label, this.#isShown] = [glyph, label, false];
    this.#update();
  }

  // Say whether this network names the digits that are read; else another one does, which sees whole lines.
  set namesDigits(value) {
    if (value === this.#namesDigits) return;
    [this.#namesDigits, this.#isShown] = [value, false];
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
      this.#view.show(this.#pixels, this.#namesDigits);
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
      this.#view.open(file, this.#pixels, this.#namesDigits);
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
    this.#parts.lead.textContent = `This is how ${this.#what}. Point at anything, or tap it, to see how it came about.`;
  }

  get #what() {
    if (!this.#glyph) return "a digit passes through the network: an example, until you draw one";
    const name = this.#label ?? "refused digit";
    if (this.#namesDigits) return `the ${name} above passes through the network`;
    const isOtherwise = this.#view && this.#label !== null && this.#label !== this.#view.reading;
    const reason = isOtherwise ? `. It takes it for a ${this.#view.reading}; ${this.#label} is what another network says, which sees the whole line` : "";
    return `the ${name} above passes through the network of single digits${reason}`;
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
