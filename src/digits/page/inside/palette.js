// Colours of values, told apart also by the colour-blind: the lightness of activations goes one way, from
// the ground to strong, and signed values are blue below zero and orange above, with the ground at zero.
// The ground stands out from the page, so that a map of zeros is seen as well; small values, which most
// are, stand out from the ground.

const LEVELS = 256;
const ACTIVATION = {
  light: ["#e4dfd1", "#9ccfa9", "#4fb0a6", "#2c8ba0", "#25628f", "#223f74", "#1f1747"],
  dark: ["#23282e", "#641a80", "#9c2e7f", "#de4968", "#fa7f5e", "#febf84", "#fcfdbf"], // from here on matplotlib's magma, quicker at first
};
const SIGNED = {
  light: ["#08457e", "#4a90d0", "#e4dfd1", "#e8873a", "#8f3600"],
  dark: ["#9bd0ff", "#2f7fd0", "#23282e", "#d0690f", "#ffc48a"],
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const tables = new Map();

export const onScheme = (listener) => dark.addEventListener("change", listener);

// 256 pixels of a canvas, from the lowest value to the highest.
export function colours(isSigned) {
  const stops = (isSigned ? SIGNED : ACTIVATION)[dark.matches ? "dark" : "light"];
  if (!tables.has(stops)) tables.set(stops, new Uint32Array(LEVELS).map((_, level) => pixel(stops, level / (LEVELS - 1))));
  return tables.get(stops);
}

// The range of colours: signed values are as strong below zero as above.
export function rangeOf(values, { isPicture = false, isSigned = false } = {}) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (isPicture) return { low, high: Math.max(high, low + 1e-6), isSigned: false };
  const most = Math.max(high, -low, 1e-6);
  return low < 0 || isSigned ? { low: -most, high: most, isSigned: true } : { low: 0, high: most, isSigned: false };
}

export function levelOf(value, { low, high }) {
  return Math.max(0, Math.min(LEVELS - 1, Math.round(((value - low) / (high - low)) * (LEVELS - 1))));
}

export function css(value, range) {
  const packed = colours(range.isSigned)[levelOf(value, range)];
  return `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;
}

export function gradient(isSigned) {
  return `linear-gradient(90deg, ${(isSigned ? SIGNED : ACTIVATION)[dark.matches ? "dark" : "light"].join()})`;
}

function pixel(stops, part) {
  const place = part * (stops.length - 1);
  const index = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [stops[index], stops[index + 1]].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const [r, g, b] = from.map((value, i) => Math.round(value + (place - index) * (to[i] - value)));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; // little-endian, as every browser's machine is
}
