"""Displays: digits of seven segments, as on clocks and meters, which are no handwriting."""

from dataclasses import dataclass

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.strokes import Mark, Stroke, line


@dataclass(frozen=True)
class DisplayAmounts:
    """Amounts of displays.

    Source: chosen by eye, to look like those of clocks and meters.
    """

    gap: Range = (0.06, 0.16)
    """Distance between a segment and the corners, in lengths of a segment."""
    width: Range = (0.8, 1.1)
    """Width of a digit, in lengths of an upright segment."""


AMOUNTS = DisplayAmounts()

SEGMENTS = {
    "a": ((0, 0), (1, 0)),
    "b": ((1, 0), (1, 1)),
    "c": ((1, 1), (1, 2)),
    "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)),
    "f": ((0, 0), (0, 1)),
    "g": ((0, 1), (1, 1)),
}
"""Corners between which each segment lies, x and y, in lengths of a segment."""

LIT = ("abcdef", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abcdefg", "abcdfg")
"""Segments that are lit for each digit, but for 1 and 7, which look like written ones."""


def _write_display(random: np.random.Generator) -> list[Stroke]:
    """Draw a digit of a seven-segment display, whose segments do not touch."""
    lit = LIT[random.integers(len(LIT))]
    gap, wide = random.uniform(*AMOUNTS.gap), random.uniform(*AMOUNTS.width)
    strokes = []
    for name in lit:
        (x0, y0), (x1, y1) = SEGMENTS[name]
        inner = ((1 - gap) * x0 + gap * x1, (1 - gap) * y0 + gap * y1)
        outer = (gap * x0 + (1 - gap) * x1, gap * y0 + (1 - gap) * y1)
        strokes.append(line(*((wide * x / 2, y / 2) for x, y in (inner, outer))))
    return strokes


DISPLAY = Mark("?", _write_display)
"""A digit of a display, which reads as no digit."""
