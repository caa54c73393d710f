// Evidence: how much speaks for a reading, and whether a picture is read better when turned
// (evidence.py, orientation.py). A reading is {lines, leftOut, turns}.

import { sum } from "./numbers.js";
import { parameters } from "./parameters.js";

export const NOT_A_DIGIT = "not a digit";
export const UPSIDE_DOWN = 2; // quarter turns

export function digitsOf(reading) {
  return reading.lines.flatMap((line) => line.parts.filter((part) => "label" in part));
}

// What is on a picture beside separators: digits, and what is as high as they.
function numMarks(reading) {
  return digitsOf(reading).length + reading.leftOut.filter((mark) => mark.kind === NOT_A_DIGIT).length;
}

// The share of the marks that were read as digits.
function shareRead(reading) {
  return digitsOf(reading).filter((digit) => digit.reason === null).length / Math.max(1, numMarks(reading));
}

export function isMostlyRead(reading) {
  return shareRead(reading) >= parameters.hypotheses.sure;
}

// Whether all lines are sure, and all that is as high as digits was read.
function isWhole(reading) {
  const lines = reading.lines.filter((line) => line.parts.some((part) => "label" in part));
  const isSure = lines.length && lines.every((line) => line.confidence > parameters.hypotheses.sure);
  return isSure && shareRead(reading) === 1;
}

// What its digits say for a reading, to three decimals, which tell it from another.
function strength(reading) {
  const evidence = sum(digitsOf(reading).map((digit) => digit.confidence - parameters.hypotheses.evidence));
  return Math.round(evidence * 1000) / 1000;
}

// What so many digits say for a reading if all of them are sure: the most they can.
function strengthOfSure(numDigits) {
  return numDigits * (1 - parameters.hypotheses.evidence);
}

// Whether a reading counts more than another. Any counts more than an empty one: what can't be read is
// shown. Of those that are as sure, the one counts more that needs fewer marks.
export function outweighs(reading, other) {
  const [one, two] = [reading, other].map((each) => [Number(digitsOf(each).length > 0), strength(each), -numMarks(each)]);
  const place = one.findIndex((value, i) => value !== two[i]);
  return place >= 0 && one[place] > two[place];
}

// Whether a picture may lie on its side: it is unsure, or lines of single digits.
export function mayLie(reading, numLines) {
  const { max_turned: most, fewest_in_column: fewest } = parameters.orientation;
  const marks = Math.max(numMarks(reading), numLines);
  if (!marks || marks > most) return false;
  const isColumn = numLines >= fewest && numMarks(reading) < 2 * numLines;
  return !isMostlyRead(reading) || (isColumn && mayGain(reading, marks));
}

export function mayBeUpsideDown(reading) {
  const { max_turned: most, fewest_upside_down: fewest } = parameters.orientation;
  const marks = numMarks(reading);
  return fewest <= marks && marks <= most && mayGain(reading, marks);
}

// Whether a picture is read so much better when turned that it is to be read so.
export function readsBetter(turned, reading) {
  const { fewest_on_its_side: onSide, fewest_upside_down: upsideDown, longer } = parameters.orientation;
  const isSide = turned.turns !== UPSIDE_DOWN;
  if (digitsOf(turned).length < (isSide ? onSide : upsideDown) || !isMostlyRead(turned)) return false;
  // Level lines, such as an equals sign, are ones when turned.
  if (isSide && digitsOf(turned).every((digit) => digit.label === 1)) return false;
  const gain = strength(turned) - strength(reading);
  if (isSide && !isMostlyRead(reading) && gain > 0) return true;
  if (isSide && isWhole(turned) && !isWhole(reading)) return marksALine(turned) >= longer * marksALine(reading);
  return gain >= strengthOfSure(isWhole(turned) ? 1 : 2);
}

// Whether another reading, of so many digits, could be a digit's evidence stronger.
function mayGain(reading, numDigits) {
  return strengthOfSure(numDigits) - strength(reading) >= strengthOfSure(1);
}

function marksALine(reading) {
  return numMarks(reading) / Math.max(1, reading.lines.filter((line) => line.text).length);
}
