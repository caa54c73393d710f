// Paper: strokes of a mouse, finger, pen or the keyboard, and a picture of them.

const MARGIN = 0.3; // around the ink, in heights of it
const LONGEST = 900; // side of the picture, in pixels
const LOWEST = 96; // height of its ink, in pixels: what is small is drawn larger, not blurred
const STEP = 12; // of an arrow key, in pixels

// A stroke is {width, points}; a point [x, y, pressure], in pixels of the page.

export class Pad extends EventTarget {
  #canvas;
  #context;
  #size = [0, 0];
  #past = []; // what undo goes back to
  #strokes = [];
  #stroke = null; // being drawn
  #pointer = null;
  #isTouch = false; // the pointer is a finger, or a palm
  #cursor = null; // of the keyboard
  width = 14;

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
  }

  get isEmpty() {
    return this.#strokes.length === 0 && !this.#stroke;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get lastPoint() {
    return (this.#stroke ?? this.#strokes.at(-1))?.points.at(-1);
  }

  undo() {
    if (!this.canUndo || this.#stroke) return;
    this.#strokes = this.#past.pop();
    this.#changed();
  }

  clear() {
    this.#stroke = null;
    this.#pointer = null;
    if (this.#strokes.length) this.#keep([]);
    this.#changed();
  }

  // Black on white, with some paper around: {blob, left, top, scale}; where its left and top
  // are on the page, and how many of its pixels are one of the page.
  async picture() {
    const strokes = this.#stroke ? [...this.#strokes, this.#stroke] : this.#strokes;
    const [left, top, right, bottom] = bounds(strokes);
    const [width, height] = [right - left, bottom - top];
    const margin = MARGIN * Math.max(height, width / 4) + 8;
    const longest = Math.max(width, height) + 2 * margin;
    const scale = Math.min(LONGEST / longest, Math.max(1, LOWEST / height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil((width + 2 * margin) * scale);
    canvas.height = Math.ceil((height + 2 * margin) * scale);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, (margin - left) * scale, (margin - top) * scale);
    for (const stroke of strokes) draw(context, stroke, "#000");
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    return { blob, left: left - margin, top: top - margin, scale };
  }

  #keep(strokes) {
    this.#past.push(this.#strokes);
    this.#strokes = strokes;
  }

  #changed(isDrawing = false) {
    if (!isDrawing) this.#redraw();
    this.dispatchEvent(new CustomEvent("change", { detail: { isDrawing } }));
  }

  #begin(point) {
    this.#stroke = { width: this.width, points: [point] };
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
    this.#stroke = null;
    this.#keep([...this.#strokes, stroke]);
    this.#changed();
  }

  #down(event) {
    if (event.button !== 0) return;
    if (this.#stroke) {
      if (event.pointerType !== "pen" || !this.#isTouch) return; // a palm beside the pen, a second finger
      this.#stroke = null; // a palm that was there before the pen
      this.#redraw();
    }
    event.preventDefault();
    this.#isTouch = event.pointerType === "touch";
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#cursor = null;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#at(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#add((events.length ? events : [event]).map((each) => this.#at(each)));
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#end();
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    // Only pens tell how hard they are pressed; others always say a half, or nothing.
    const pressure = event.pointerType === "pen" && event.pressure ? event.pressure : 0.5;
    return [event.clientX - box.left, event.clientY - box.top, pressure];
  }

  #key(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if ((!dx && !dy && event.key !== " ") || event.ctrlKey || event.metaKey || this.#pointer !== null) return;
    event.preventDefault();
    const [width, height] = this.#size;
    this.#cursor ??= [width / 2, height / 2, 0.5];
    if (event.key === " ") {
      if (this.#stroke) this.#end();
      else this.#begin([...this.#cursor]);
    } else {
      const step = event.shiftKey ? STEP / 4 : STEP;
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

  // Strokes keep their size when the paper changes its own, as long as it has room for them.
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    this.#size = [width, height];
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const strokes = new Set([...this.#past, this.#strokes].flat());
    const [, , right, bottom] = bounds(strokes);
    const factor = Math.min(1, width / right, height / bottom);
    if (factor < 1) {
      for (const stroke of strokes) {
        stroke.width *= factor;
        stroke.points = stroke.points.map(([x, y, pressure]) => [x * factor, y * factor, pressure]);
      }
    }
    this.#changed();
  }

  get #colour() {
    return getComputedStyle(this.#canvas).color;
  }

  #redraw() {
    this.#context.clearRect(0, 0, ...this.#size);
    for (const stroke of this.#strokes) draw(this.#context, stroke, this.#colour);
    if (this.#stroke) draw(this.#context, this.#stroke, this.#colour);
    if (!this.#cursor) return;
    const [x, y] = this.#cursor;
    this.#context.strokeStyle = this.#colour;
    this.#context.lineWidth = 2;
    this.#context.beginPath();
    this.#context.arc(x, y, this.width / 2 + 6, 0, 2 * Math.PI);
    this.#context.stroke();
  }
}

function clamp(value, most) {
  return Math.max(0, Math.min(most, value));
}

function thickness(stroke, pressure) {
  return stroke.width * (0.5 + pressure);
}

// From a point on, so that while a stroke grows only what is new is drawn.
function draw(context, { width, points }, colour, from = 0) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineCap = context.lineJoin = "round";
  if (from === 0) {
    const [x, y, pressure] = points[0];
    context.beginPath();
    context.arc(x, y, thickness({ width }, pressure) / 2, 0, 2 * Math.PI);
    context.fill();
  }
  for (let i = Math.max(1, from); i < points.length; i++) {
    const [x0, y0] = points[i - 1];
    const [x1, y1, pressure] = points[i];
    context.lineWidth = thickness({ width }, pressure);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }
}

// Left, top, right and bottom of strokes.
function bounds(strokes) {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const { width, points } of strokes) {
    for (const [x, y, pressure] of points) {
      const half = thickness({ width }, pressure) / 2;
      left = Math.min(left, x - half);
      top = Math.min(top, y - half);
      right = Math.max(right, x + half);
      bottom = Math.max(bottom, y + half);
    }
  }
  return [left, top, right, bottom];
}
