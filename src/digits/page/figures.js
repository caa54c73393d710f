// Numbers as they are shown.

// A number with its sign, where one is asked for, and a true minus.
export function figure(value, { isSigned = false, digits = 2 } = {}) {
  const text = Math.abs(value).toFixed(digits);
  const isZero = Number(text) === 0;
  return (value < 0 && !isZero ? "−" : isSigned && !isZero ? "+" : "") + text;
}

// None is rounded to certainty.
export function percent(probability) {
  const percents = 100 * probability;
  if (percents < 0.01) return "< 0.01 %";
  if (percents > 99.99) return "> 99.99 %";
  return `${percents.toFixed(percents > 99 || percents < 1 ? 2 : 1)} %`;
}
