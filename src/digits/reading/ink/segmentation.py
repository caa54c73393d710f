"""Over-segmentation: a word to the lattice of what may be its digits, between any two of many cuts.

A cut runs from the top of a word to its bottom, and leans as digits do. Where digits touch, it
crosses ink: by dynamic programming as little as possible (seam carving), or straight at a waist.
Whether a cut parts two digits or one is for the network to judge; `decode` scores the cuts.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, Int8, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from digits.reading.ink.binarization import Ink
from digits.reading.ink.glyphs import SIZE, frame, stroke_strength
from digits.reading.ink.layout import LAYOUT, Word
from digits.reading.tuning import Tuned, number

HEIGHT = 48
"""Height of a typical digit when its word is cut, in pixels."""

MAX_CROSSED = HEIGHT / 3
"""Limit on time: most ink that a cut may cross, in full strokes of a pixel."""


@dataclass(frozen=True)
class SegmentationParameters(Tuned):
    """Tuned numbers of the cuts that are tried, and of what may be a digit between two of them."""

    min_gap: float = number(0.12, "heights of a digit", low=0.02, high=0.4)
    """Least distance between two cuts that cross ink, and least depth of a waist."""
    step: float = number(0.006, "full strokes of a pixel", low=0.001, high=0.1)
    """Cost of each pixel of a cut's length, and of each that it goes to the side."""
    waist_reach: float = number(0.2, "heights of a digit", low=0.05, high=0.6)
    """Distance on both sides of a waist within which the ink must be higher."""
    slant: float = number(0.3, "pixels to the left for each pixel down", low=0, high=1)
    """Slant of straight cuts, beside upright ones."""
    separate: float = number(3.0, "pixels", low=1, high=12)
    """Mean distance from all others at which a straight cut is one of its own."""
    solid: float = number(0.3, "full strokes", low=0.1, high=0.8)
    """Strength above which a pixel counts as ink."""
    widest: float = number(1.9, "heights of a digit", low=1, high=4)
    """Greatest width of a digit."""


SEGMENTATION = SegmentationParameters()


@dataclass(frozen=True)
class Candidate:
    """The ink between two cuts, which may be a digit."""

    first: int
    last: int
    """Numbers of the two cuts, from the left."""
    pixels: UInt8[np.ndarray, "28 28"]
    """Its glyph; black if it can't be a digit."""
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""
    width: float
    """Width, in heights of the word's digits."""
    height: float
    """Height, in heights of the word's digits."""

    @property
    def is_small(self) -> bool:
        """Whether it is too small for a digit: a dash, a comma, nothing."""
        return max(self.height, self.width / 2) < LAYOUT.tall

    @property
    def may_be_digit(self) -> bool:
        """Whether its size is that of a digit."""
        return not self.is_small and self.width <= SEGMENTATION.widest


@dataclass(frozen=True)
class Lattice:
    """A word, cut wherever it may be cut; each path through the candidates is a segmentation."""

    crossed: list[float]
    """Ink that each cut crosses, in heights of a digit; the first and the last are the ends."""
    candidates: list[Candidate]
    """The candidates between any two cuts that are near enough to each other."""


def over_segment(word: Word, ink: Ink) -> Lattice:
    """Cut a word wherever it may be cut, and frame each candidate."""
    scale = HEIGHT / word.height
    height, width = (max(1, round(side * scale)) for side in word.mask.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    strength = stroke_strength(word.contrast, word.mask, ink)
    strength = np.asarray(cv2.resize(strength, (width, height), interpolation=method), np.float32)
    cuts, crossed = _find_cuts(strength)
    ends = [np.zeros(height, int), *cuts, np.full(height, width)]
    return Lattice([0.0, *crossed, 0.0], list(_candidates(word, strength, ends, scale)))


def _candidates(
    word: Word,
    strength: Float32[np.ndarray, "h w"],
    cuts: list[Int[np.ndarray, " h"]],
    scale: float,
) -> Iterator[Candidate]:
    """Give the candidate between any two cuts that are not too far from each other."""
    mask = strength > SEGMENTATION.solid
    x = np.arange(strength.shape[1])
    for first, left in enumerate(cuts):
        for last in range(first + 1, len(cuts)):
            right = cuts[last]
            low, high = max(0, int(left.min())), int(right.max())
            window = slice(low, max(low + 1, high))
            inside = (x[window] >= left[:, None]) & (x[window] < right[:, None])
            own = mask[:, window] & inside
            box = cv2.boundingRect(own.astype(np.uint8))
            if box[2] > SEGMENTATION.widest * HEIGHT and last > first + 1:
                break
            yield _candidate(word, strength[:, window] * inside, own, (first, last), low, scale)


def _candidate(
    word: Word,
    strength: Float32[np.ndarray, "h w"],
    own: Bool[np.ndarray, "h w"],
    cuts: tuple[int, int],
    offset: int,
    scale: float,
) -> Candidate:
    left, top, width, height = cv2.boundingRect(own.astype(np.uint8))
    box = tuple(round(value / scale) for value in (left + offset, top, width, height))
    candidate = Candidate(
        *cuts,
        pixels=np.zeros((SIZE, SIZE), np.uint8),
        box=word.box_in_picture((box[0], box[1], box[2], box[3])),
        width=width / HEIGHT,
        height=height / HEIGHT,
    )
    if not candidate.may_be_digit:
        return candidate
    window = slice(top, top + height), slice(left, left + width)
    soft = cv2.dilate(own[window].astype(np.uint8), np.ones((3, 3), np.uint8))
    return replace(candidate, pixels=frame(strength[window] * soft, own[window]))


def _find_cuts(
    strength: Float32[np.ndarray, "h w"],
) -> tuple[list[Int[np.ndarray, " h"]], list[float]]:
    """Find paths from top to bottom, from left to right, and the ink each crosses, in heights."""
    height, width = strength.shape
    cost = strength + np.float32(SEGMENTATION.step)
    down, up = _path_costs(cost), _path_costs(cost[::-1])[::-1]
    middle = height // 2
    total = down[middle] + up[middle] - cost[middle]
    ink = np.maximum(total - SEGMENTATION.step * height, 0)
    cuts = _traces(down, up, _minima(total, ink, round(SEGMENTATION.min_gap * HEIGHT)))
    lines = np.arange(height)
    for slant in (0.0, SEGMENTATION.slant):
        for cut in _cuts_at_waists(strength, slant):
            if all(np.abs(cut - other).mean() > SEGMENTATION.separate for other in cuts):
                cuts.append(cut)
    cuts.sort(key=lambda cut: float(cut.mean()))
    crossed = [float(strength[lines, np.clip(cut, 0, width - 1)].sum()) for cut in cuts]
    return cuts, [total / HEIGHT for total in crossed]


def _cuts_at_waists(
    strength: Float32[np.ndarray, "h w"], slant: float
) -> list[Int[np.ndarray, " h"]]:
    """Cut straight where the ink is less high than on both sides: where two rounds touch.

    Args:
        strength: Strength of the ink, 0 to 1.
        slant: Slant of the cuts, in pixels to the left for each pixel down.
    """
    height, width = strength.shape
    shift = np.rint(slant * (height / 2 - np.arange(height))).astype(int)
    pad = int(np.abs(shift).max()) + 1
    straight = np.zeros((height, width + 2 * pad), bool)
    for y in range(height):
        row = strength[y] > SEGMENTATION.solid
        straight[y, pad - shift[y] : pad - shift[y] + width] = row
    has_ink = np.asarray(straight.any(axis=0))
    first = straight.argmax(axis=0)
    last = height - 1 - straight[::-1].argmax(axis=0)
    extent = np.where(has_ink, last - first + 1, 0)
    reach = round(SEGMENTATION.waist_reach * HEIGHT)
    if len(extent) <= 2 * reach:
        return []
    near = sliding_window_view(extent, 2 * reach + 1)
    middle = slice(reach, len(extent) - reach)
    low, rise = extent[middle], SEGMENTATION.min_gap * HEIGHT
    is_waist = (
        has_ink[middle]
        & (low == near.min(axis=1))
        & (near[:, :reach].max(axis=1) > low + rise)
        & (near[:, reach + 1 :].max(axis=1) > low + rise)
        & (straight[:, middle].sum(axis=0) <= MAX_CROSSED)
    )
    cuts = [x + reach - pad + shift for x in np.flatnonzero(is_waist)]
    # Of neighbours that are equally low, the one in the middle.
    runs: list[list[Int[np.ndarray, " h"]]] = []
    for cut in cuts:
        if runs and cut[0] - runs[-1][-1][0] <= 1:
            runs[-1].append(cut)
        else:
            runs.append([cut])
    return [run[len(run) // 2] for run in runs]


def _path_costs(cost: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Compute the least cost of a path from the first line of pixels to each pixel."""
    height, width = cost.shape
    sums = np.full((height, width + 2), np.inf, np.float32)
    sums[:, 1:-1] = cost
    leaning = np.empty(width, np.float32)
    for above, here in itertools.pairwise(sums):
        np.minimum(above[:-2], above[2:], out=leaning)
        leaning += np.float32(SEGMENTATION.step)
        here[1:-1] += np.minimum(leaning, above[1:-1], out=leaning)
    return sums[:, 1:-1]


def _minima(
    total: Float32[np.ndarray, " w"], ink: Float32[np.ndarray, " w"], distance: int
) -> list[int]:
    """Choose where to cut, on the middle line: inside each gap, and at the lowest costs between."""
    free = ink <= SEGMENTATION.step
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(np.int8), [0]])))
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    chosen = [int(a + b - 1) // 2 for a, b in gaps if a > 0 and b < len(total)]
    if len(total) <= 2 * distance:
        return chosen
    taken = np.array(free)
    around = sliding_window_view(total, 2 * distance + 1).min(axis=1)
    middle = slice(distance, len(total) - distance)
    is_lowest = (total[middle] <= around) & (ink[middle] <= MAX_CROSSED)
    lowest = distance + np.flatnonzero(is_lowest)
    for x in lowest[np.argsort(total[lowest], kind="stable")]:
        if not taken[x - distance : x + distance + 1].any():
            chosen.append(int(x))
            taken[x] = True
    return chosen


def _traces(
    down: Float32[np.ndarray, "h w"], up: Float32[np.ndarray, "h w"], columns: list[int]
) -> list[Int[np.ndarray, " h"]]:
    """Trace the paths of least cost through pixels of the middle line."""
    if not columns:
        return []
    height = len(down)
    middle = height // 2
    paths = np.full((height, len(columns)), columns)
    steps = np.concatenate([_steps(down[:middle]), _steps(up[middle:])])
    for y in range(middle - 1, -1, -1):
        paths[y] = paths[y + 1] + steps[y, paths[y + 1]]
    for y in range(middle + 1, height):
        paths[y] = paths[y - 1] + steps[y, paths[y - 1]]
    return list(paths.T)


def _steps(sums: Float32[np.ndarray, "h w"]) -> Int8[np.ndarray, "h w"]:
    """Find where a path goes on in each line: -1, 0 or 1 pixels to the right."""
    height, width = sums.shape
    leaning = np.full((height, width + 2), np.inf, np.float32)
    leaning[:, 1:-1] = sums + np.float32(SEGMENTATION.step)
    left, right = leaning[:, :-2], leaning[:, 2:]
    sideways = np.where(left <= right, np.int8(-1), np.int8(1))
    return np.where(sums <= np.minimum(left, right), np.int8(0), sideways)
