// Paper: strokes of a mouse, finger, pen or the keyboard, and a picture of them.

const MARGIN = 0.3; // around the ink, in heights of it
const LONGEST = 700; // side of the picture, in pixels
const LOWEST = 96; // height of its ink, in pixels: what is small is drawn larger, not blurred
const STEP = 12; // of an arrow key, in pixels
const PALM = 1500; // milliseconds after the pen in which touches are of the hand that holds it
const KEPT = "strokes"; // in the tab's memory, as phones drop pages for a while

// A stroke is {width, points, right, bottom}: points [x, y, pressure], and how far it goes on the
// paper. Its pixels are those of the page, unless the paper became too small for it: then `scale`
// of them.

export class Pad extends EventTarget {
  #canvas;
  #context;
  #size = [0, 0];
  #past = []; // what undo goes back to
  #strokes = [];
  #stroke = null; // being drawn
  #pointer = null;
  #isTouch = false; // the pointer is a finger, or a palm
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
    // Some browsers scroll all the same, or show a menu under a long press.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
    this.#strokes = remembered();
  }

  get isEmpty() {
    return this.#strokes.length === 0 && !this.#stroke;
  }

  get isDrawing() {
    return this.#stroke !== null;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get lastPoint() {
    const [x, y] = (this.#stroke ?? this.#strokes.at(-1)).points.at(-1);
    return [x * this.scale, y * this.scale];
  }

  undo() {
    if (!this.canUndo || this.#stroke) return;
    this.#strokes = this.#past.pop();
    this.#changed();
  }

  clear() {
    if (this.#stroke) this.#end();
    if (this.#strokes.length) this.#keep([]);
    this.#changed();
  }

  // Black on white, with some paper around: {blob, toPage}; the latter takes a box in its pixels to
  // one in those of the page.
  async picture() {
    const strokes = this.#stroke ? [...this.#strokes, this.#stroke] : this.#strokes;
    const [left, top, right, bottom] = bounds(strokes);
    const [width, height] = [right - left, bottom - top];
    const margin = MARGIN * Math.max(height, width / 4) + 8;
    const longest = Math.max(width, height) + 2 * margin;
    const factor = Math.min(LONGEST / longest, Math.max(1, LOWEST / height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil((width + 2 * margin) * factor);
    canvas.height = Math.ceil((height + 2 * margin) * factor);
    const context = canvas.getContext("2d", { willReadFrequently: true }); // near to what encodes it
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(factor, 0, 0, factor, (margin - left) * factor, (margin - top) * factor);
    for (const stroke of strokes) draw(context, stroke, "#000");
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const toPage = ([x, y, w, h]) =>
      [x / factor + left - margin, y / factor + top - margin, w / factor, h / factor].map((value) => value * this.scale);
    return { blob, toPage };
  }

  #keep(strokes) {
    this.#past.push(this.#strokes);
    this.#strokes = strokes;
  }

  #changed(isDrawing = false) {
    if (!isDrawing) {
      this.#redraw();
      remember(this.#strokes);
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
    this.#keep([...this.#strokes, stroke]);
    this.#changed();
  }

  #drop() {
    this.#stroke = this.#pointer = null;
    this.#changed();
  }

  #down(event) {
    if (event.button !== 0) return;
    const isPen = event.pointerType === "pen";
    const isTouch = event.pointerType === "touch";
    if (isPen) this.#penAt = event.timeStamp;
    if (isTouch && event.timeStamp - this.#penAt < PALM) return;
    if (this.#stroke && this.#pointer === null) this.#end(); // of the keyboard
    if (this.#stroke && isPen && this.#isTouch) this.#drop(); // a palm that came before its pen
    if (this.#stroke) return; // a second finger
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
      this.#end(); // it was lifted where nobody told
      return;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    this.#add((events.length ? events : [event]).map((each) => this.#at(each)));
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    if (event.type === "pointercancel" && this.#isTouch) this.#drop(); // it was a palm, or a gesture
    else this.#end();
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    // Only pens tell how hard they are pressed; others always say a half, or nothing.
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

function remember(strokes) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(strokes));
  } catch {
    // Without such a memory, or with a full one, a drawing ends with its page.
  }
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function clamp(value, most) {
  return Math.max(0, Math.min(most, value));
}

function thickness(stroke, pressure) {
  return stroke.width * (0.5 + pressure);
}

// From a point on, so that while a stroke grows only what is new is drawn.
function draw(context, stroke, colour, from = 0) {
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

// Left, top, right and bottom of strokes.
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
