// The reader of drawings in the browser: what reading/ does in Python, for what is drawn on the pad. It
// has one hypothesis about its ink, so that nothing here chooses among several (reader.py,
// line_reader.py, single_reader.py).

import { doubtLine, judge, NO_DIGIT } from "./confidence.js";
import { toDocument } from "./document.js";
import { digitsOf, isMostlyRead, mayBeUpsideDown, mayLie, NOT_A_DIGIT } from "./evidence.js";
import { outweighs, readsBetter, UPSIDE_DOWN } from "./evidence.js";
import { blankGlyph, frameSingle } from "./glyphs.js";
import { greyOf, inkOf, turnedInk } from "./ink.js";
import { componentsUnder } from "./joined.js";
import { findLines } from "./layout.js";
import { leftOver } from "./left_over.js";
import { boxInPicture, expectedColumns, framePart, lineImages } from "./line_images.js";
import { GlyphNetwork, LineNetwork } from "./networks.js";
import { boxOf, extent, median } from "./numbers.js";
import { parameters, setParameters } from "./parameters.js";
import { count, isEmpty } from "./rasters.js";
import { eraseRuledLines, eraseUprightLines, isEmptyCell } from "./ruled_lines.js";
import { allViews, readWords, Sight, Work } from "./words.js";

const REFUSED = "?"; // text of a refused digit
const SEPARATORS = ".,-/"; // symbols that part numbers
const ON_ITS_SIDE = [1, 3]; // quarter turns anticlockwise

// Opens a reader of the two networks in ONNX, as ArrayBuffers, with the tuned numbers that Python exported
// beside them. Digits below the threshold are refused. Where `namesDigits`, the network of glyphs names the
// digits that the network of lines finds, as one's own network does.
export async function openReader({ ort, lines, glyphs, parameters: exported, threshold, namesDigits = false }) {
  setParameters(exported);
  const [lineNetwork, glyphNetwork] = [await LineNetwork.open(ort, lines), await GlyphNetwork.open(ort, glyphs)];
  return new Reader(lineNetwork, glyphNetwork, threshold ?? exported.confidence.threshold, namesDigits);
}

class Reader {
  #lines;
  #glyphs;
  #threshold;
  #namesDigits;

  constructor(lines, glyphs, threshold, namesDigits) {
    this.#lines = lines;
    this.#glyphs = glyphs;
    this.#threshold = threshold;
    this.#namesDigits = namesDigits;
  }

  // Reads the digits of the pad's picture; returns what the server's /v1/read does.
  async read(imageData) {
    const { min_side: least, large: most } = parameters.picture;
    const sides = [imageData.width, imageData.height];
    if (Math.min(...sides) < least || Math.max(...sides) > most) {
      throw new Error(`Expected a drawing of ${least} to ${most} pixels a side, found ${sides.join("×")}.`);
    }
    const ink = inkOf(greyOf(imageData));
    const reading = await this.#readLines(ink);
    return toDocument(mayBeSingle(reading) ? await this.#asSingle(ink, reading) : reading);
  }

  // Reads the one digit that a picture may show, if both networks may mean the same. All that was read has to
  // be where that digit is: else it is not alone.
  async #asSingle(ink, reading) {
    const { glyph, box } = frameSingle(ink) ?? { glyph: blankGlyph(), box: [0, 0, 0, 0] };
    const digit = judge(await this.#glyphs.probabilities(glyph), glyph, box, this.#threshold);
    const digits = digitsOf(reading);
    const isMeant = !digits.length || digits.some((one) => one.label === digit.label);
    const isAlone = partsOf(reading).every((part) => isWithin(part.box, box));
    if (digit.reason !== null || !isMeant || !isAlone) return reading;
    const line = { text: String(digit.label), confidence: digit.confidence, parts: [digit], box };
    return { lines: [line], leftOut: reading.leftOut.filter((mark) => !isWithin(mark.box, box)), turns: 0, ink };
  }

  // Reads a picture, also one on its side or upside down, and lists what was left out.
  async #readLines(ink) {
    const work = new Work();
    const best = await this.#readInk(ink, 0, work, 1, true);
    let chosen = best;
    if (mayLie(best.reading, best.lines.length)) {
      for (const [i, turns] of ON_ITS_SIDE.entries()) {
        const side = await this.#readInk(turnedInk(ink, turns), turns, work, (i + 1) / ON_ITS_SIDE.length);
        if (!readsBetter(side.reading, best.reading)) continue;
        if (chosen === best || outweighs(side.reading, chosen.reading)) chosen = side;
      }
    }
    if (!chosen.reading.turns && mayBeUpsideDown(chosen.reading)) {
      const turned = await this.#readInk(turnedInk(ink, UPSIDE_DOWN), UPSIDE_DOWN, work, 1);
      if (readsBetter(turned.reading, chosen.reading)) chosen = turned;
    }
    if (best.isCutShort && !isMostlyRead(chosen.reading)) {
      throw new Error("Expected at most about five hundred digits at once, found more marks: clear some of them.");
    }
    return withLeftOver(chosen);
  }

  // Reads the lines that the components of some ink make: {reading, unruled, lines, isCutShort}. `share` is
  // that of the work that is left which it may take. Where it is not enough, nothing is read. What is turned
  // may look like digits in one view; so more of them are asked.
  async #readInk(ink, turns, work, share, isUpright = false) {
    const nothing = { reading: { lines: [], leftOut: [], turns, ink }, unruled: ink, lines: [], isCutShort: true };
    if (!work.take(workToFindWords(ink), (1 - share) * work.left)) return nothing;
    const unruled = eraseRuledLines(ink);
    const lines = findLines(unruled);
    if (!lines) return nothing;
    const words = lines.flat();
    work.spend(parameters.work.word * words.length);
    const keep = (1 - share) * work.left;
    const read = await readWords(this.#lines, sightsOf(words, ink, unruled), work, { keep, atLeast: isUpright ? 1 : 3 });
    if (!read) return nothing;
    const reading = await this.#reading(lines, read, ink, unruled, turns);
    return { reading, unruled, lines, isCutShort: false };
  }

  // The probabilities of a digit of a word: those of the line network and, where that is not sure of one that
  // stands apart, of the network of glyphs as well.
  async #probabilities({ probabilities }, { glyph, isApart }) {
    if (this.#namesDigits) return this.#glyphs.probabilities(glyph);
    const isUnsure = Math.max(...probabilities) < parameters.ensemble.sure_alone;
    return isUnsure && isApart ? withOpinion(probabilities, await this.#glyphs.probabilities(glyph)) : probabilities;
  }

  // Makes a reading of what the words of its lines say.
  async #reading(lines, read, ink, unruled, turns) {
    const found = read.values();
    const toOriginal = (box) => turnedBack(box, ink.mask, turns);
    const linesRead = [];
    for (const line of lines) {
      let confidence = 1;
      const [texts, parts] = [[], []];
      for (const word of line) {
        const { symbols, confidence: its, image } = found.next().value;
        const digits = [];
        for (const symbol of symbols) {
          if (!symbol.isDigit) continue;
          const part = framePart(image, symbol.box, ink, symbols.length === 1);
          const row = await this.#probabilities(symbol, part);
          digits.push(judge(row, part.glyph, part.box, this.#threshold));
        }
        confidence *= Math.min(its, ...digits.map((digit) => digit.confidence));
        const doubted = doubtLine(digits, its, this.#threshold).values();
        const judged = symbols.map((symbol) =>
          symbol.isDigit ? doubted.next().value : markOf(symbol, boxInPicture(image, symbol.box)),
        );
        const own = this.#threshold > 0 ? withoutJoined(judged, unruled.mask) : judged;
        parts.push(...own.map((part) => ({ ...part, box: toOriginal(part.box) })));
        const text = own.map(textOf).join("");
        if (word.goesOn) texts.push(texts.pop() + text);
        else texts.push(text);
      }
      const box = toOriginal(boxOf(extent(line.flatMap((word) => word.corners))));
      linesRead.push({ text: texts.filter((text) => text).join(" "), confidence, parts, box });
    }
    const leftOut = linesRead.flatMap((line) => line.parts.filter((part) => "kind" in part));
    return { lines: linesRead, leftOut, turns, ink };
  }
}

// The probabilities of both networks, if that of glyphs takes it for a digit: their
// geometric mean, which is small where they disagree.
function withOpinion(probabilities, opinion) {
  if (Math.max(...opinion) <= parameters.confidence.threshold) return probabilities;
  return probabilities.map((value, label) => Math.sqrt(value * opinion[label]));
}

function markOf({ text }, box) {
  return SEPARATORS.includes(text) ? { kind: "separator", box, text } : { kind: NOT_A_DIGIT, box, text: "" };
}

// What a part of a line adds to its text: a question mark for what is refused, or as high as a digit.
function textOf(part) {
  if ("kind" in part) return part.kind === NOT_A_DIGIT || part.text === "/" ? REFUSED : "";
  return part.reason === null ? String(part.label) : REFUSED;
}

// Refuses the digits of a word that are one component of ink with what is no digit.
function withoutJoined(parts, mask) {
  const isOther = parts.map((part) => ("kind" in part ? part.kind === NOT_A_DIGIT : part.reason === NO_DIGIT));
  if (!isOther.includes(true)) return parts;
  const found = componentsUnder(mask, parts.map((part) => part.box));
  const others = new Set(found.filter((component, i) => component && isOther[i]));
  return parts.map((part, i) => {
    const isJoined = part.reason === null && others.has(found[i]);
    return isJoined ? { ...part, reason: "it is part of what is no digit" } : part;
  });
}

function workToFindWords({ mask }) {
  const { width, data } = mask;
  let edges = 0;
  for (let i = 1; i < data.length; i++) if (data[i] && !data[i - 1] && i % width) edges++;
  const { pixel, ink, edge } = parameters.work;
  return pixel * mask.data.length + ink * count(mask) + edge * edges;
}

// The ways to see each word: a skewed one as turned, and as if its digits stood upright; in some views
// without ruled lines, in others with them. Lines hide digits, and take parts of them along when they are
// erased. What is narrow may be left of an upright line: beside the rest of it, it is seen as that.
function sightsOf(words, ink, unruled) {
  if (!words.length) return [];
  const level = eraseUprightLines(ink, unruled, median(words.map((word) => word.height)));
  const every = allViews();
  return words.map((word) => {
    const ruled = word.width > word.height ? level : ink;
    const see = (views) =>
      [false, true].flatMap((isRuled) => {
        const [some, all] = [views, every].map((them) => them.filter((view) => view.isRuled === isRuled));
        return lineImages(word, isRuled ? ruled : unruled, some, Math.max(...all.map((view) => view.size)));
      });
    const seeUpright = (views) => see(views.map((view) => ({ ...view, isUpright: true })));
    const isSkewed = Math.abs(word.angle) > parameters.layout.skew_limit;
    return (isSkewed ? [see, seeUpright] : [see]).map((way) => new Sight(way, expectedColumns(word)));
  });
}

// Maps a box from a picture that was turned to the one before.
function turnedBack(box, { width, height }, turns) {
  let [left, top, wide, high] = box;
  let [rows, columns] = [height, width];
  for (let n = 0; n < (4 - turns) % 4; n++) {
    [left, top, wide, high] = [top, columns - left - wide, high, wide];
    [rows, columns] = [columns, rows];
  }
  return [left, top, wide, high];
}

// Adds the ink that was not read to what was left out.
function withLeftOver({ reading, unruled }) {
  const { ink, turns } = reading;
  const { mask } = ink;
  const upright = turns % 2 ? { width: mask.height, height: mask.width } : mask;
  const boxes = [...digitsOf(reading), ...reading.leftOut].map(({ box }) => turnedBack(box, upright, (4 - turns) % 4));
  const more = leftOver(mask, unruled.mask, boxes).map(([kind, box]) => {
    return { kind, box: turnedBack(box, mask, turns), text: "" };
  });
  return { ...reading, leftOut: [...reading.leftOut, ...more] };
}

// Whether a picture may show one digit, of which something is not sure.
function mayBeSingle(reading) {
  const digits = digitsOf(reading);
  const { length } = partsOf(reading);
  if (length > parameters.reader.most_of_one || isEmpty(reading.ink.mask) || isEmptyCell(reading.ink.mask)) return false;
  if (digits.length) return digits.some((digit) => digit.reason !== null);
  return !length && reading.lines.every((line) => line.confidence < parameters.hypotheses.sure);
}

function partsOf(reading) {
  return reading.lines.flatMap((line) => line.parts);
}

// Whether most of a box is within another.
function isWithin([x, y, width, height], [left, top, wide, tall]) {
  const across = Math.min(x + width, left + wide) - Math.max(x, left);
  const down = Math.min(y + height, top + tall) - Math.max(y, top);
  return Math.max(0, across) * Math.max(0, down) >= parameters.left_over.covered * width * height;
}
