// Elements of the page, made in one expression.

export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && key !== "role") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function button(words, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, words);
}

// A number with its sign, where one is asked for, and a true minus.
export function figure(value, { isSigned = false, digits = 2 } = {}) {
  const text = Math.abs(value).toFixed(digits);
  const isZero = Number(text) === 0;
  return (value < 0 && !isZero ? "−" : isSigned && !isZero ? "+" : "") + text;
}

export function percent(probability) {
  const percents = 100 * probability;
  if (percents > 0 && percents < 0.01) return "< 0.01 %";
  return `${percents.toFixed(percents > 99.9 || percents < 1 ? 2 : 1)} %`;
}
