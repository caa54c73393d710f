// The document of a reading: what the server answers to /v1/read (results.py, schemas.py).

import { byProbability } from "./confidence.js";
import { digitsOf, NOT_A_DIGIT } from "./evidence.js";

export function toDocument(reading) {
  return {
    text: reading.lines.map((line) => line.text).filter((text) => text).join("\n"),
    turned: (360 - 90 * reading.turns) % 360, // degrees clockwise
    lines: reading.lines.map((line) => ({
      text: line.text,
      written: written(line),
      confidence: round(line.confidence, 4),
      box: line.box.map((value) => round(value, 1)),
    })),
    digits: digitsOf(reading).map((digit) => ({
      label: digit.label,
      confidence: round(digit.confidence, 4),
      probabilities: digit.probabilities.map((value) => round(value, 4)),
      alternatives: byProbability(digit.probabilities)
        .slice(1, 3)
        .map((label) => ({ label, confidence: round(digit.probabilities[label], 4) })),
      box: digit.box.map((value) => round(value, 1)),
      reason: digit.reason,
      glyph: btoa(String.fromCharCode(...digit.glyph.data)),
    })),
    left_out: reading.leftOut.map(({ kind, text, box }) => ({ kind, text, box: box.map((value) => round(value, 1)) })),
  };
}

function round(value, decimals) {
  return Number(value.toFixed(decimals));
}

// The text with its separators, as they are written: "12,50", "24/12/2025".
function written(line) {
  const inText = (line.text.match(/ ?\S/g) ?? []).values(); // each symbol with the space before it
  let text = "";
  for (const part of line.parts) {
    const isDigit = "label" in part;
    if (isDigit || part.kind === NOT_A_DIGIT || part.text === "/") text += (inText.next().value ?? "").slice(0, -1);
    if (isDigit) text += part.reason === null ? part.label : "?";
    else text += part.kind === NOT_A_DIGIT ? "?" : part.text;
  }
  return text;
}
