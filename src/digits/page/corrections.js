// Corrections: pictures with the labels that they were given, kept in this browser, and as a ZIP.

import { decodeBase64 } from "./base64.js";
import { zip } from "./zip.js";

const PREFIX = "correction:"; // in localStorage, before LABEL/NAME.png
const MAX_KEPT = 500; // each makes the list longer; what the browser keeps in bytes is its own affair
const MARGIN = 0.3; // around a box, as a part of its height: what is beside it keeps half of the gap
const MAX_HEIGHT = 128; // of a box, in pixels: the network sees 28
const MAX_SIDE = 1000; // of a picture, in pixels

// A part of a picture as a PNG: a box with some paper around it, but nothing of the boxes beside it.
// A drawing, which is a canvas, has white paper beyond its edge, too.
export async function cutOut(source, box, others, turned = 0) {
  const [width, height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
  const [x, y, w, h] = box;
  const [along, across] = turned % 180 ? [h, w] : [w, h]; // of a line, as it is read
  const margin = MARGIN * Math.max(across, along / 4);
  const wanted = [x - margin, y - margin, x + w + margin, y + h + margin];
  const part = [Math.max(wanted[0], 0), Math.max(wanted[1], 0), Math.min(wanted[2], width), Math.min(wanted[3], height)];
  for (const [left, top, sideways, down] of others) {
    const [right, bottom] = [left + sideways, top + down];
    if (left <= x && top <= y && right >= x + w && bottom >= y + h) continue; // a form around it
    if (top < y + h && bottom > y) {
      if (left + right < 2 * x + w) part[0] = Math.max(part[0], Math.min(x, (right + x) / 2));
      else part[2] = Math.min(part[2], Math.max(x + w, (left + x + w) / 2));
    } else if (left < x + w && right > x) {
      if (bottom <= y) part[1] = Math.max(part[1], (bottom + y) / 2);
      else part[3] = Math.min(part[3], (top + y + h) / 2);
    }
  }
  const [left, top, right, bottom] = source instanceof HTMLCanvasElement ? wanted : part;
  const scale = Math.min(1, MAX_HEIGHT / across, MAX_SIDE / (right - left));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round((right - left) * scale));
  canvas.height = Math.max(1, Math.round((bottom - top) * scale));
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const size = [part[2] - part[0], part[3] - part[1]];
  context.drawImage(source, part[0], part[1], ...size, (part[0] - left) * scale, (part[1] - top) * scale, ...size.map((side) => side * scale));
  return upright(canvas, turned).toDataURL("image/png");
}

// Turn a part of a picture by right angles, clockwise, as the picture was turned to be read.
function upright(part, degrees) {
  if (!degrees) return part;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = degrees === 180 ? [part.width, part.height] : [part.height, part.width];
  const context = canvas.getContext("2d", { alpha: false });
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((degrees * Math.PI) / 180);
  context.drawImage(part, -part.width / 2, -part.height / 2);
  return canvas;
}

export class Corrections {
  #elements;

  constructor(elements) {
    this.#elements = elements;
    const { list, download, removeAll } = elements;
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const index = [...list.children].indexOf(button.parentElement);
      localStorage.removeItem(PREFIX + button.value);
      this.show();
      (list.children[Math.min(index, list.children.length - 1)]?.querySelector("button") ?? elements.next()).focus();
    });
    download.addEventListener("click", () => this.#download());
    removeAll.addEventListener("click", () => {
      if (!confirm("Remove all corrections from this browser?")) return;
      for (const path of paths()) localStorage.removeItem(PREFIX + path);
      this.show();
      elements.next().focus();
    });
    addEventListener("storage", () => this.show()); // of another tab
    this.show();
  }

  // Keep a picture, which is a data URL; returns what went wrong, in a line, or nothing. The same
  // picture under another label was a slip, and goes.
  add(label, picture) {
    for (const path of paths()) if (localStorage[PREFIX + path] === picture) localStorage.removeItem(PREFIX + path);
    try {
      if (paths().length >= MAX_KEPT) throw new DOMException("", "QuotaExceededError");
      const name = `${new Date().toISOString().replace(/[-:]|\..*/g, "")}-${Math.random().toString(36).slice(2, 10)}`;
      localStorage.setItem(`${PREFIX}${label}/${name}.png`, picture);
    } catch (error) {
      return error.name === "QuotaExceededError"
        ? "This browser can keep no more corrections: download them, and remove some."
        : "This browser does not let the page keep corrections.";
    }
    this.show();
    return "";
  }

  show() {
    const { lead, list, tools } = this.#elements;
    const all = paths();
    lead.textContent = all.length
      ? `${all.length === 1 ? "1 is" : `${all.length} are`} kept in this browser. The ZIP has a folder for each label, to learn from.`
      : "None is kept in this browser.";
    tools.hidden = !all.length;
    list.replaceChildren(...all.map(newItem));
  }

  #download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(zip(paths().map((path) => [path, bytesOf(localStorage[PREFIX + path])])));
    link.download = "corrections.zip";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}

// The bytes of a picture that is a data URL.
export function bytesOf(picture) {
  return decodeBase64(picture.split(",")[1]);
}

// LABEL/NAME.png of each, the newest first.
function paths() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const name = (path) => path.split("/")[1];
    return keys.map((key) => key.slice(PREFIX.length)).sort((a, b) => (name(a) < name(b) ? 1 : -1));
  } catch {
    return []; // storage is off
  }
}

function newItem(path) {
  const [label] = path.split("/");
  const item = document.createElement("li");
  const image = new Image();
  image.src = localStorage[PREFIX + path];
  image.alt = "";
  const name = document.createElement("b");
  name.textContent = label;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.value = path;
  remove.title = "Remove it";
  remove.setAttribute("aria-label", `Remove the correction ${label}`);
  remove.innerHTML = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="m6 6 8 8M14 6l-8 8"/></svg>';
  item.append(image, name, remove);
  return item;
}
