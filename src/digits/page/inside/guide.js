// Two minutes through the network, step by step: each points at what it is about, and does it.

import { button, make } from "./dom.js";

const STEPS = [
  {
    words: ({ label }) => `This is what the network gets of a digit, read here as ${label}: 28 × 28 numbers, 0 for paper and up to 255 for ink. All that follows is computed from these.`,
    act: (view) => view.choose(0),
    at: (view) => view.elementOf(0),
  },
  {
    words: () => "A filter is a small square of weights: its kernel. It is laid over a place of the digit, each number below it is multiplied by its weight, and all products are added up. Orange weights ask for ink, blue ones for paper.",
    act: (view) => view.choose(first(view)),
    at: (view) => view.detail.querySelector(".arithmetic"),
    isLeftOut: (view) => !hasMaps(view),
  },
  {
    words: () => "Laid over every place, a kernel makes a map: strong where the digit has what it asks for. The square framed on the digit is what this strongest value was computed from. Point at other values of the map, and see the sum change.",
    act: (view) => view.choose(first(view)),
    at: (view) => view.detail.querySelector(".detail-body"),
    isLeftOut: (view) => !hasMaps(view),
  },
  {
    words: () => "A unit has a weight for each of these numbers. Each number is multiplied by its weight, and all products are added up. Orange weights ask for ink, blue ones for paper.",
    act: (view) => view.choose(first(view)),
    at: (view) => view.detail.querySelector(".arithmetic"),
    isLeftOut: (view) => hasMaps(view),
  },
  {
    words: () => "A further layer does the same with the maps before it: its kernels go through all of them at once. The lines show which maps weigh most in this value: orange for it, blue against it. So it can answer to several edges at a time.",
    act: (view) => view.choose(later(view)),
    at: (view) => view.elementOf(later(view)),
    isLeftOut: (view) => later(view) < 0,
  },
  {
    words: () => "Max pooling keeps the largest value of each little window. The maps get smaller, and it matters less where exactly a stroke was.",
    act: (view) => view.choose(pooling(view)),
    at: (view) => view.elementOf(pooling(view)),
    isLeftOut: (view) => pooling(view) < 0,
  },
  {
    words: ({ label }) => `In the end, all that was found is summed up ten times, each time with other weights: ten scores, one a digit. That of ${label} is the highest. The frames show what spoke for it, in orange, and against it, in blue.`,
    act: (view) => view.choose(withRole(view, "scores"), { channel: view.label }),
    at: (view) => view.elementOf(withRole(view, "scores")),
    isLeftOut: (view) => withRole(view, "scores") < 0,
  },
  {
    words: () => "Softmax makes probabilities of the scores: e to the power of each, divided by the sum of all ten. A score that is a little higher has a probability that is far higher.",
    act: (view) => view.choose(withRole(view, "probabilities"), { channel: view.label }),
    at: (view) => view.detail.querySelector(".arithmetic"),
  },
  {
    words: ({ digits: [a, b] }) => `Why ${a} and not ${b}, the next in turn? More ink in an orange place would speak for ${a}, in a blue place for ${b}. The list shows what decided it. Choose other digits to ask about those.`,
    act: (view) => ({ digits: view.compare() }),
    at: (view) => view.parts.why,
  },
  {
    words: () => "Now break it: the digit has just been turned by 35°. The thin marks show the probabilities before that. Move the sliders until it is read wrong, or go to a map and switch its filter off. Reset undoes everything.",
    act: (view) => view.disturb("rotation", 35),
    at: (view) => view.parts.try,
    undo: (view) => view.reset(),
  },
];

const first = ({ stages }) => stages.findIndex(({ kind }) => kind === "convolution" || kind === "fully connected");
const later = (view) => view.stages.findIndex(({ kind }, index) => kind === "convolution" && index > first(view));
const pooling = ({ stages }) => stages.findIndex(({ kind }) => kind === "max pooling");
const hasMaps = ({ stages }) => stages.some(({ kind }) => kind === "convolution");
const withRole = ({ stages }, role) => stages.findIndex((stage) => stage.role === role);

export class Guide {
  #root;
  #view;
  #start;
  #steps = [];
  #at = -1;
  #pointed = null;
  #count = make("h3", { tabIndex: -1 });
  #words = make("p");
  #back = button("Back", () => this.#go(this.#at - 1));
  #next = button("Next", () => this.#go(this.#at + 1));

  constructor(root, view, start) {
    [this.#root, this.#view, this.#start] = [root, view, start];
    const close = button("×", () => this.#close(), { "aria-label": "Close the guide" });
    root.append(make("div", { className: "guide-head" }, this.#count, close), this.#words, make("div", { className: "tools" }, this.#back, this.#next));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    start.addEventListener("click", () => {
      this.#steps = STEPS.filter((step) => !step.isLeftOut?.(view));
      root.hidden = false;
      this.#go(0);
    });
  }

  #go(to) {
    if (to >= this.#steps.length) return this.#close();
    this.#steps[this.#at]?.undo?.(this.#view);
    this.#at = to;
    const step = this.#steps[to];
    const done = step.act(this.#view);
    this.#count.textContent = `Step ${to + 1} of ${this.#steps.length}`;
    this.#words.textContent = step.words({ label: this.#view.label, ...done });
    this.#back.disabled = to === 0;
    this.#next.textContent = to === this.#steps.length - 1 ? "Done" : "Next";
    this.#point(step.at(this.#view));
    this.#count.focus({ preventScroll: true });
  }

  #close() {
    this.#steps[this.#at]?.undo?.(this.#view);
    this.#at = -1;
    this.#root.hidden = true;
    this.#point(null);
    this.#start.focus();
  }

  #point(element) {
    this.#pointed?.classList.remove("pointed");
    this.#pointed = element;
    if (!element) return;
    element.classList.add("pointed");
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ block: "start", inline: "nearest", behavior: isCalm ? "instant" : "smooth" });
  }
}
