// The reading: its lines, a box around each digit and each mark that was left out, and a card for each
// digit. Elements are updated in place, so that nothing flickers. What was corrected has `corrected`.

import { decodeBase64 } from "./base64.js";
import { percent } from "./figures.js";

const LONG = 7; // number of characters past which the text is smaller
const PENCIL = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="m4 16 .8-3.4L13 4.4l2.6 2.6-8.2 8.2zM11.5 6l2.6 2.6"/></svg>';
const SURE = 0.99; // confidence from which a digit needs no figure: fewer than 1 in 100 of them are wrong
const MARGIN = 4; // pixels around a mark, so that its box does not cover it

export class ReadingView {
  #text;
  #list;
  #boxes;
  #marks;
  #leftOut;
  #followed = ""; // the choice that the list was scrolled to

  // `onCorrect` is called with "line" or "digit", its index, and the button that was pressed.
  constructor({ text, list, boxes, marks, leftOut }, onChoose, onCorrect) {
    this.#text = text;
    this.#list = list;
    this.#boxes = boxes;
    this.#marks = marks;
    this.#leftOut = leftOut;
    list.addEventListener("click", (event) => {
      const button = event.target.closest(".digit, .pencil");
      if (!button) return;
      const index = [...list.children].indexOf(button.parentElement);
      if (button.className === "pencil") onCorrect("digit", index, button);
      else onChoose(index);
    });
    text.addEventListener("click", (event) => {
      const button = event.target.closest(".line");
      if (button) onCorrect("line", [...text.children].indexOf(button), button);
    });
    // On a photo, nothing is drawn.
    boxes.addEventListener("click", (event) => {
      const index = [...boxes.children].indexOf(event.target.closest(".box"));
      onCorrect("digit", index, list.children[index].lastElementChild);
    });
  }

  // `toPage` maps a box from pixels of the picture to pixels of the page.
  show(reading, toPage) {
    const { digits, left_out: marks } = reading;
    const lines = writtenLines(reading);
    this.#setText(lines.length ? lines : ["No digit found"], { isWords: !lines.length, isFixed: !lines.length && !marks.length });
    this.#leftOut.textContent = notes(reading);
    resize(this.#list, digits.length, newCard);
    resize(this.#boxes, digits.length, newBox);
    resize(this.#marks, marks.length, newMark);
    digits.forEach((digit, index) => {
      fillCard(this.#list.children[index], digit);
      fillBox(this.#boxes.children[index], digit, toPage(digit.box));
    });
    marks.forEach((mark, index) => place(this.#marks.children[index], toPage(mark.box), MARGIN));
  }

  clear(words = "") {
    this.#setText([words], { isWords: true, isFixed: true });
    this.#leftOut.textContent = "";
    for (const parent of [this.#list, this.#boxes, this.#marks]) resize(parent, 0);
  }

  choose(index) {
    [...this.#list.children].forEach((item, i) => {
      item.firstElementChild.setAttribute("aria-pressed", String(i === index));
    });
    const boxes = [...this.#boxes.children];
    boxes.forEach((box, i) => box.classList.toggle("chosen", i === index && boxes.length > 1));
    this.#follow(index);
  }

  // Scroll the list, and not the page, to another card that is chosen.
  #follow(index) {
    const choice = `${index} of ${this.#list.children.length}`;
    const card = this.#list.children[index];
    if (choice === this.#followed || !card) return;
    this.#followed = choice;
    const [inner, outer] = [card, this.#list].map((element) => element.getBoundingClientRect());
    if (inner.top < outer.top) this.#list.scrollTop += inner.top - outer.top;
    else if (inner.bottom > outer.bottom) this.#list.scrollTop += inner.bottom - outer.bottom;
  }

  #setText(lines, { isWords, isFixed }) {
    const text = lines.join("\n");
    const state = text + isFixed;
    if (this.#text.shown !== state) {
      this.#text.shown = state;
      this.#text.replaceChildren(...(isFixed ? lines : lines.flatMap((line) => ["\n", newLine(line)]).slice(1)));
    }
    this.#text.classList.toggle("words", isWords);
    this.#text.classList.toggle("long", !isWords && text.length > LONG);
  }
}

function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make());
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function newLine(text) {
  const line = element("button", "line", text);
  line.type = "button";
  line.title = "Correct it";
  line.setAttribute("aria-label", `${text}: correct it`);
  return line;
}

function newCard() {
  const glyph = element("canvas", "");
  glyph.width = glyph.height = 28;
  glyph.setAttribute("aria-hidden", "true");
  const bars = element("span", "bars", ...Array.from({ length: 10 }, (_, label) => element("i", "", String(label))));
  bars.setAttribute("aria-hidden", "true");
  const head = element("span", "head", element("b", ""), element("span", "words"));
  const button = element("button", "digit", glyph, head, bars);
  const pencil = element("button", "pencil");
  pencil.innerHTML = PENCIL;
  pencil.title = "Correct it";
  button.type = pencil.type = "button";
  return element("li", "", button, pencil);
}

function fillCard(item, digit) {
  const [card, pencil] = item.children;
  const [glyph, head, bars] = card.children;
  const { corrected } = digit;
  const refused = digit.reason !== null && !corrected;
  const label = corrected ?? (refused ? "?" : String(digit.label));
  const words = corrected ? "corrected" : refused ? digit.reason : percent(digit.confidence);
  if (head.children[0].textContent !== label) head.children[0].textContent = label;
  if (head.children[1].textContent !== words) head.children[1].textContent = words;
  // What all have in common would hide what differs: a sure digit shows its figure when it is asked.
  card.classList.toggle("sure", !corrected && !refused && digit.confidence >= SURE);
  card.classList.toggle("refused", refused);
  card.classList.toggle("corrected", Boolean(corrected));
  const others = digit.alternatives.map((other) => `${other.label}, ${percent(other.confidence)}`).join("; ");
  const spoken = corrected ? `${label}, corrected` : refused ? `Refused: ${words}. Best guess ${digit.label}, ${percent(digit.confidence)}` : `${label}, ${words} sure`;
  card.setAttribute("aria-label", `${spoken}. Next ${others}`);
  pencil.setAttribute("aria-label", `Correct ${refused ? "the refused digit" : label}`);
  digit.probabilities.forEach((probability, i) => {
    bars.children[i].style.setProperty("--p", probability);
    bars.children[i].classList.toggle("best", i === digit.label);
  });
  drawGlyph(glyph, digit.glyph);
}

function drawGlyph(canvas, encoded) {
  if (canvas.shown === encoded) return;
  canvas.shown = encoded;
  const image = new ImageData(28, 28);
  decodeBase64(encoded).forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function newBox() {
  return element("div", "box", element("b", ""));
}

function newMark() {
  return element("div", "mark");
}

function fillBox(box, digit, onPage) {
  const refused = digit.reason !== null && !digit.corrected;
  box.classList.toggle("refused", refused);
  box.classList.toggle("label-inside", onPage[1] < 28); // there is no room above
  box.firstElementChild.textContent = digit.corrected ?? (refused ? "?" : digit.label);
  place(box, onPage);
}

function place(box, [left, top, width, height], margin = 0) {
  box.hidden = !width; // the browser can't show this picture
  box.style.width = `${width + 2 * margin}px`;
  box.style.height = `${height + 2 * margin}px`;
  box.style.transform = `translate(${left - margin}px, ${top - margin}px)`;
}

// The lines that have digits.
export function shownLines({ lines, digits }) {
  return lines.filter((line) => line.corrected || (line.text && digits.length));
}

// These lines as they are written, such as "12,50", with what was corrected in them.
export function writtenLines(reading) {
  let next = 0;
  const shown = (symbol) => {
    const digit = reading.digits[next];
    if (!/\d/.test(symbol) && !(symbol === "?" && digit?.reason)) return symbol;
    next++;
    return digit.corrected ?? symbol;
  };
  return shownLines(reading).map((line) => {
    const text = [...line.written].map(shown).join("");
    return line.corrected ?? text;
  });
}

export function written(reading) {
  return writtenLines(reading).join("\n");
}

// How it was turned to be read, what was refused, and the marks that are no digits, each with the
// reason: "Left out: 2 separators between digits, 1 rule of the paper."
export function notes({ turned, digits, left_out: marks }) {
  const refused = digits.filter(({ reason, corrected }) => reason !== null && !corrected);
  const sentences = [
    turned && `Read turned by ${turned}° clockwise.`,
    listed("Refused", refused.map(({ reason }) => reason), (reason, count) => `${count} digit${count > 1 ? "s" : ""}, as ${reason}`),
    listed("Left out", marks.map(({ kind }) => kind), (kind, count) => `${count} ${MARKS[kind](count > 1 ? "s" : "")}`),
  ];
  return sentences.filter(Boolean).join(" ");
}

// What a mark is that is no digit, and so why it was left out.
const MARKS = {
  separator: (s) => `separator${s} between digits`,
  "not a digit": (s) => `mark${s} that look${s ? "" : "s"} like no digit`,
  rule: (s) => `rule${s} of the paper`,
  speck: (s) => `speck${s} too small for a digit`,
};

function listed(title, kinds, inWords) {
  const counts = new Map();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const parts = [...counts].map(([kind, count]) => inWords(kind, count));
  return parts.length ? `${title}: ${parts.join("; ")}.` : "";
}
