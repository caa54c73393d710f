// The page: sends drawings and pictures to the server, and shows the readings.

import { bytesOf, Corrections, cutOut } from "./corrections.js";
import { Editor } from "./editor.js";
import { Example } from "./example.js";
import { percent } from "./figures.js";
import { Inside } from "./inside/section.js";
import { Learning } from "./learning.js";
import { Pad } from "./pad.js";
import { notes, ReadingView, shownLines, written, writtenLines } from "./reading.js";
import { RequestQueue } from "./requests.js";
import { describe, promise, read, takesPhotos } from "./source.js";

const READ_INTERVAL = 120; // milliseconds between readings during a stroke
const MAX_BODY_BYTES = 20_000_000; // the server's limit
const EXAMPLE = "An example. Draw your own number over it.";
const ANNOUNCE_DELAY = 700; // milliseconds for which a reading must stay to be announced
// Screen readers skip punctuation.
const SPOKEN = { "?": " unknown", ",": " comma", ".": " point", "-": " dash", "/": " slash", "\n": ", next line:", " ": "" };

const $ = (id) => document.getElementById(id);

const pad = new Pad($("pad"));
const view = new ReadingView(
  { text: $("text"), list: $("digits"), boxes: $("boxes"), marks: $("marks"), leftOut: $("left-out") },
  choose,
  correct,
);
const example = new Example($("example"), readStrokes);
const editor = new Editor($("editor"));
const corrections = new Corrections({
  lead: $("kept"), list: $("corrections"), tools: $("keeping"), download: $("download"), removeAll: $("remove-all"), next: () => $("pad"),
});
const learning = new Learning({ panel: $("learning"), words: $("learned"), learn: $("learn"), swap: $("swap") }, readAgain);
const inside = new Inside($("inside"));
const requests = new RequestQueue(read, showState);

let photo = null; // URL of the picture that covers the drawing
let readPicture = null; // reads it
let reading = null;
let subject = null; // what was read: strokes, or the URL of a picture
let source = null; // its picture: a canvas or an image
let toPage = null; // maps a box from pixels of the picture to pixels of the page
let chosen = null; // index of the digit that the user chose; else the one just drawn is shown
let lastRead = 0; // when the drawing was last sent
let readTimer = 0;
let announceTimer = 0;

// Drawing

pad.addEventListener("change", ({ detail }) => {
  if (!pad.isEmpty) endExample();
  showTools();
  if (photo) return; // the pad behind it was resized
  clearTimeout(readTimer);
  if (detail.isDrawing) chosen = null;
  if (pad.isEmpty) {
    if (!example.isShown) reset();
  } else if (!detail.isDrawing) {
    readDrawing();
  } else {
    readTimer = setTimeout(readDrawing, Math.max(0, lastRead + READ_INTERVAL - performance.now()));
  }
});
pad.addEventListener("pen", ({ detail }) => announce(detail.isDown ? "Pen down" : "Pen up"));

$("pad").addEventListener("keydown", ({ key }) => key === "Tab" || key === "Shift" || endExample());

function endExample() {
  if (!example.isShown) return;
  example.end();
  reset();
}

function readDrawing() {
  lastRead = performance.now();
  readStrokes(() => pad.picture());
}

// Read the picture of some strokes, once it is made.
function readStrokes(draw) {
  let picture;
  requests.send({
    async prepare() {
      picture = await draw();
      return picture.blob;
    },
    done: (found) => show(found, picture.strokes, picture.canvas, picture.toPage),
  });
}

function reset() {
  clearTimeout(readTimer);
  reading = chosen = null;
  editor.close();
  requests.cancel();
  view.clear();
  inside.show(null);
  showTools();
  announce("");
}

// Pictures

function readPhoto(file) {
  if (!file) return;
  if (!takesPhotos) {
    showStatus(true, "This page reads what is drawn on it. Photos are read by the server: digits serve.");
    return;
  }
  if (file.size > MAX_BODY_BYTES) {
    showStatus(true, `Expected a picture of at most ${MAX_BODY_BYTES / 1e6} MB, found ${(file.size / 1e6).toFixed(0)} MB.`);
    return;
  }
  const alt = file.name ? `The picture ${file.name}` : "The pasted picture";
  showPhoto(URL.createObjectURL(file), alt, () =>
    file.arrayBuffer().catch(() => {
      throw new Error("The file can’t be read.");
    }));
}

function readSample(name) {
  const url = `samples/${name}`;
  showPhoto(url, `The sample ${name}`, () =>
    fetch(url).then((response) => response.arrayBuffer()).catch(() => {
      throw Object.assign(new Error("The server does not respond."), { isTransient: true });
    }));
}

function showPhoto(url, alt, getContent) {
  photo = url;
  example.end();
  reset();
  const image = $("photo");
  URL.revokeObjectURL(image.src);
  image.src = url;
  image.alt = alt;
  image.onload = () => {
    image.hidden = false;
    $("unshown").hidden = true;
  };
  image.hidden = false;
  $("unshown").hidden = true;
  // A browser would show a broken icon.
  image.onerror = () => {
    image.hidden = true;
    showUnshown("Reading …");
  };
  showTools();
  readPicture = () => requests.send({
    async prepare() {
      if (image.hidden) image.src = url; // a sample that did not come is loaded again
      await image.decode().catch(() => {}); // the server may read what the browser can't show
      return getContent();
    },
    done(found) {
      show(found, url, image, photoToPage);
      if (image.hidden) showUnshown("The digits were read, but this browser can’t show the picture.");
    },
  });
  readPicture();
}

// Words in the place of a picture.
function showUnshown(words) {
  if ($("unshown").textContent !== words) $("unshown").textContent = words;
  $("unshown").hidden = false;
}

// The picture is centred on the pad, as large as it fits.
function photoToPage([x, y, w, h]) {
  const { naturalWidth, naturalHeight, clientWidth, clientHeight } = $("photo");
  if (!naturalWidth) return [0, 0, 0, 0];
  const scale = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight);
  const left = (clientWidth - naturalWidth * scale) / 2;
  const top = (clientHeight - naturalHeight * scale) / 2;
  return [x * scale + left, y * scale + top, w * scale, h * scale];
}

function removePhoto() {
  photo = null;
  $("photo").hidden = $("unshown").hidden = true;
  URL.revokeObjectURL($("photo").src);
  $("photo").removeAttribute("src");
  reset();
}

new ResizeObserver(() => photo && reading && view.show(reading, photoToPage)).observe($("paper"));

// Readings

function show(found, what, picture, mapping) {
  if (what === subject && reading && isAlike(found, reading)) {
    // It was only drawn in another size: what was corrected stays, and what is being corrected.
    for (const list of ["lines", "digits"]) reading[list].forEach((item, i) => Object.assign(item, found[list][i]));
    reading.left_out = found.left_out;
  } else {
    editor.close();
    reading = found;
  }
  [subject, source, toPage] = [what, picture, mapping];
  view.show(reading, toPage);
  showChosen();
  showTools();
  clearTimeout(announceTimer);
  if (example.isShown) return; // nobody asked for it to be read aloud
  announceTimer = setTimeout(() => announce(inWords(reading)), ANNOUNCE_DELAY);
}

function choose(index) {
  chosen = index;
  showChosen();
}

function showChosen() {
  const { digits } = reading;
  if (chosen !== null && !digits[chosen]) chosen = null;
  const index = chosen ?? nearestToPen(digits);
  view.choose(index);
  if (pad.isDrawing) return; // computing the layers would delay the stroke and its reading
  const digit = digits[index];
  if (digit) inside.show(digit.glyph, digit.reason ? null : digit.label);
  else inside.show(null);
}

// Index of the digit that was just drawn.
function nearestToPen(digits) {
  const [px, py] = photo || pad.isEmpty ? [0, 0] : pad.lastPoint;
  const distances = digits.map(({ box }) => {
    const [x, y, w, h] = toPage(box);
    return Math.hypot(Math.max(x - px, 0, px - x - w), Math.max(y - py, 0, py - y - h));
  });
  return distances.indexOf(Math.min(...distances));
}

function isAlike(a, b) {
  return ["lines", "digits"].every((list) => a[list].map((one) => one.written ?? one.label).join() === b[list].map((one) => one.written ?? one.label).join());
}

function readAgain() {
  if (photo) readPicture();
  else if (!pad.isEmpty) readDrawing();
  showNetwork();
  inside.renew();
}

// Have a line, a digit, or what no digit was found in, corrected in the place of a button.
function correct(kind, index, button) {
  if (!(source.naturalWidth ?? source.width)) {
    showStatus(true, "This browser can’t show the picture, so no part of it can be kept.");
    return;
  }
  const { digits, left_out: marks, lines } = reading;
  const isDigit = kind === "digit";
  const shown = shownLines(reading);
  const item = isDigit ? digits[index] : shown[index] ?? { box: around(marks) };
  if (isDigit) choose(index);
  const value = isDigit ? item.corrected ?? (item.reason ? "" : item.label) : (writtenLines(reading)[index] ?? "").replace(/[^0-9?]/g, "");
  editor.open(button, value, async (label) => {
    item.corrected = label;
    if (!isDigit && !shown.length) lines.push(Object.assign(item, { written: "" }));
    const others = (isDigit ? [...digits, ...marks] : shown).filter((other) => other !== item).map((other) => other.box);
    view.show(reading, toPage);
    showTools();
    (isDigit ? button : $("text").children[index]).focus();
    keepCorrection(label, await cutOut(source, item.box, others, reading.turned));
  });
}

async function keepCorrection(label, picture) {
  const problem = corrections.add(label, picture);
  const refused = learning.isOn && (await learning.send(label, bytesOf(picture)).then(() => "", (error) => `Not kept by the server: ${error.message}`));
  const words = [problem, refused].filter(Boolean).join(" ");
  showStatus(Boolean(words), words || `Kept as ${label}.`);
  if (!words) announce(`Kept as ${label}.`);
}

// The box around some marks.
function around(marks) {
  const sides = marks.map(({ box: [x, y, w, h] }) => [x, y, x + w, y + h]);
  const [left, top] = [0, 1].map((i) => Math.min(...sides.map((side) => side[i])));
  const [right, bottom] = [2, 3].map((i) => Math.max(...sides.map((side) => side[i])));
  return [left, top, right - left, bottom - top];
}

function inWords(reading) {
  const { digits } = reading;
  const more = notes(reading) && ` ${notes(reading)}`;
  if (!digits.length) return `No digit found.${more}`;
  const sure = digits.length === 1 && digits[0].reason === null ? `, ${percent(digits[0].confidence)} sure` : "";
  const spoken = [...written(reading)].map((symbol) => SPOKEN[symbol] ?? ` ${symbol}`);
  return `Read as${spoken.join("")}${sure}.${more}`;
}

function announce(words) {
  clearTimeout(announceTimer);
  $("announcement").textContent = words;
}

function showState(state, reason = "") {
  $("reading").setAttribute("aria-busy", String(!["idle", "failed"].includes(state)));
  if (state === "failed") {
    reading = chosen = null;
    editor.close();
    view.clear("Not read");
    if (photo && $("photo").hidden) showUnshown("This file is not shown, as no picture was found in it.");
    inside.show(null);
    showTools();
  }
  if (state === "retrying" || state === "failed") showStatus(true, reason);
  else if (state === "idle") showStatus(false, example.isShown ? EXAMPLE : "");
  else if (state === "slow" && !$("status").textContent) showStatus(false, "Reading …");
}

function showStatus(isError, message) {
  const line = $("status");
  if (line.textContent === message) return;
  line.textContent = message;
  line.classList.toggle("error", isError);
  if (isError) announce(message);
}

function showTools() {
  $("hint").hidden = !pad.isEmpty || photo !== null;
  $("hint").classList.toggle("below", example.isShown);
  $("pad").inert = photo !== null; // nobody can draw on a picture
  setEnabled("undo", photo || pad.canUndo);
  setEnabled("clear", photo || !pad.isEmpty || example.isShown);
  setEnabled("copy", reading && written(reading));
}

function setEnabled(id, isEnabled) {
  // A disabled button would keep the focus, and some browsers then ignore the keyboard.
  if (!isEnabled && document.activeElement === $(id)) $("pad").focus({ preventScroll: true });
  $(id).disabled = !isEnabled;
}

// Tools

function undo() {
  if (photo) backToDrawing();
  else pad.undo();
}

function clear() {
  if (photo) {
    backToDrawing();
  } else {
    endExample();
    pad.clear();
    announce("Cleared");
  }
}

function backToDrawing() {
  removePhoto();
  if (!pad.isEmpty) readDrawing();
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
$("width").addEventListener("input", setWidth);

function setWidth() {
  pad.width = Number($("width").value);
  $("dot").style.setProperty("--pen", `${pad.width}px`);
}
// Digits on a small pad are small, and need a thinner pen.
$("width").value = Math.max(8, Math.min(18, Math.round(Math.min($("pad").clientWidth, $("pad").clientHeight) / 36)));
setWidth();

addEventListener("keydown", (event) => {
  if (event.target.closest?.(".editor")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
    event.preventDefault();
    undo();
  } else if (event.key === "Escape" && [$("pad"), document.body].includes(event.target)) {
    clear();
  }
});

for (const id of ["file", "shot"]) {
  $(id).addEventListener("change", ({ target }) => {
    readPhoto(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
}

for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", () => readSample(button.dataset.sample));
}

addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  readPhoto(file);
});

for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    $("paper").classList.add("dropping");
  });
}
addEventListener("dragleave", (event) => event.relatedTarget || $("paper").classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("paper").classList.remove("dropping");
  readPhoto(event.dataTransfer.files[0]);
});

let copyTimer = 0;
$("copy").addEventListener("click", async () => {
  const done = await copy(written(reading));
  const label = $("copy").querySelector("span");
  label.textContent = done ? "Copied" : "Copy failed";
  announce(label.textContent);
  clearTimeout(copyTimer);
  copyTimer = setTimeout(() => (label.textContent = "Copy"), 1500);
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers give pages from other machines no clipboard without TLS.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    field.readOnly = true; // no on-screen keyboard
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    $("copy").focus({ preventScroll: true });
    return done;
  }
}

// The network

document.documentElement.classList.toggle("offline", !takesPhotos);
$("card").textContent = promise;
$("curl").textContent = `curl --data-binary @photo.jpg ${new URL("v1/read", location)}`;
showNetwork();
if (pad.isEmpty) example.start();
showTools();

async function showNetwork() {
  const network = await describe();
  if (!network) return;
  const { parameters, test_accuracy: accuracy, names_digits: namesDigits, learning: status } = network;
  if (parameters) $("parameters").textContent = parameters.toLocaleString("en");
  const promised = status ? promise.replace(/\.$/, ", but for corrections.") : promise;
  $("card").textContent = accuracy ? `The network${namesDigits ? "" : " of single digits"} reads ${(100 * accuracy).toFixed(2)} % of MNIST’s test digits correctly. ${promised}` : promised;
  inside.namesDigits = namesDigits;
  learning.show(status);
}
