// A number that writes itself on the empty pad, and is read: what the page does, at first sight.

import { draw, pictureOf } from "./pad.js";

// Knots "x,y" in hundredths of the height, from the upper left. The pen follows a smooth curve
// through them; it turns sharply at a "!", and is lifted at a "/".
const DIGITS = [
  "4,22 12,6 34,0 54,12 56,32 40,58 18,82 2,98! 30,97 64,96",
  "4,12 20,0 44,4 54,20 44,38 22,46! 46,50 60,70 50,92 24,100 2,88",
  "14,4 10,24 8,44! 30,38 54,48 60,70 48,92 24,100 2,90/14,4 36,4 60,2",
  "50,10 30,0 10,9 8,28 28,45 50,62 54,84 32,100 8,88 6,68 26,50 48,32 55,16 48,8",
];
const ADVANCE = 0.88; // from a digit to the next, in heights
const WIDTH = (DIGITS.length - 1) * ADVANCE + 0.62; // of the number, in heights
const [HIGH, WIDE, MIDDLE] = [0.42, 0.78, 0.4]; // its size and its middle, at most, as parts of the pad's
const PEN = 0.1; // width of the pen, in heights
const POINTS = 8; // of a curve between two knots
const SPEED = 150; // points a second, as fast as one writes

export class Example {
  #canvas;
  #onStroke;
  #strokes = [];
  #frame = 0;
  #size = "";
  #begun = 0; // when the first point was drawn
  isShown = false;

  // `onStroke` is called with a picture of the strokes so far, when each ends.
  constructor(canvas, onStroke) {
    [this.#canvas, this.#onStroke] = [canvas, onStroke];
    new ResizeObserver(() => this.isShown && this.#begin({ isWritten: true })).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.isShown && this.#draw(Infinity));
  }

  start() {
    this.isShown = true;
    this.#canvas.hidden = false;
    this.#begin({ isWritten: matchMedia("(prefers-reduced-motion: reduce)").matches });
  }

  end() {
    this.isShown = false;
    this.#canvas.hidden = true;
    cancelAnimationFrame(this.#frame);
  }

  #begin({ isWritten }) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const size = `${width} ${height}`;
    if (!width || this.#size === size) return; // as when it is first observed
    this.#size = size;
    [this.#canvas.width, this.#canvas.height] = [width, height].map((side) => Math.round(side * devicePixelRatio));
    this.#strokes = strokesFor(width, height);
    cancelAnimationFrame(this.#frame);
    this.#begun = 0;
    if (isWritten) this.#draw(Infinity);
    else this.#frame = requestAnimationFrame((now) => this.#write(now, 0));
  }

  #write(now, before) {
    this.#begun ||= now;
    const count = Math.floor(((now - this.#begun) / 1000) * SPEED);
    if (this.#draw(count, before)) this.#frame = requestAnimationFrame((later) => this.#write(later, count));
  }

  // Draw so many points, and have the strokes read when one more has ended; returns whether any
  // points are left.
  #draw(count, before = 0) {
    const context = this.#canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const ended = [];
    let [first, hasEnded] = [0, false];
    for (const stroke of this.#strokes) {
      const points = stroke.points.slice(0, Math.max(0, count - first));
      if (points.length) draw(context, { ...stroke, points }, getComputedStyle(this.#canvas).color);
      first += stroke.points.length;
      if (count < first) continue;
      ended.push(stroke);
      hasEnded ||= before < first;
    }
    if (hasEnded) this.#onStroke(() => pictureOf(ended));
    return count < first;
  }
}

function strokesFor(width, height) {
  const size = Math.min(HIGH * height, (WIDE * width) / WIDTH);
  const [left, top] = [(width - WIDTH * size) / 2, MIDDLE * height - size / 2];
  return DIGITS.flatMap((digit, index) =>
    digit.split("/").map((knots) => ({
      width: PEN * size,
      points: curve(knots).map(([x, y]) => [left + (x / 100 + index * ADVANCE) * size, top + (y / 100) * size, 0.5]),
    })),
  );
}

// Points of a Catmull-Rom spline; a knot that comes twice makes a sharp turn.
function curve(text) {
  const knots = text.split(" ").flatMap((knot) => {
    const place = knot.replace("!", "").split(",").map(Number);
    return knot.endsWith("!") ? [place, place] : [place];
  });
  const points = [];
  for (let i = 0; i + 1 < knots.length; i++) {
    const [a, b, c, d] = [knots[i - 1] ?? knots[i], knots[i], knots[i + 1], knots[i + 2] ?? knots[i + 1]];
    for (let k = 0; k < POINTS; k++) {
      const t = k / POINTS;
      points.push([0, 1].map((axis) =>
        b[axis] + (t / 2) * (c[axis] - a[axis] + t * (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis] + t * (3 * (b[axis] - c[axis]) + d[axis] - a[axis])))));
    }
  }
  return [...points, knots.at(-1)];
}
