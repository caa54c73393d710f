// Decoding: the columns of a word, seen in several views, to its likeliest symbols (decode.py).

import * as ctc from "./ctc.js";
import { largest, sum } from "./numbers.js";
import { parameters } from "./parameters.js";

const isDigit = (symbol) => symbol >= "0" && symbol <= "9";

export function propose(columns) {
  return ctc.propose(columns, parameters.decode.num_edits);
}

// Finds the symbols of a word: of some readings, the most probable on average over views. Returns
// {symbols, confidence, view}: a symbol is {text, probabilities, box}, and `view` the number of the view
// in which their boxes are.
export function decode(views, readings) {
  const { symbols: names } = parameters.decode;
  const logs = readings.map((reading) => views.map((view) => ctc.logLikelihood(view, reading)));
  const weights = logs.map((row) => sum(row.map(Math.exp)) / views.length);
  const texts = readings.map((reading) => reading.map((symbol) => names[symbol - 1]));
  const numbers = texts.map((text) => text.filter(isDigit).join(""));
  const byNumber = new Map();
  numbers.forEach((number, i) => byNumber.set(number, (byNumber.get(number) ?? 0) + weights[i]));
  const number = largest(byNumber.keys(), (each) => byNumber.get(each));
  const same = readings.map((_, i) => i).filter((i) => numbers[i] === number);
  const best = largest(same, (i) => weights[i]);
  const rows = probabilitiesOf(number, byNumber);
  const view = logs[best].indexOf(Math.max(...logs[best]));
  const peaks = ctc.align(views[view], readings[best]);
  const symbols = texts[best].map((text, i) => ({
    text,
    isDigit: isDigit(text),
    probabilities: isDigit(text) ? rows.shift() : null,
    box: boxAt(views[view], peaks[i]),
  }));
  return { symbols, confidence: byNumber.get(number), view };
}

// The probabilities of each digit of a number: sums over the readings, aligned with it.
function probabilitiesOf(number, byNumber) {
  const rows = [...number].map(() => new Array(10).fill(0));
  const total = sum(byNumber.values());
  for (const [other, weight] of byNumber) {
    if (weight <= 1e-9) continue;
    for (const [place, digit] of aligned(number, other)) rows[place][Number(digit)] += weight / total;
  }
  return rows;
}

// Aligns a number with another by edit distance: each digit with what stands in its place.
function aligned(number, other) {
  if (number.length === other.length) return [...other].entries();
  // What both end in, and begin with, needs no search; it is most of them.
  const end = numAlike([...number].reverse(), [...other].reverse());
  const start = numAlike([...number].slice(0, number.length - end), [...other].slice(0, other.length - end));
  const pairs = Array.from(number.slice(0, start), (digit, place) => [place, digit]);
  const middle = searched(number.slice(start, number.length - end), other.slice(start, other.length - end));
  pairs.push(...middle.map(([place, digit]) => [start + place, digit]));
  for (let place = number.length - end; place < number.length; place++) pairs.push([place, number[place]]);
  return pairs;
}

// The number of digits that two numbers have in common at their beginnings.
function numAlike(one, other) {
  const place = one.findIndex((digit, i) => digit !== other[i]);
  return place < 0 ? one.length : place;
}

function searched(number, other) {
  const costs = [Array.from({ length: other.length + 1 }, (_, j) => j)];
  for (let i = 0; i < number.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const same = costs[i][j] + (number[i] !== other[j]);
      row.push(Math.min(same, costs[i][j + 1] + 1, row[j] + 1));
    }
    costs.push(row);
  }
  const pairs = [];
  let [i, j] = [number.length, other.length];
  while (i && j) {
    if (costs[i][j] === costs[i - 1][j - 1] + (number[i - 1] !== other[j - 1])) pairs.push([--i, other[--j]]);
    else if (costs[i][j] === costs[i - 1][j] + 1) i--;
    else j--;
  }
  return pairs;
}

// The box of the symbol that peaks at a column.
function boxAt({ numColumns, edges }, column) {
  const { digit_height: unit, line_height: height, column_step: step } = parameters.line_images;
  const [left, right, top, bottom] = [0, 1, 2, 3].map((edge) => Math.fround(edges[edge * numColumns + column] * unit));
  const middle = step * column + step / 2;
  const [x0, x1] = [Math.max(0, middle - Math.max(left, 1)), middle + Math.max(right, 1)];
  const y0 = Math.min(Math.max(top + unit, 0), height - 1);
  const y1 = Math.min(Math.max(bottom + unit, y0 + 1), height);
  return [x0, y0, x1 - x0, y1 - y0];
}
