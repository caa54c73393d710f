"""Rows to pieces: seams that cross little ink, and the glyphs between any two of them.

A seam runs from the top of a row to its bottom, and leans as digits do. Where digits touch, it
crosses ink; whether a seam parts two digits or one is for the network to judge.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from digits.ink.glyphs import frame, strength
from digits.ink.marks import Row
from digits.ink.strokes import Ink

HEIGHT = 48
"""Rows are cut at this height of a typical digit, in pixels."""

MAX_INK = 12.0
"""Seams that cross more ink than this are not tried, in full strokes of a pixel each."""

MIN_GAP = 0.12
"""Between two seams that cross ink, in heights of a digit."""

MAX_JOINED = 6
"""Pieces that can make one digit."""

WIDEST = 1.9
"""A digit is at most this wide, in heights."""

SMALLEST = 0.42
"""What is less high is no digit but a dash or a comma, in heights."""


@dataclass(frozen=True)
class Candidate:
    """Pieces that may be one digit."""

    first: int
    last: int
    """Pieces `first` to `last - 1`."""
    pixels: UInt8[np.ndarray, "28 28"]
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""
    width: float
    """In heights of the row's digits."""
    height: float
    gap: float
    """Widest empty space inside, in the same."""


@dataclass(frozen=True)
class Pieces:
    """A row, cut at every place where one may cut."""

    count: int
    candidates: list[Candidate]
    crossed: Float[np.ndarray, " n"]
    """Ink that the seam before each piece crosses, in heights of a digit; and after the last."""
    is_small: list[bool]
    """Of each piece, whether it is too small for a digit."""


def cut(row: Row, ink: Ink) -> Pieces:
    """Cut a row at all seams worth trying, and frame all that may be a digit."""
    scale = HEIGHT / row.height
    height, width = (max(1, round(side * scale)) for side in row.mask.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    amounts = strength(row.contrast, row.mask, ink)
    amounts = np.asarray(cv2.resize(amounts, (width, height), interpolation=method), np.float32)
    seams, crossed = _seams(amounts)
    # A pixel belongs to the piece after as many seams as are on its left.
    number = np.zeros((height, width), np.int32)
    for seam in seams:
        number += np.arange(width)[None, :] >= seam[:, None]
    return _pieces(row, amounts, number, np.array([0.0, *crossed, 0.0]), scale)


def _seams(
    amounts: Float32[np.ndarray, "h w"],
) -> tuple[list[Int[np.ndarray, " h"]], list[float]]:
    """Paths of least ink through a row, from left to right, and what each crosses."""
    height = len(amounts)
    cost = amounts + np.float32(0.01)
    down, up = _path_costs(cost), _path_costs(cost[::-1])[::-1]
    middle = height // 2
    total = down[middle] + up[middle] - cost[middle]
    ink = np.maximum(total - 0.01 * height, 0)
    chosen = _minima(total, ink, round(MIN_GAP * HEIGHT))
    seams = [_trace(down, up, middle, x) for x in chosen]
    order = sorted(range(len(seams)), key=lambda index: float(seams[index].mean()))
    return [seams[i] for i in order], [float(ink[chosen[i]]) / HEIGHT for i in order]


def _path_costs(cost: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Least cost of a path from the first line to each pixel; leaning costs a little more."""
    sums = cost.copy()
    for y in range(1, len(cost)):
        above = np.pad(sums[y - 1], 1, constant_values=np.inf)
        least = np.minimum(np.minimum(above[:-2], above[2:]) + np.float32(0.006), above[1:-1])
        sums[y] += least
    return sums


def _minima(
    total: Float32[np.ndarray, " w"], ink: Float32[np.ndarray, " w"], distance: int
) -> list[int]:
    """Where seams are worth trying: the middle of each gap, and lowest places between."""
    free = ink <= 0.3
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(np.int8), [0]])))
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    chosen = [int(a + b - 1) // 2 for a, b in gaps if a > 0 and b < len(total)]
    taken = np.array(free)
    for x in np.argsort(total, kind="stable"):
        if ink[x] > MAX_INK:
            break
        near = slice(max(0, x - distance), x + distance + 1)
        if taken[near].any() or x < distance or x >= len(total) - distance:
            continue
        if total[x] > total[near].min():
            continue
        chosen.append(int(x))
        taken[x] = True
    return chosen


def _trace(
    down: Float32[np.ndarray, "h w"], up: Float32[np.ndarray, "h w"], middle: int, x: int
) -> Int[np.ndarray, " h"]:
    """The path of least cost through a pixel of the middle line."""
    height, width = down.shape
    path = np.full(height, x)
    for step, sums in ((-1, down), (1, up)):
        here = x
        for y in range(middle + step, -1 if step < 0 else height, step):
            options = [here, max(0, here - 1), min(width - 1, here + 1)]
            costs = [sums[y, options[0]], *(sums[y, o] + 0.006 for o in options[1:])]
            here = options[int(np.argmin(costs))]
            path[y] = here
    return path


def _pieces(
    row: Row,
    amounts: Float32[np.ndarray, "h w"],
    number: Int[np.ndarray, "h w"],
    crossed: Float[np.ndarray, " n"],
    scale: float,
) -> Pieces:
    mask = amounts > 0.3
    columns: list[tuple[int, int, int, int]] = []
    kept = []
    for piece in range(len(crossed) - 1):
        box = cv2.boundingRect((mask & (number == piece)).astype(np.uint8))
        if box[2] * box[3] >= 4:
            kept.append(piece)
            columns.append(box)
    candidates, is_small = [], []
    for first, piece in enumerate(kept):
        is_small.append(max(columns[first][2], columns[first][3]) < SMALLEST * HEIGHT)
        for last in range(first + 1, min(first + MAX_JOINED, len(kept)) + 1):
            boxes = columns[first:last]
            left, right = min(b[0] for b in boxes), max(b[0] + b[2] for b in boxes)
            top, bottom = min(b[1] for b in boxes), max(b[1] + b[3] for b in boxes)
            if last - first > 1 and right - left > WIDEST * HEIGHT:
                break
            if max(bottom - top, 0.5 * (right - left)) < SMALLEST * HEIGHT:
                continue
            window = slice(top, bottom), slice(left, right)
            inside = (number[window] >= piece) & (number[window] <= kept[last - 1])
            own = mask[window] & inside
            soft = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) * inside
            box = tuple(round(value / scale) for value in (left, top, right - left, bottom - top))
            spaces = [b[0] - a[0] - a[2] for a, b in pairwise(boxes)]
            candidates.append(
                Candidate(
                    first,
                    last,
                    frame(amounts[window] * soft, own),
                    row.box_in_picture(box),
                    (right - left) / HEIGHT,
                    (bottom - top) / HEIGHT,
                    max(0, *spaces, 0) / HEIGHT,
                )
            )
    ends = [crossed[piece] for piece in kept] + [crossed[kept[-1] + 1] if kept else 0.0]
    return Pieces(len(kept), candidates, np.array(ends), is_small)
