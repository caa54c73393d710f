// Ruled lines and boxes: removed from ink, with strokes that cross them left (ruled_lines.py).

import { connectedComponents, isAtEdge, maskOf, ownInk, strokeWidth, typicalHeight } from "./components.js";
import { areaOf, convexHull, outermost, smallestRectangle } from "./geometry.js";
import { dilated, openedAcross, openedDown } from "./morphology.js";
import { extent, median, radians, rounded, sum } from "./numbers.js";
import { parameters } from "./parameters.js";
import * as rasters from "./rasters.js";
import { inverted, rotation, warpedToNearest } from "./transforms.js";

const { both, cropped, isEmpty, transposed, windowAround, without } = rasters;

export function eraseRuledLines(ink) {
  return withoutRuled(ink, without(ink.mask, withoutRuledLines(ink.mask)));
}

// Erases of all ruled lines those alone that are upright: none is more like a one.
export function eraseUprightLines(ink, erased, height) {
  const ruled = without(ink.mask, erased.mask);
  if (isEmpty(ruled)) return ink;
  // A line may lean a little: let runs go on from one column of pixels to the next.
  const length = Math.max(1, rounded(parameters.ruled_lines.side_length * height));
  return withoutRuled(ink, both(ruled, openedDown(dilated(ruled, 3, 1), length)));
}

// Takes some pixels from ink, with their soft edges.
function withoutRuled(ink, ruled) {
  if (isEmpty(ruled)) return ink;
  const mask = without(ink.mask, ruled);
  const near = dilated(ruled, 3, 3).data;
  const { width, height, data } = ink.contrast;
  const contrast = rasters.raster(width, height, data.map((value, i) => (near[i] && !mask.data[i] ? 0 : value)));
  return { ...ink, mask, contrast };
}

function withoutRuledLines(mask) {
  const { line_length: lineLength, side_length: sideLength } = parameters.ruled_lines;
  const [unboxed, height] = withoutBoxes(withoutRulesOfPaper(mask));
  const rest = withoutLines(unboxed, lineLength * height);
  return withoutTeeth(rest, without(mask, rest), sideLength * height);
}

// Removes the lines of lined or squared paper: some long ones, parallel, at any small angle.
function withoutRulesOfPaper(mask) {
  const { long_rule: longRule, thick_rule: thickRule, parts, num_rules: numRules } = parameters.ruled_lines;
  const shorter = Math.min(mask.width, mask.height);
  const length = rounded(longRule * shorter);
  if (!mayHaveRules(mask, length)) return mask;
  const thickest = rounded(thickRule * shorter);
  const thickness = [];
  const thin = () => rounded(Math.max(...thickness)) + 1;
  const rest = inLevelFrame(mask, angleOfRules(mask), (level) => {
    for (const isAcross of [false, true]) {
      let turned = isAcross ? transposed(level) : level;
      const lines = levelLines(turned, length, thickest);
      if (!lines || numLines(lines, length) < numRules) break; // where none are level, upright ones are digits
      thickness.push(strokeWidth(lines));
      turned = without(turned, lines);
      // Where they are faint, they have gaps.
      const pieces = levelLines(turned, Math.floor(length / parts), thin());
      turned = pieces ? without(turned, pieces) : turned;
      level = isAcross ? transposed(turned) : turned;
    }
    return level;
  });
  if (!thickness.length) return mask;
  const { labels, components } = connectedComponents(rest);
  const long = components.filter((each) => Math.max(each.width, each.height) > length);
  const largest = long.toSorted((one, other) => other.area - one.area);
  // Some lines are left where paper is askew. Digits may be as long, but are thicker.
  const measured = largest.slice(0, parameters.ruled_lines.num_measured);
  const written = measured.filter((each) => strokeWidth(ownInk(labels, each)) > thickest);
  const isLine = (each) => long.includes(each) && !written.includes(each);
  const isRest = (each) => isAtEdge(mask, each) && each.area <= thin() * Math.hypot(each.width, each.height);
  return maskOf(labels, components.filter((each) => !isLine(each) && !isRest(each)));
}

// Whether there is ink enough for level lines of some length, one above the other.
function mayHaveRules({ width, data }, length) {
  const { num_rules: numRules, steepest } = parameters.ruled_lines;
  let begins = 0;
  for (let i = 0; i < data.length; i++) if (data[i] && (i < width || !data[i - width])) begins++;
  return begins >= numRules * length * Math.cos(radians(steepest));
}

// The angle in degrees at which most ink lies in few rows.
function angleOfRules({ width, height, data }) {
  const { steepest, angle_step: step, max_points: most } = parameters.ruled_lines;
  const places = [];
  for (let i = 0; i < data.length; i++) if (data[i]) places.push(i);
  const every = Math.ceil(places.length / most);
  const some = places.filter((_, i) => i % every === 0);
  const across = Int32Array.from(some, (place) => place % width);
  const down = Int32Array.from(some, (place) => Math.floor(place / width));
  let [best, highest] = [0, -1];
  for (let number = 0; -steepest + number * step < steepest + 0.01; number++) {
    const tangent = Math.tan(radians(-steepest + number * step));
    const counts = new Int32Array(height + 2 * Math.ceil(width * Math.abs(tangent)) + 3);
    const middle = Math.ceil(width * Math.abs(tangent)) + 1;
    for (let i = 0; i < across.length; i++) counts[Math.round(down[i] - across[i] * tangent) + middle]++;
    const score = counts.reduce((total, value) => total + value ** 2, 0);
    if (score > highest) [best, highest] = [-steepest + number * step, score];
  }
  return best;
}

// The number of level lines: runs of rows that have ink in so many columns.
function numLines(lines, length) {
  let [found, first] = [0, -1];
  for (let y = 0; y <= lines.height; y++) {
    const hasInk = y < lines.height && rasters.hasInRow(lines, y);
    if (hasInk && first < 0) first = y;
    if (hasInk || first < 0) continue;
    const run = cropped(lines, { left: 0, top: first, right: lines.width, bottom: y });
    let columns = 0;
    for (let x = 0; x < run.width; x++) columns += rasters.hasInColumn(run, x);
    found += columns >= length;
    first = -1;
  }
  return found;
}

// Removes boxes, grids and skewed lines; what touches them stays, unless straight and long. Returns
// what is left, and the typical height of a digit.
export function withoutBoxes(mask) {
  if (isEmptyCell(mask)) return [rasters.raster(mask.width, mask.height), mask.height];
  const its = parameters.ruled_lines;
  const { labels, components } = connectedComponents(mask);
  if (!components.length) return [mask, mask.height];
  const [empty, filled] = formBoxes(mask, labels, components);
  const isBox = (each) => empty.has(each.label) || filled.has(each.label);
  const area = (some) => sum(some.map((each) => each.area));
  // Neither boxes nor lines are as high as digits; but where all ink but specks is one box, that is
  // digits on lines.
  let usual = components.filter((each) => each.width < its.long * each.height && !filled.has(each.label));
  const unboxed = usual.filter((each) => !isBox(each));
  if (area(unboxed) > its.speck * area(usual)) usual = unboxed;
  const height = usual.length ? typicalHeight(usual) : mask.height;
  const [lineLength, sideLength] = [its.line_length * height, its.side_length * height];
  const isRuled = (each) =>
    (isBox(each) && each.height > sideLength) || Math.max(each.width, each.height) > its.long * height;
  let rest = mask;
  for (const [isKind, length] of [
    [isBox, sideLength],
    [(each) => !isBox(each), lineLength],
  ]) {
    const chosen = components.filter((each) => isRuled(each) && isKind(each));
    if (!chosen.length) continue;
    const measured = chosen.toSorted((one, other) => other.area - one.area).slice(0, its.num_measured);
    const angles = measured.map((each) => skew(ownInk(labels, each)));
    const angle = median(angles);
    const isOdd = angles.map((one) => Math.abs(one - angle) > its.odd);
    const odd = measured.filter((_, i) => isOdd[i]);
    const level = maskOf(labels, chosen.filter((each) => !odd.includes(each)));
    const lines = without(level, withoutSkewedLines(level, angle, length));
    measured.forEach((each, i) => {
      if (!isOdd[i]) return;
      const own = ownInk(labels, each);
      const gone = without(own, withoutSkewedLines(own, angles[i], length));
      const all = rasters.placed(gone, mask.width, mask.height, each);
      rest = without(rest, all);
    });
    rest = without(rest, lines);
  }
  return [rest, height];
}

// Whether all ink runs along the picture's edges, as the sides of a cell that is cut out. One side at
// least goes from edge to edge, or nearly so.
export function isEmptyCell(mask) {
  const { cell_edge: cellEdge, whole_side: wholeSide } = parameters.ruled_lines;
  const { width, height } = mask;
  const margin = rounded(cellEdge * Math.min(width, height));
  const inside = { left: margin, top: margin, right: width - margin, bottom: height - margin };
  if (!margin || !isEmpty(cropped(mask, inside))) return false;
  return [mask, transposed(mask)].some((along) => {
    const last = { left: 0, top: along.height - margin, right: along.width, bottom: along.height };
    return [{ ...last, top: 0, bottom: margin }, last].some((side) => {
      const part = cropped(along, side);
      let columns = 0;
      for (let x = 0; x < part.width; x++) columns += rasters.hasInColumn(part, x);
      return columns > wholeSide * part.width;
    });
  });
}

// The angle of the smallest rectangle around ink, from -45 to 45 degrees.
function skew(mask) {
  const { angle } = smallestRectangle(outermost(mask));
  return ((((angle + 45) % 90) + 90) % 90) - 45;
}

// Labels of components with a rectangular hole, and with one in which more than a speck stands; what
// has both is among the second. The contours are those of `findContours`: a hole's is the ink around.
function formBoxes(mask, labels, components) {
  const { speck } = parameters.ruled_lines;
  const { width, height } = mask;
  const around = rasters.padded(mask, 1); // so that all that is outside is one region
  const outside = rasters.mapped(around, (value) => 1 - value);
  const regions = connectedComponents(outside, false);
  const labelAt = (i) => labels.data[(Math.floor(i / around.width) - 1) * width + (i % around.width) - 1];
  const holes = new Map();
  for (const region of regions.components.slice(1)) {
    const owner = labelAt(region.first - around.width);
    holes.set(region.label, { owner, points: [], top: region.top - 1, bottom: region.bottom + 1 });
  }
  regions.labels.data.forEach((label, i) => {
    const hole = label > 1 && holes.get(label); // the first region is the outside
    if (!hole) return;
    for (const j of [i - 1, i + 1, i - around.width, i + around.width]) {
      if (around.data[j] && labelAt(j) === hole.owner) hole.points.push([j % around.width, Math.floor(j / around.width)]);
    }
  });
  const [empty, filled] = [new Set(), new Set()];
  for (const hole of holes.values()) if (isRectangular(hole.points)) empty.add(hole.owner);
  for (const each of components) {
    const place = (Math.floor(each.first / width) + 1) * around.width + (each.first % width); // the pixel before it
    const hole = holes.get(regions.labels.data[place]);
    if (hole && each.height >= speck * (hole.bottom - hole.top)) filled.add(hole.owner);
  }
  for (const label of filled) empty.delete(label);
  return [empty, filled];
}

function isRectangular(points) {
  const { shortest, polygonal } = parameters.ruled_lines;
  const { left, top, right, bottom } = extent(points);
  if (Math.max(right - left, bottom - top) + 1 < shortest) return false;
  const { sides } = smallestRectangle(points);
  return Math.min(...sides) >= shortest && areaOf(convexHull(points)) > polygonal * sides[0] * sides[1];
}

function withoutSkewedLines(mask, angle, atLeast) {
  return inLevelFrame(mask, angle, (level) => withoutLines(level, atLeast));
}

// Turns a mask level by an angle in degrees, removes ink there, and turns what is left back.
function inLevelFrame(mask, angle, remove) {
  const rise = Math.abs(Math.sin(radians(angle))) * Math.max(mask.width, mask.height);
  if (rise < 1) return remove(mask); // pixel: it is as level as can be
  const pad = rounded(rise) + 2;
  const around = rasters.padded(mask, pad);
  const { width, height } = around;
  const turn = rotation([mask.width / 2 + pad, mask.height / 2 + pad], angle);
  const rest = remove(warpedToNearest(around, turn, width, height));
  const back = dilated(warpedToNearest(rest, inverted(turn), width, height), 2, 2); // turning leaves holes
  return both(mask, cropped(back, { left: pad, top: pad, right: width - pad, bottom: height - pad }));
}

// Removes the teeth of combs: thin straight components, two or more, that stood on lines.
function withoutTeeth(mask, lines, longest) {
  if (isEmpty(lines)) return mask;
  const { tooth_margin: margin, tooth_reach: reach, straight } = parameters.ruled_lines;
  const thickest = strokeWidth(lines) + margin;
  const { labels, components } = connectedComponents(mask);
  const near = dilated(lines, 2 * reach + 1, 2 * reach + 1);
  const standing = new Set(labels.data.filter((_, i) => near.data[i] && mask.data[i]));
  const teeth = components.filter((each) => {
    // Of the many specks of a noisy picture none is as long as a line is thick.
    const isLong = Math.hypot(each.width - 1, each.height - 1) + 1 > thickest;
    if (!standing.has(each.label) || !isLong || Math.max(each.width, each.height) > longest) return false;
    const { sides } = smallestRectangle(outermost(ownInk(labels, each)));
    const [short, long] = [Math.min(...sides) + 1, Math.max(...sides) + 1];
    return short <= thickest && thickest < long && each.area > straight * short * long;
  });
  return teeth.length > 1 ? without(mask, maskOf(labels, teeth)) : mask;
}

// Removes straight lines, level and upright; strokes that cross them stay.
function withoutLines(mask, atLeast) {
  const { whole_width: wholeWidth, shortest } = parameters.ruled_lines;
  for (const isUpright of [false, true]) {
    const across = isUpright ? transposed(mask) : mask;
    const length = rounded(Math.min(atLeast, wholeWidth * across.width));
    if (length < shortest || isEmpty(across)) continue;
    const window = windowAround(across, length);
    const part = cropped(across, window);
    const ink = windowAround(part);
    if (ink.right - ink.left < leastRun(part, length)) continue;
    const lines = levelLines(part, length);
    if (!lines) continue;
    const rest = rasters.raster(across.width, across.height, across.data.slice());
    rasters.paste(rest, window, without(part, lines));
    mask = isUpright ? transposed(rest) : rest;
  }
  return mask;
}

// The length of the shortest run of ink that is taken to be as long as a line. Opening takes ink to go
// on outside of the picture: at its edges, half of a run is enough.
function leastRun(mask, length) {
  const isAtEdge = rasters.hasInColumn(mask, 0) || rasters.hasInColumn(mask, mask.width - 1);
  return isAtEdge ? Math.floor(length / 2) : length;
}

// Level lines, less the strokes that cross them; null if there are no such lines.
function levelLines(mask, length, thickest = Infinity) {
  const { width, height } = mask;
  // A line may rise a little: let runs go on from one row of pixels to the next.
  const thick = dilated(mask, 1, 3);
  const least = leastRun(mask, length);
  let mayRun = false;
  for (let y = 0; y < height; y++) {
    const row = thick.data.subarray(y * width, (y + 1) * width);
    if (sum(row) >= least) mayRun = true;
    else row.fill(0);
  }
  if (!mayRun) return null;
  const runs = both(openedAcross(thick, length), mask);
  if (isEmpty(runs)) return null;
  // What is taller than the line, where it runs, is a stroke that crosses it.
  const crossing = rounded(parameters.ruled_lines.crossing * (strokeWidth(runs) + 2)) + 1;
  return without(runs, openedDown(mask, Math.min(crossing, thickest + 1)));
}
