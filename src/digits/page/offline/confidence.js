// Confidence: calibrated probabilities, lowered by doubts, and refusal below a threshold (confidence.py).

import { aspectRatio, depthShare } from "./glyphs.js";
import { largest } from "./numbers.js";
import { parameters } from "./parameters.js";

export const NO_DIGIT = "it looks like no digit"; // reason to refuse what is like none of the digits

// Makes a digit of the network's probabilities: doubts them, and refuses what is too unsure.
export function judge(probabilities, glyph, box, threshold) {
  const { widest, solid, wide } = parameters.confidence;
  const [label, second] = byProbability(probabilities);
  const odds = solid * depthShare(glyph) + wide * Math.max(0, aspectRatio(glyph) - widest);
  const doubt = probabilities[label] + (1 - probabilities[label]) * Math.exp(odds);
  const doubted = probabilities.map((value) => value / doubt);
  const confidence = doubted[label];
  let reason = null;
  if (!glyph.data.some((value) => value)) {
    reason = "there is no ink";
  } else if (confidence < threshold || threshold === 1) {
    const isBetween = confidence + doubted[second] > threshold;
    reason = isBetween ? `it may be a ${label} or a ${second}` : NO_DIGIT;
  }
  return { label, confidence, probabilities: doubted, box, glyph, reason };
}

// The digits, the likeliest first.
export function byProbability(probabilities) {
  return probabilities.map((_, label) => label).sort((one, other) => probabilities[other] - probabilities[one]);
}

// Refuses the least sure digit of a line that is doubtful as a whole, if none is refused yet. Of one digit
// alone, it has to be likelier than all else that the line may say.
export function doubtLine(digits, confidence, threshold) {
  if (!digits.length || digits.some((digit) => digit.reason !== null)) return digits;
  const leastSure = threshold ** (digits.length / parameters.confidence.line);
  if (confidence >= (digits.length > 1 ? leastSure : Math.min(threshold, 0.5))) return digits;
  const least = largest(digits, (digit) => -digit.confidence);
  return digits.map((digit) => (digit === least ? { ...digit, reason: "the line is not sure as a whole" } : digit));
}
