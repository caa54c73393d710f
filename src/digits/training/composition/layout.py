"""Layout: digits and marks put beside each other, as far from ink to ink as their gaps say."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32

from digits.training.augmentation.drawing import Range
from digits.training.composition.manner import Manner
from digits.training.composition.signs import write_ring
from digits.training.composition.strokes import FRACTION_BITS, to_ink

CANVAS_HEIGHT = 160
"""Height of the canvas on which a line is written, in pixels."""

BASELINE = 105
"""Distance of the line below the canvas's upper edge, in pixels."""

FAR_LEFT = -1e3
"""Where the ink of a row of pixels ends that has none."""

Edges = tuple[float, float, float, float]
"""Left, upper, right and lower edge of a box, in pixels."""


@dataclass(frozen=True)
class LayoutAmounts:
    """Amounts of a line's layout.

    Source: chosen by eye, to look like what people write.
    """

    reach: float = 3.0
    """Distance up and down in which ink is kept apart, in pixels before the digits' scale."""
    ink: float = 0.25
    """Ink above which a pixel is kept apart from others; 0 to 1."""
    least_step: float = 0.35
    """Least distance between the middles of neighbours, in widths of the right one."""
    widest_step: int = 16
    """Width above which the right one counts as this wide, in pixels."""
    narrow: int = 5
    """Width up to which an item is narrow, in pixels."""
    narrow_step: float = 2.0
    """Distance by which the middle of a narrow one is farther away at least, in pixels."""
    part_joined: float = 0.07
    """Part of the pairs of zeros that are joined at their tops; 0 to 1."""
    joint_sag: Range = (-2, 4)
    """Distance by which such a joint sags, in pixels."""
    joint_width: float = 0.8
    """Width of such a joint, in widths of the pen."""
    part_ringed: float = 0.06
    """Part of the lines with a single digit that have a ring around it; 0 to 1."""


AMOUNTS = LayoutAmounts()


class Item(NamedTuple):
    """What stands on a line: a symbol, and its ink."""

    symbol: str
    ink: Float32[np.ndarray, "h w"]
    y: float
    """Distance of its upper edge below the digits' top, in pixels."""
    gap: float
    """Distance from the item before it, in pixels."""


@dataclass(frozen=True)
class LineInk:
    """The ink of a line, and what it says."""

    ink: Float32[np.ndarray, "h w"]
    """Ink from 0 to 1."""
    symbols: str
    boxes: list[Edges]
    """Box of each symbol, in pixels of the ink."""
    height: float
    """Typical height of the digits, in pixels: the median of the taller half."""
    pen_width: float
    """Width of the pen, in pixels."""


def lay_out(items: list[Item], manner: Manner, random: np.random.Generator) -> LineInk:
    """Put items beside each other, in a writer's manner.

    Args:
        items: What stands on the line, from left to right.
        manner: The writer's manner.
        random: A generator.
    """
    room = sum(item.ink.shape[1] + abs(item.gap) for item in items)
    canvas = np.zeros((CANVAS_HEIGHT, int(room) + 60), np.float32)
    ends = np.full(CANVAS_HEIGHT, FAR_LEFT, np.float32)  # where the ink of each row ends
    symbols, boxes = "", list[Edges]()
    right, middle = 2.0, 0.0
    for item in items:
        height, width = item.ink.shape
        top = BASELINE - manner.digit_height + item.y + manner.drift * right
        y = int(np.clip(round(top), 0, CANVAS_HEIGHT - height - 1))
        ink = item.ink[: CANVAS_HEIGHT - y]
        height = len(ink)
        x = _touching(ink, y, ends, int(AMOUNTS.reach * manner.scale))
        if x < 0:
            x = right
        # A digit stands beside the one before it, not above or below.
        beside = middle + AMOUNTS.least_step * min(width, AMOUNTS.widest_step)
        beside += 0 if width > AMOUNTS.narrow else AMOUNTS.narrow_step
        x = max(x + item.gap, beside - width / 2, 0.0)
        left = round(x)
        part = canvas[y : y + height, left : left + width]
        np.maximum(part, ink[:, : part.shape[1]], out=part)
        ends[y : y + height] = np.maximum(ends[y : y + height], left + _ends(ink))
        right, middle = max(right, left + width), left + width / 2
        box = (float(left), float(y), float(left + width), float(y + height))
        is_second_zero = symbols[-1:] == "0" == item.symbol
        if is_second_zero and random.random() < AMOUNTS.part_joined:
            _join(canvas, boxes[-1], box, manner, random)
        symbols += item.symbol
        boxes.append(box)
    digits = [box for symbol, box in zip(symbols, boxes, strict=True) if symbol.isdigit()]
    if len(digits) == 1 and random.random() < AMOUNTS.part_ringed:
        _draw_ring(canvas, digits[0], manner, random)
    heights = [box[3] - box[1] for box in digits or boxes] or [manner.digit_height]
    return LineInk(
        canvas[:, : int(right) + 3],
        symbols,
        boxes,
        float(np.median(np.sort(heights)[len(heights) // 2 :])),
        manner.pen_width,
    )


def _touching(
    ink: Float32[np.ndarray, "h w"], y: int, ends: Float32[np.ndarray, " rows"], reach: int
) -> float:
    """Find where an item would touch what stands to its left; far below 0 if it would not.

    Args:
        ink: The item's ink.
        y: Distance of its upper edge from the canvas's, in pixels.
        ends: Where the ink of each row of the canvas ends.
        reach: Distance up and down in which ink is kept apart, in pixels.
    """
    is_ink = ink > AMOUNTS.ink
    begins = np.where(is_ink.any(axis=1), is_ink.argmax(axis=1), ink.shape[1]).astype(np.float32)
    above = max(0, y - reach)
    near = ends[above : y + len(ink) + reach, None]
    near = cv2.dilate(near, np.ones((2 * reach + 1, 1), np.uint8))[:, 0]
    return float((near[y - above : y - above + len(ink)] - begins).max())


def _ends(ink: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, " h"]:
    """Find where the ink of each row ends."""
    is_ink = ink > AMOUNTS.ink
    ends = ink.shape[1] - is_ink[:, ::-1].argmax(axis=1)
    return np.where(is_ink.any(axis=1), ends, FAR_LEFT).astype(np.float32)


def _draw_ring(
    canvas: Float32[np.ndarray, "h w"], box: Edges, manner: Manner, random: np.random.Generator
) -> None:
    """Draw a ring around a digit, in place."""
    left, top, right, bottom = box
    ink, across, down = to_ink(write_ring(random), bottom - top, manner.pen_width)
    x, y = int((left + right) / 2 + across), int(top + down)
    ink = ink[max(0, -y) :, max(0, -x) :]
    view = canvas[max(0, y) : max(0, y) + len(ink), max(0, x) : max(0, x) + ink.shape[1]]
    np.maximum(view, ink[: len(view), : view.shape[1]], out=view)


def _join(
    canvas: Float32[np.ndarray, "h w"],
    first: Edges,
    second: Edges,
    manner: Manner,
    random: np.random.Generator,
) -> None:
    """Join two zeros at their tops, as some writers do, in place."""
    start, end = (((box[0] + box[2]) / 2, box[1] + 1) for box in (first, second))
    sag = random.uniform(*AMOUNTS.joint_sag)
    middle = ((start[0] + end[0]) / 2, max(start[1], end[1]) + sag)
    points = np.rint(np.array([start, middle, end]) * 2**FRACTION_BITS).astype(np.int32)
    thickness = max(1, round(AMOUNTS.joint_width * manner.pen_width))
    cv2.polylines(canvas, [points], False, 1.0, thickness, cv2.LINE_8, FRACTION_BITS)
