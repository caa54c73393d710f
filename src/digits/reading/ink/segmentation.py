"""Rows to pieces: seams that cross little ink, and the glyphs between any two of them.

A seam runs from the top of a row to its bottom, and leans as digits do. Where digits touch, it
crosses ink; whether a seam parts two digits or one is for the network to judge.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, Int8, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from digits.reading.ink.binarization import Ink
from digits.reading.ink.glyphs import SIZE, frame, strength
from digits.reading.ink.layout import Word

HEIGHT = 48
"""Rows are cut at this height of a typical digit, in pixels."""

MAX_INK = 16.0
"""Seams that cross more ink than this are not tried, in full strokes of a pixel each."""

MIN_GAP = 0.12
"""Between two seams that cross ink, in heights of a digit."""

LEANING = 0.006
"""What a seam pays for each pixel to the side, in full strokes of a pixel."""

SLANTS = (0.0, 0.3)
"""Of straight seams, in pixels to the left for each pixel down."""

WAIST_REACH, WAIST_RISE = 0.2, 0.12
"""How far on both sides ink must be higher, and by how much, in heights of a digit."""

WIDEST = 1.9
"""A digit is at most this wide, in heights."""

SMALLEST = 0.42
"""What is less high is no digit but a dash or a comma, in heights."""


@dataclass(frozen=True)
class Candidate:
    """The ink between two seams: what may be one digit."""

    first: int
    last: int
    """Seams, by their numbers from the left."""
    pixels: UInt8[np.ndarray, "28 28"]
    """As a glyph; black if it can't be a digit."""
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""
    width: float
    """In heights of the row's digits."""
    height: float
    gap: float
    """Widest empty space inside, in the same."""

    @property
    def is_small(self) -> bool:
        """Whether it is too small for a digit: a dash, a comma, nothing."""
        return max(self.height, self.width / 2) < SMALLEST

    @property
    def may_be_digit(self) -> bool:
        """Whether its size is that of a digit."""
        return not self.is_small and self.width <= WIDEST


@dataclass(frozen=True)
class Pieces:
    """A row, cut at every place where one may cut."""

    crossed: list[float]
    """Ink that each seam crosses, in heights of a digit; the first and the last are the ends."""
    candidates: list[Candidate]


def cut(row: Word, ink: Ink) -> Pieces:
    """Cut a row at all seams worth trying, and frame all that may be a digit."""
    scale = HEIGHT / row.height
    height, width = (max(1, round(side * scale)) for side in row.mask.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    amounts = strength(row.contrast, row.mask, ink)
    amounts = np.asarray(cv2.resize(amounts, (width, height), interpolation=method), np.float32)
    seams, crossed = _seams(amounts)
    ends = [np.zeros(height, int), *seams, np.full(height, width)]
    return Pieces([0.0, *crossed, 0.0], list(_between(row, amounts, ends, scale)))


def _between(
    row: Word,
    amounts: Float32[np.ndarray, "h w"],
    seams: list[Int[np.ndarray, " h"]],
    scale: float,
) -> Iterator[Candidate]:
    """What lies between any two seams that are not too far from each other."""
    mask = amounts > 0.3
    x = np.arange(amounts.shape[1])
    for first, left in enumerate(seams):
        for last in range(first + 1, len(seams)):
            right = seams[last]
            low, high = max(0, int(left.min())), int(right.max())
            window = slice(low, max(low + 1, high))
            inside = (x[window] >= left[:, None]) & (x[window] < right[:, None])
            own = mask[:, window] & inside
            box = cv2.boundingRect(own.astype(np.uint8))
            if box[2] > WIDEST * HEIGHT and last > first + 1:
                break
            yield _candidate(row, amounts[:, window] * inside, own, (first, last), low, scale)


def _candidate(
    row: Word,
    amounts: Float32[np.ndarray, "h w"],
    own: Bool[np.ndarray, "h w"],
    seams: tuple[int, int],
    offset: int,
    scale: float,
) -> Candidate:
    left, top, width, height = cv2.boundingRect(own.astype(np.uint8))
    box = tuple(round(value / scale) for value in (left + offset, top, width, height))
    columns = np.flatnonzero(own.any(axis=0))
    candidate = Candidate(
        *seams,
        pixels=np.zeros((SIZE, SIZE), np.uint8),
        box=row.box_in_picture((box[0], box[1], box[2], box[3])),
        width=width / HEIGHT,
        height=height / HEIGHT,
        gap=(int(np.diff(columns).max(initial=1)) - 1) / HEIGHT,
    )
    if not candidate.may_be_digit:
        return candidate
    window = slice(top, top + height), slice(left, left + width)
    soft = cv2.dilate(own[window].astype(np.uint8), np.ones((3, 3), np.uint8))
    return replace(candidate, pixels=frame(amounts[window] * soft, own[window]))


def _seams(
    amounts: Float32[np.ndarray, "h w"],
) -> tuple[list[Int[np.ndarray, " h"]], list[float]]:
    """Paths from top to bottom, from left to right, and the ink that each crosses, in heights."""
    height, width = amounts.shape
    cost = amounts + np.float32(0.01)
    down, up = _path_costs(cost), _path_costs(cost[::-1])[::-1]
    middle = height // 2
    total = down[middle] + up[middle] - cost[middle]
    ink = np.maximum(total - 0.01 * height, 0)
    seams = _traces(down, up, _minima(total, ink, round(MIN_GAP * HEIGHT)))
    lines = np.arange(height)
    for slant in SLANTS:
        for seam in _at_waists(amounts, slant):
            if all(np.abs(seam - other).mean() > 3 for other in seams):
                seams.append(seam)
    seams.sort(key=lambda seam: float(seam.mean()))
    crossed = [float(amounts[lines, np.clip(seam, 0, width - 1)].sum()) for seam in seams]
    return seams, [total / HEIGHT for total in crossed]


def _at_waists(amounts: Float32[np.ndarray, "h w"], slant: float) -> list[Int[np.ndarray, " h"]]:
    """Straight seams where the ink is less high than on both sides: where two rounds touch.

    Args:
        amounts: Of ink, 0 to 1.
        slant: Of the seams, in pixels to the left for each pixel down.
    """
    height, width = amounts.shape
    shift = np.rint(slant * (height / 2 - np.arange(height))).astype(int)
    pad = int(np.abs(shift).max()) + 1
    straight = np.zeros((height, width + 2 * pad), bool)
    for y in range(height):
        straight[y, pad - shift[y] : pad - shift[y] + width] = amounts[y] > 0.3
    has_ink = np.asarray(straight.any(axis=0))
    first = straight.argmax(axis=0)
    last = height - 1 - straight[::-1].argmax(axis=0)
    extent = np.where(has_ink, last - first + 1, 0)
    reach = round(WAIST_REACH * HEIGHT)
    if len(extent) <= 2 * reach:
        return []
    near = sliding_window_view(extent, 2 * reach + 1)
    middle = slice(reach, len(extent) - reach)
    low, rise = extent[middle], WAIST_RISE * HEIGHT
    is_waist = (
        has_ink[middle]
        & (low == near.min(axis=1))
        & (near[:, :reach].max(axis=1) > low + rise)
        & (near[:, reach + 1 :].max(axis=1) > low + rise)
        & (straight[:, middle].sum(axis=0) <= MAX_INK)
    )
    seams = [x + reach - pad + shift for x in np.flatnonzero(is_waist)]
    # Of neighbours that are equally low, the one in the middle.
    kept: list[list[Int[np.ndarray, " h"]]] = []
    for seam in seams:
        if kept and seam[0] - kept[-1][-1][0] <= 1:
            kept[-1].append(seam)
        else:
            kept.append([seam])
    return [run[len(run) // 2] for run in kept]


def _path_costs(cost: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Least cost of a path from the first line to each pixel; leaning costs a little more."""
    height, width = cost.shape
    sums = np.full((height, width + 2), np.inf, np.float32)
    sums[:, 1:-1] = cost
    leaning = np.empty(width, np.float32)
    for above, here in itertools.pairwise(sums):
        np.minimum(above[:-2], above[2:], out=leaning)
        leaning += np.float32(LEANING)
        here[1:-1] += np.minimum(leaning, above[1:-1], out=leaning)
    return sums[:, 1:-1]


def _minima(
    total: Float32[np.ndarray, " w"], ink: Float32[np.ndarray, " w"], distance: int
) -> list[int]:
    """Where seams are worth trying: the middle of each gap, and lowest places between."""
    free = ink <= 0.3
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(np.int8), [0]])))
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    chosen = [int(a + b - 1) // 2 for a, b in gaps if a > 0 and b < len(total)]
    if len(total) <= 2 * distance:
        return chosen
    taken = np.array(free)
    around = sliding_window_view(total, 2 * distance + 1).min(axis=1)
    middle = slice(distance, len(total) - distance)
    lowest = distance + np.flatnonzero((total[middle] <= around) & (ink[middle] <= MAX_INK))
    for x in lowest[np.argsort(total[lowest], kind="stable")]:
        if not taken[x - distance : x + distance + 1].any():
            chosen.append(int(x))
            taken[x] = True
    return chosen


def _traces(
    down: Float32[np.ndarray, "h w"], up: Float32[np.ndarray, "h w"], places: list[int]
) -> list[Int[np.ndarray, " h"]]:
    """The paths of least cost through pixels of the middle line."""
    if not places:
        return []
    height = len(down)
    middle = height // 2
    paths = np.full((height, len(places)), places)
    steps = np.concatenate([_steps(down[:middle]), _steps(up[middle:])])
    for y in range(middle - 1, -1, -1):
        paths[y] = paths[y + 1] + steps[y, paths[y + 1]]
    for y in range(middle + 1, height):
        paths[y] = paths[y - 1] + steps[y, paths[y - 1]]
    return list(paths.T)


def _steps(sums: Float32[np.ndarray, "h w"]) -> Int8[np.ndarray, "h w"]:
    """Where a path goes on in each line, coming from beside it: -1, 0 or 1 pixels to the right."""
    height, width = sums.shape
    leaning = np.full((height, width + 2), np.inf, np.float32)
    leaning[:, 1:-1] = sums + np.float32(LEANING)
    left, right = leaning[:, :-2], leaning[:, 2:]
    sideways = np.where(left <= right, np.int8(-1), np.int8(1))
    return np.where(sums <= np.minimum(left, right), np.int8(0), sideways)
