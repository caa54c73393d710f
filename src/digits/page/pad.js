// The drawing pad: strokes by mouse, finger, pen or keyboard, and a picture of them to read.

const MARGIN = 0.3; // around the ink, as a part of its height
const MAX_SIDE = 700; // of the picture, in pixels
const MIN_HEIGHT = 96; // of its ink, in pixels: small strokes are drawn larger, which keeps them sharp
const STEP = 12; // pixels that an arrow key moves the pen by
const PALM = 1500; // milliseconds after the pen in which a touch is taken for its user's palm
const KEY = "strokes"; // in sessionStorage, as phones unload pages in the background

// A stroke is {width, points, right, bottom}: its points are [x, y, pressure], and it extends to
// `right` and `bottom`. One of its pixels is `scale` pixels of the page: less than 1 where the pad
// has become too small to show all strokes.

export class Pad extends EventTarget {
  #canvas;
  #context;
  #size = [0, 0];
  #history = []; // earlier lists of strokes, for undo
  #strokes = [];
  #stroke = null; // being drawn
  #pointer = null;
  #isTouch = false; // whether the pointer is a finger, or a palm
  #penAt = -Infinity; // when the pen was last seen
  #cursor = null; // of the keyboard
  width = 14;
  scale = 1;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => this.#up(event));
    }
    // Some browsers scroll despite touch-action, or show a menu on a long press.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
    this.#strokes = restore();
  }

  get isEmpty() {
    return this.#strokes.length === 0 && !this.#stroke;
  }

  get isDrawing() {
    return this.#stroke !== null;
  }

  get canUndo() {
    return this.#history.length > 0;
  }

  get lastPoint() {
    const [x, y] = (this.#stroke ?? this.#strokes.at(-1)).points.at(-1);
    return [x * this.scale, y * this.scale];
  }

  undo() {
    if (!this.canUndo || this.#stroke) return;
    this.#strokes = this.#history.pop();
    this.#changed();
  }

  clear() {
    if (this.#stroke) this.#end();
    if (this.#strokes.length) this.#replace([]);
    this.#changed();
  }

  // A picture of the strokes, as `pictureOf` makes it.
  async picture() {
    return pictureOf(this.#stroke ? [...this.#strokes, this.#stroke] : this.#strokes, this.scale);
  }

  #replace(strokes) {
    this.#history.push(this.#strokes);
    this.#strokes = strokes;
  }

  #changed(isDrawing = false) {
    if (!isDrawing) {
      this.#redraw();
      save(this.#strokes);
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { isDrawing } }));
  }

  #begin(point) {
    this.#stroke = { width: this.width / this.scale, points: [point] };
    draw(this.#context, this.#stroke, this.#colour);
    this.#changed(true);
  }

  #add(points) {
    const from = this.#stroke.points.length - 1;
    this.#stroke.points.push(...points);
    draw(this.#context, this.#stroke, this.#colour, from);
    this.#changed(true);
  }

  #end() {
    const stroke = this.#stroke;
    const [, , right, bottom] = bounds([stroke]);
    const [width, height] = this.#size;
    stroke.right = Math.min(right, width / this.scale);
    stroke.bottom = Math.min(bottom, height / this.scale);
    this.#stroke = this.#pointer = null;
    this.#replace([...this.#strokes, stroke]);
    this.#changed();
  }

  #discard() {
    this.#stroke = this.#pointer = null;
    this.#changed();
  }

  #down(event) {
    if (event.button !== 0) return;
    const isPen = event.pointerType === "pen";
    const isTouch = event.pointerType === "touch";
    if (isPen) this.#penAt = event.timeStamp;
    if (isTouch && event.timeStamp - this.#penAt < PALM) return;
    if (this.#stroke && this.#pointer === null) this.#end(); // it was drawn with the keyboard
    if (this.#stroke && isPen && this.#isTouch) this.#discard(); // a palm touched the pad before its pen
    if (this.#stroke) return; // this is a second finger
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#cursor = null;
    this.#isTouch = isTouch;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#at(event));
  }

  #move(event) {
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
    if (event.pointerId !== this.#pointer) return;
    if (!event.buttons) {
      this.#end(); // the button was released outside of the window
      return;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    this.#add((events.length ? events : [event]).map((each) => this.#at(each)));
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    if (event.type === "pointercancel" && this.#isTouch) this.#discard(); // it was a palm, or a gesture
    else this.#end();
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    // Only pens have a pressure; other pointers report 0.5 or 0.
    const pressure = event.pointerType === "pen" && event.pressure ? event.pressure : 0.5;
    return [(event.clientX - box.left) / this.scale, (event.clientY - box.top) / this.scale, pressure];
  }

  #key(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    const isSpace = event.key === " ";
    if (!dx && !dy && !isSpace) return;
    if (event.ctrlKey || event.metaKey || event.altKey || this.#pointer !== null) return;
    event.preventDefault();
    if (isSpace && event.repeat) return;
    const [width, height] = this.#size.map((side) => side / this.scale);
    this.#cursor ??= [width / 2, height / 2, 0.5];
    if (isSpace) {
      if (this.#stroke) this.#end();
      else this.#begin([...this.#cursor]);
      this.dispatchEvent(new CustomEvent("pen", { detail: { isDown: this.#stroke !== null } }));
    } else {
      const step = (event.shiftKey ? STEP / 4 : STEP) / this.scale;
      const [x, y] = this.#cursor;
      this.#cursor = [clamp(x + dx * step, width), clamp(y + dy * step, height), 0.5];
      if (this.#stroke) this.#add([[...this.#cursor]]);
    }
    this.#redraw();
  }

  #leave() {
    if (this.#stroke && this.#pointer === null) this.#end();
    this.#cursor = null;
    this.#redraw();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    this.#size = [width, height];
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    if (this.#stroke) this.#redraw();
    else this.#changed();
  }

  get #colour() {
    return getComputedStyle(this.#canvas).color;
  }

  #redraw() {
    const [width, height] = this.#size;
    if (!this.#stroke) {
      const reach = (side) => Math.max(1, ...this.#strokes.map((stroke) => stroke[side]));
      this.scale = Math.min(1, width / reach("right"), height / reach("bottom")) || 1;
    }
    const context = this.#context;
    const scale = this.scale * (this.#canvas.width / width || 1);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width / this.scale, height / this.scale);
    for (const stroke of this.#strokes) draw(context, stroke, this.#colour);
    if (this.#stroke) draw(context, this.#stroke, this.#colour);
    if (!this.#cursor) return;
    const [x, y] = this.#cursor;
    context.strokeStyle = this.#colour;
    context.lineWidth = (this.#stroke ? 5 : 2) / this.scale;
    context.beginPath();
    context.arc(x, y, (this.width / 2 + 6) / this.scale, 0, 2 * Math.PI);
    context.stroke();
  }
}

// The strokes, black on white with a margin: {strokes, canvas, blob, toPage}, where `toPage` maps a
// box from pixels of the picture to pixels of the page.
export async function pictureOf(strokes, scale = 1) {
  const [left, top, right, bottom] = bounds(strokes);
  const [width, height] = [right - left, bottom - top];
  const margin = MARGIN * Math.max(height, width / 4) + 8;
  const longest = Math.max(width, height) + 2 * margin;
  const factor = Math.min(MAX_SIDE / longest, Math.max(1, MIN_HEIGHT / height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil((width + 2 * margin) * factor);
  canvas.height = Math.ceil((height + 2 * margin) * factor);
  const context = canvas.getContext("2d", { willReadFrequently: true }); // in memory, where it is encoded
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(factor, 0, 0, factor, (margin - left) * factor, (margin - top) * factor);
  for (const stroke of strokes) draw(context, stroke, "#000");
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const toPage = ([x, y, w, h]) =>
    [x / factor + left - margin, y / factor + top - margin, w / factor, h / factor].map((value) => value * scale);
  return { strokes, canvas, blob, toPage };
}

function save(strokes) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(strokes));
  } catch {
    // Storage is off or full: the drawing lasts as long as its page.
  }
}

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function clamp(value, max) {
  return Math.max(0, Math.min(max, value));
}

function thickness(stroke, pressure) {
  return stroke.width * (0.5 + pressure);
}

// Draws from a point on: of a growing stroke, only the new part.
export function draw(context, stroke, colour, from = 0) {
  const { points } = stroke;
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  if (from === 0) {
    const [x, y, pressure] = points[0];
    context.beginPath();
    context.arc(x, y, thickness(stroke, pressure) / 2, 0, 2 * Math.PI);
    context.fill();
  }
  for (let i = Math.max(1, from); i < points.length; i++) {
    const [x0, y0] = points[i - 1];
    const [x1, y1, pressure] = points[i];
    context.lineWidth = thickness(stroke, pressure);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }
}

// [left, top, right, bottom] of all strokes.
function bounds(strokes) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const stroke of strokes) {
    for (const [x, y, pressure] of stroke.points) {
      const half = thickness(stroke, pressure) / 2;
      left = Math.min(left, x - half);
      top = Math.min(top, y - half);
      right = Math.max(right, x + half);
      bottom = Math.max(bottom, y + half);
    }
  }
  return [left, top, right, bottom];
}
