// The page: what is drawn or dropped goes to the server, its answer onto the page.

import { Answer, percent } from "./answer.js";
import { Asking } from "./asking.js";
import { Layers } from "./layers.js";
import { Pad } from "./pad.js";

const EVERY = 120; // milliseconds between readings while a stroke goes on
const MAX_BODY_BYTES = 20_000_000; // that the server takes
const SETTLED = 700; // milliseconds after which an answer is announced

const $ = (id) => document.getElementById(id);

const pad = new Pad($("pad"));
const answer = new Answer($("text"), $("digits"), $("boxes"), choose);
const layers = new Layers({ lead: $("inside-lead"), tabs: $("layers"), panel: $("layer"), canvas: $("maps"), caption: $("caption") });
const asking = new Asking(showState);

let photo = null; // the file that is shown in place of the drawing
let reading = null;
let place = null; // from pixels of the picture to pixels of the page
let chosen = null; // by hand; else the digit just drawn
let lastAsked = 0;
let later = 0;
let settled = 0;

// Drawing

pad.addEventListener("change", ({ detail }) => {
  showTools();
  if (photo) return; // the paper behind it became larger or smaller
  clearTimeout(later);
  if (detail.isDrawing) chosen = null;
  if (pad.isEmpty) {
    forget();
  } else if (!detail.isDrawing) {
    askAboutDrawing();
  } else {
    later = setTimeout(askAboutDrawing, Math.max(0, lastAsked + EVERY - performance.now()));
  }
});
pad.addEventListener("pen", ({ detail }) => announce(detail.isDown ? "Pen down" : "Pen up"));

function askAboutDrawing() {
  lastAsked = performance.now();
  let toPage;
  asking.ask({
    async request() {
      const picture = await pad.picture();
      ({ toPage } = picture);
      return ["v1/read", picture.blob, "image/png"];
    },
    done: (found) => show(found, toPage),
  });
}

function forget() {
  clearTimeout(later);
  reading = chosen = null;
  asking.forget();
  answer.clear();
  layers.show(null);
  showTools();
  announce("");
}

// Pictures

function readPhoto(file) {
  if (!file) return;
  if (file.size > MAX_BODY_BYTES) {
    showWords(true, `Expected a picture of at most ${MAX_BODY_BYTES / 1e6} MB, found ${(file.size / 1e6).toFixed(0)} MB.`);
    return;
  }
  photo = file;
  forget();
  const image = $("photo");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  image.alt = `The picture ${file.name || "that was pasted"}`;
  image.hidden = false;
  showTools();
  asking.ask({
    async request() {
      await image.decode().catch(() => {}); // what can't be shown may still be read
      const content = await file.arrayBuffer().catch(() => {
        throw new Error("The file can’t be read.");
      });
      return ["v1/read", content, "application/octet-stream"];
    },
    done: (found) => show(found, placeOnPhoto),
  });
}

// The picture is shown as large as the paper has room for, in its middle.
function placeOnPhoto([x, y, w, h]) {
  const { naturalWidth, naturalHeight, clientWidth, clientHeight } = $("photo");
  if (!naturalWidth) return [0, 0, 0, 0];
  const scale = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight);
  const left = (clientWidth - naturalWidth * scale) / 2;
  const top = (clientHeight - naturalHeight * scale) / 2;
  return [x * scale + left, y * scale + top, w * scale, h * scale];
}

function leavePhoto() {
  photo = null;
  $("photo").hidden = true;
  URL.revokeObjectURL($("photo").src);
  $("photo").removeAttribute("src");
  forget();
}

new ResizeObserver(() => photo && reading && answer.show(reading, placeOnPhoto)).observe($("paper"));

// Answers

function show(found, toPage) {
  reading = found;
  place = toPage;
  answer.show(found, toPage);
  showChosen();
  showTools();
  clearTimeout(settled);
  settled = setTimeout(() => announce(inWords(found)), SETTLED);
}

function choose(index) {
  chosen = index;
  showChosen();
}

function showChosen() {
  const { digits } = reading;
  if (chosen !== null && !digits[chosen]) chosen = null;
  const index = chosen ?? justDrawn(digits);
  answer.choose(index);
  if (pad.isDrawing) return; // the layers take a while to draw, which the pen and the answer need
  const digit = digits[index];
  if (digit) layers.show(digit.glyph, digit.reason ? "mark" : digit.label);
  else layers.show(null);
}

// The digit nearest to where the pen was last.
function justDrawn(digits) {
  const [px, py] = photo ? [0, 0] : pad.lastPoint;
  const distances = digits.map(({ box }) => {
    const [x, y, w, h] = place(box);
    return Math.hypot(Math.max(x - px, 0, px - x - w), Math.max(y - py, 0, py - y - h));
  });
  return distances.indexOf(Math.min(...distances));
}

function inWords({ text, digits }) {
  if (!digits.length) return "No digit found.";
  const refused = digits.filter((digit) => digit.reason !== null);
  const reasons = refused.length ? ` Refused: ${refused.map((digit) => digit.reason).join("; ")}.` : "";
  const sure = digits.length === 1 && !refused.length ? `, ${percent(digits[0].confidence)} sure` : "";
  return `It reads ${[...text.replaceAll("?", " unknown ")].join(" ")}${sure}.${reasons}`;
}

function announce(words) {
  clearTimeout(settled);
  $("announcement").textContent = words;
}

function showState(state, reason = "") {
  $("answer").setAttribute("aria-busy", String(!["idle", "refused"].includes(state)));
  if (state === "refused") {
    reading = chosen = null;
    answer.clear("Not read");
    layers.show(null);
    showTools();
  }
  if (state === "away" || state === "refused") showWords(true, reason);
  else if (state === "idle") showWords(false, "");
  else if (state === "slow" && !$("state").textContent) showWords(false, "reading …");
}

function showWords(isTrouble, words) {
  const line = $("state");
  if (line.textContent === words) return;
  line.textContent = words;
  line.classList.toggle("trouble", isTrouble);
  if (isTrouble) announce(words);
}

function showTools() {
  $("hint").hidden = !pad.isEmpty || photo !== null;
  $("pad").inert = photo !== null; // what is shown in its place is no paper
  able("undo", photo || pad.canUndo);
  able("clear", photo || !pad.isEmpty);
  able("copy", reading?.text);
}

function able(id, isAble) {
  // A button that is switched off would keep the keyboard, and in some browsers to itself.
  if (!isAble && document.activeElement === $(id)) $("pad").focus({ preventScroll: true });
  $(id).disabled = !isAble;
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
    pad.clear();
    announce("Cleared");
  }
}

function backToDrawing() {
  leavePhoto();
  if (!pad.isEmpty) askAboutDrawing();
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
$("width").addEventListener("input", setWidth);

function setWidth() {
  pad.width = Number($("width").value);
  $("dot").style.setProperty("--pen", `${pad.width}px`);
}
// On small paper digits are small, and want a thinner pen.
$("width").value = Math.max(8, Math.min(18, Math.round(Math.min($("pad").clientWidth, $("pad").clientHeight) / 36)));
setWidth();

addEventListener("keydown", (event) => {
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

let copied = 0;
$("copy").addEventListener("click", async () => {
  const done = await copy(reading.text);
  const label = $("copy").querySelector("span");
  label.textContent = done ? "Copied" : "Can’t copy";
  announce(label.textContent);
  clearTimeout(copied);
  copied = setTimeout(() => (label.textContent = "Copy"), 1500);
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have no clipboard for pages that come from another machine without TLS.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "unseen";
    field.readOnly = true; // no keyboard on the screen
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    $("copy").focus({ preventScroll: true });
    return done;
  }
}

// What reads

$("curl").textContent = `curl --data-binary @photo.jpg ${new URL("v1/read", location)}`;
fetch("v1/network")
  .then((response) => response.json())
  .then(({ parameters, test_accuracy: accuracy }) => {
    if (parameters) $("parameters").textContent = parameters.toLocaleString("en");
    if (accuracy) $("card").textContent = `The network reads ${(100 * accuracy).toFixed(2)} % of MNIST’s test digits right. ${$("card").textContent}`;
  })
  .catch(() => {});
