// Reading of words: each seen in more and more views, until it is read surely (word_reader.py, work.py).

import { decode, propose } from "./decode.js";
import { largest, sum } from "./numbers.js";
import { parameters } from "./parameters.js";

// The sizes, widths and slants in which a word is seen, in this order.
export function allViews() {
  const { smaller, larger, narrower, wider, slant } = parameters.line_views;
  const view = { size: 1, stretch: 1, shear: 0, isUpright: false, isRuled: false };
  return [
    view,
    { ...view, size: smaller, isRuled: true },
    { ...view, size: larger },
    { ...view, stretch: narrower, isRuled: true },
    { ...view, stretch: wider },
    { ...view, shear: -slant, isRuled: true },
    { ...view, shear: slant },
  ];
}

// What is left of the work that the reading of one picture may take, in columns of the line network.
export class Work {
  left = parameters.work.most;

  // Takes some of it, unless less than what is to be kept would be left then.
  take(amount, keep = 0) {
    if (amount > this.left - keep) return false;
    this.left -= amount;
    return true;
  }

  spend(amount) {
    this.left = Math.max(0, this.left - amount);
  }
}

// A word as it is seen by one way to level it, in the first few of the views.
export class Sight {
  #cutOut;
  #numColumns;
  #numViews = 0;
  #images = [];
  #columns = [];
  #proposals = new Map();

  constructor(cutOut, numColumns) {
    this.#cutOut = cutOut;
    this.#numColumns = numColumns;
  }

  // Sees the word in more views, so many in all; returns its images in those.
  see(numViews) {
    const images = this.#cutOut(allViews().slice(this.#numViews, numViews));
    this.#numViews = numViews;
    this.#images.push(...images);
    return images;
  }

  // Adds what the network gave for the next of its images.
  add(columns) {
    this.#columns.push(columns);
    for (const reading of propose(columns)) this.#proposals.set(String(reading), reading);
  }

  // What the word says by the views that it was seen in: {symbols, confidence, image}.
  read() {
    const { symbols, confidence, view } = decode(this.#columns, [...this.#proposals.values()].sort(inOrder));
    return { symbols, confidence, image: this.#images[view] };
  }

  // The work to read the word in more views, so many in all.
  workFor(numViews) {
    const [seen, more] = [numViews, numViews - this.#numViews].map((n) => n * this.#numColumns);
    const digits = this.#numViews ? 0 : parameters.work.digit * this.#numColumns;
    return more + seen ** 2 / parameters.work.long_word + digits; // all are decoded, not only the new ones
  }

  // Whether more views, so many in all, may make its confidence enough: each new one adds 1 at most.
  mayBeSure(confidence, numViews) {
    const most = this.#numViews * confidence + (numViews - this.#numViews);
    return most >= numViews * enough(numViews);
  }
}

function inOrder(one, other) {
  const place = one.findIndex((symbol, i) => symbol !== other[i]);
  return place < 0 ? one.length - other.length : one[place] - (other[place] ?? -1);
}

// Confidence that is enough, in so many views.
function enough(numViews) {
  const { sure_in_one: one, sure_in_three: three } = parameters.words;
  return { 1: one, 3: three }[numViews] ?? 0;
}

// Reads words, each by the one of its sights of which it is surest; null if there is not enough work left
// for one view of each. `keep` is how much work is to be left, `atLeast` in how many views each word is
// seen, if there is enough.
export async function readWords(network, words, work, { keep, atLeast }) {
  const { num_views: steps } = parameters.words;
  const possible = steps.filter((n) => n <= atLeast && workFor(words, n) <= work.left - keep);
  if (!possible.length) return null;
  const read = [];
  let unsure = words.map((_, i) => i);
  for (const numViews of steps.slice(steps.indexOf(possible.at(-1)))) {
    const of = (indices) => indices.map((i) => words[i]);
    let chosen = unsure;
    if (read.length && workFor(of(unsure), steps.at(-1)) < work.left - keep) {
      // What is so unsure that it will be seen in all views waits for them.
      chosen = unsure.filter((i) => words[i][0].mayBeSure(read[i].confidence, numViews));
    }
    if (!work.take(workFor(of(chosen), numViews), keep)) break;
    const seen = of(chosen).flatMap((sights) =>
      sights.flatMap((sight) => sight.see(numViews).map((image) => ({ sight, image }))),
    );
    const found = await network.columns(seen.map(({ image }) => image.pixels));
    seen.forEach(({ sight }, i) => sight.add(found[i]));
    for (const i of chosen) {
      read[i] = largest(words[i].map((sight) => sight.read()), (option) => option.confidence);
    }
    unsure = unsure.filter((i) => read[i].confidence < enough(numViews));
  }
  return read;
}

function workFor(words, numViews) {
  return sum(words.flatMap((sights) => sights.map((sight) => sight.workFor(numViews))));
}
