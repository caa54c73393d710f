// A training run, as its events come, and again, at any time of it.

const PLAY_SECONDS = 8; // how long a replay takes
const ANNOUNCE_INTERVAL = 10_000; // milliseconds between two reports to a screen reader, at least
const RECENT = 0.5; // part of the steps so far: what was read before it is of a network that knew less, and not counted
const STATUS = "../v1/training";
const EVENTS = "../v1/training/events";
const LOST = "The connection is lost; trying again …";

const $ = (id) => document.getElementById(id);
const caption = (id) => $(id).parentElement.lastElementChild;
const count = (number) => number.toLocaleString("en");
const percent = (value) => `${(100 * value).toFixed(1)}\u00a0%`;
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

let run = null; // what is trained; null before anything is
let frames = []; // what happened, in its order
let at = null; // index of the frame that is shown; null for the latest
let words = ""; // what is said of the run, unless it goes on
let isOver = true;
let playTimer = 0;
let announced = -Infinity; // when something was announced last
let isDrawing = false; // whether what came is about to be drawn

// Events

function take(event) {
  isOver = false;
  if (event.kind === "began") {
    stopPlaying();
    [run, frames, at] = [event, [], null];
    showRun();
  } else if (event.kind === "resumed") {
    frames = frames.filter(({ step }) => step <= event.step); // what came later is trained anew
    at = null;
  } else {
    frames.push(event);
    if (event.kind === "finished") say(`Finished: ${percent(event.test_accuracy)} of ${count(event.test_images)} test images are read right. The run is kept in ${run.folder}.`);
  }
  draw();
}

// Say how a run ended, or why there is none.
function say(text) {
  [isOver, words] = [true, text];
  announce(text);
  draw();
}

function connect() {
  const source = new EventSource(EVENTS);
  source.onmessage = ({ data }) => take(JSON.parse(data));
  source.addEventListener("ended", ({ data }) => {
    const { message } = JSON.parse(data);
    if (message) say(message);
    else sayStopped();
  });
  source.onopen = async () => {
    if (words !== LOST) return;
    const status = await fetchStatus();
    if (words !== LOST) return; // events have come
    if (status.on_request && !status.is_training) sayStopped(); // the run ended with the server, which is another now
    else sayWaiting(status);
  };
  source.onerror = () => {
    if (!isOver) say(LOST);
    // Browsers come again by themselves, but not when they were refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

function sayStopped() {
  if (!run) say("The run ended before its first step.");
  else if (frames.at(-1)?.kind !== "finished") say(`Stopped at step ${frames.at(-1)?.step ?? 0}. To go on: digits train --resume ${run.folder} --watch`);
}

// Say that a run goes on as soon as events come.
function sayWaiting(status) {
  say(status.on_request ? "Getting ready …" : "The run is about to begin …");
  isOver = false;
}

function fetchStatus() {
  return fetch(STATUS).then((response) => response.json()).catch(() => ({}));
}

async function begin() {
  const status = await fetchStatus();
  const canTrain = Boolean(status.on_request);
  $("train").hidden = !canTrain;
  $("back").hidden = status.events && !canTrain; // then there is no other page
  if (canTrain && !status.is_training) say("Nothing was trained yet.");
  else if (status.events) sayWaiting(status);
  else say("Nothing can be watched here. Train with: digits train --watch, or serve this page with: digits serve --train runs");
  if (status.events) connect();
}

$("train").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  const response = await fetch(STATUS, { method: "POST" }).catch(() => null);
  if (response?.ok) {
    [frames, at] = [[], null];
    sayWaiting(await response.json());
  } else say((await response?.json())?.detail ?? "The server does not answer.");
});

// Time

function stopPlaying() {
  clearInterval(playTimer);
  playTimer = 0;
  $("play").textContent = "Replay";
}

$("play").addEventListener("click", () => {
  if (playTimer) {
    stopPlaying();
    return;
  }
  // Few pictures, for those whom many disturb.
  const num = matchMedia("(prefers-reduced-motion: reduce)").matches ? 8 : frames.length - 1;
  let shown = 0;
  const next = () => {
    if (shown === num) stopPlaying();
    at = shown === num ? null : Math.floor((shown++ * frames.length) / num);
    draw();
  };
  playTimer = setInterval(next, (1000 * PLAY_SECONDS) / num);
  $("play").textContent = "Stop";
  next();
});

$("time").addEventListener("input", ({ target }) => {
  stopPlaying();
  at = Number(target.value) < frames.length - 1 ? Number(target.value) : null;
  draw();
});

// What is shown

function showRun() {
  const { recipe, dataset, epochs, shown, size, classes } = run;
  $("what").textContent = `${recipe}: ${epochs} × ${count(run.training_images)} images of ${dataset}${run.reads_lines ? "; it reads lines, so no single digits are shown" : ""}`;
  for (const id of ["digits", "matrix"]) $(id).parentElement.hidden = !shown;
  $("filters").parentElement.hidden = !run.filter_size;
  const pixels = bytes(run.images);
  $("digits").replaceChildren(
    ...run.labels.slice(0, shown).map((label, index) => {
      const cell = document.createElement("span");
      const canvas = document.createElement("canvas");
      const picture = new ImageData(size, size);
      picture.data.forEach((_, i, data) => (data[i] = i % 4 === 3 ? 255 : pixels[index * size * size + (i >> 2)]));
      sized(canvas, size, size).putImageData(picture, 0, 0);
      cell.append(canvas, document.createElement("b"));
      cell.title = `This is ${classes[label]}`;
      return cell;
    }),
  );
}

function draw() {
  if (!isDrawing) requestAnimationFrame(show);
  isDrawing = true;
}

function show() {
  isDrawing = false;
  const last = frames.length - 1;
  const index = at ?? last;
  const now = frames[index];
  $("train").disabled = !isOver;
  $("play").disabled = $("time").disabled = last < 1;
  $("time").max = Math.max(0, last);
  $("time").value = Math.max(0, index);
  $("state").textContent = words;
  if (!now) return;
  const done = `Step ${count(now.step)} of ${count(run.steps)}`;
  $("at").textContent = percent(now.step / run.steps).replace(/\.\d/, "");
  $("time").setAttribute("aria-valuetext", done);
  $("progress").value = frames[last].step / run.steps;
  if (at !== null || !isOver) $("state").textContent = done;
  showCurve("loss", now, (value) => value.toFixed(3));
  showCurve("accuracy", now, percent);
  const past = frames.slice(0, index + 1);
  if (run.filter_size) showFilters(past.findLast((frame) => frame.filters));
  const read = run.shown ? showDigits(past) : "";
  if (!isOver && performance.now() > announced + ANNOUNCE_INTERVAL) announce(`${done}. ${read}`);
}

function showCurve(name, now, inWords) {
  const batches = frames.filter((frame) => frame.kind === "point" && frame[name] !== undefined).map((frame) => [frame.step, frame[name]]);
  const heldOut = frames.map((frame) => [frame.step, frame[`validation_${name}`]]).filter(([, value]) => value !== undefined);
  const top = name === "accuracy" ? 1 : Math.max(1e-9, ...[...batches, ...heldOut].map(([, value]) => value));
  const line = (kind, points) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", points.map(([step, value]) => `${(300 * step) / run.steps} ${98 - (96 * value) / top}`).reduce((all, point) => `${all}L${point}`, "").replace("L", "M"));
    path.setAttribute("fill", "none");
    path.setAttribute("class", kind);
    return path;
  };
  // What was measured once gets some width, so that it is seen.
  const seen = heldOut.length === 1 ? [[0.96 * heldOut[0][0], heldOut[0][1]], ...heldOut] : heldOut;
  $(name).replaceChildren(line("now", [[now.step, 0], [now.step, top]]), line("", batches), line("held-out", seen));
  const latest = (points) => points.findLast(([step]) => step <= now.step)?.[1];
  const [ofBatches, ofHeldOut] = [latest(batches), latest(heldOut)];
  const measured = [ofBatches !== undefined && `${inWords(ofBatches)} in the latest batches`, ofHeldOut !== undefined && `${inWords(ofHeldOut)} on all held-out images (dashed)`].filter(Boolean);
  const edge = batches.length || heldOut.length ? ` The upper edge is ${inWords(top)}.` : "";
  caption(name).textContent = `${measured.join(", ") || "Not measured yet"}.${edge}`;
}

// Show how the digits are read after some frames; gives it in words.
function showDigits(past) {
  const { labels, classes, shown } = run;
  const read = labels.map(() => null);
  const steps = []; // at which they were read
  const last = past.findLast((frame) => frame.read)?.step ?? 0;
  for (const { read: ofShown = [], counted = [], from, step } of past) {
    ofShown.forEach((label, i) => (read[i] = label));
    if (step < RECENT * last) continue;
    counted.forEach((label, i) => ([read[from + i], steps[from + i]] = [label, step]));
  }
  const first = Math.min(last, ...steps.filter(Number.isFinite));
  [...$("digits").children].forEach((cell, i) => {
    cell.className = read[i] === null ? "" : read[i] === labels[i] ? "right" : "wrong";
    cell.lastChild.textContent = read[i] === null ? "–" : classes[read[i]];
  });
  const numRight = (num) => read.slice(0, num).filter((label, i) => label === labels[i]).length;
  const inWords = `${numRight(shown)} of ${shown} are read right.`;
  $("digits").ariaLabel = inWords;
  caption("digits").textContent = `${inWords} What is read wrong has a dashed frame. These are ${run.held_out ? "held-out images: it is not trained on them" : "training images, as this recipe holds none out"}.`;
  const counts = classes.map(() => classes.map(() => 0));
  read.forEach((label, i) => label !== null && counts[labels[i]][label]++);
  const worst = showMatrix(counts);
  caption("matrix").textContent = $("matrix").ariaLabel = `${numRight()} of ${read.filter((label) => label !== null).length} are read right${first < last ? ` since step ${count(first)}` : ""}${worst}. Rows are what a digit is, columns what it is read as.`;
  return inWords;
}

// Draw counts; gives the most frequent mistake in words.
function showMatrix(counts) {
  const colour = palette();
  const [cell, margin] = counts.length > 12 ? [12, 0] : [48, 40]; // many classes have no text
  const side = margin + counts.length * cell;
  const pen = sized($("matrix"), side, side);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = "24px system-ui, sans-serif";
  pen.strokeStyle = colour("line");
  let [most, worst] = [0, ""];
  counts.forEach((row, y) => {
    const total = row.reduce((sum, number) => sum + number);
    const centre = margin + (y + 0.5) * cell;
    row.forEach((number, x) => {
      const place = [margin + x * cell, margin + y * cell, cell, cell];
      pen.globalAlpha = 0.1 + 0.4 * Math.sqrt(number / total); // so that text on it can be read
      pen.fillStyle = colour(x === y ? "accent" : "warn");
      if (number) pen.fillRect(...place);
      pen.globalAlpha = 1;
      pen.strokeRect(...place);
      pen.fillStyle = colour("ink");
      if (number && margin) pen.fillText(number, margin + (x + 0.5) * cell, centre);
      if (x !== y && number > most) [most, worst] = [number, `; most often wrong: ${run.classes[y]} read as ${run.classes[x]}, ${number} ×`];
    });
    pen.fillStyle = colour("soft");
    const name = margin ? run.classes[y].slice(0, 3) : "";
    pen.fillText(name, margin / 2, centre);
    pen.fillText(name, centre, margin / 2);
  });
  return worst;
}

function showFilters(frame) {
  if (!frame) return;
  const [height, width] = run.filter_size;
  const weights = bytes(frame.filters);
  const colour = palette();
  const [cell, across] = [12, 8]; // pixels of a weight; filters beside each other
  const down = Math.ceil(weights.length / height / width / across);
  const pen = sized($("filters"), across * (width + 1) * cell, down * (height + 1) * cell);
  weights.forEach((weight, i) => {
    const filter = Math.floor(i / height / width);
    const x = (filter % across) * (width + 1) + (i % width);
    const y = Math.floor(filter / across) * (height + 1) + (Math.floor(i / width) % height);
    for (const [name, alpha] of [["paper", 1], [weight > 128 ? "accent" : "warn", Math.abs(weight - 128) / 127]]) {
      pen.fillStyle = colour(name);
      pen.globalAlpha = alpha;
      pen.fillRect(x * cell, y * cell, cell, cell);
    }
  });
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`);
}

function sized(canvas, width, height) {
  [canvas.width, canvas.height] = [width, height];
  return canvas.getContext("2d");
}

function announce(text) {
  announced = performance.now();
  $("announcement").textContent = text;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
begin();
