"""A line: a text in a writer's digits, with marks of the same pen, laid out."""

from dataclasses import dataclass, replace

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import factor
from digits.training.composition.digit import write_digit
from digits.training.composition.layout import Item, LineInk, lay_out
from digits.training.composition.manner import Manner, draw_manner
from digits.training.composition.strokes import Mark, lean, to_ink
from digits.training.composition.texts import ANY, REPEAT, choose_text
from digits.training.composition.writers import Shape, Writers, stroke_width


@dataclass(frozen=True)
class LineAmounts:
    """Amounts of a line's marks. Pixels are those of MNIST's digits.

    Source: chosen by eye, to look like what people write.
    """

    separator_slant: float = 0.5
    """Slant of separators, in slants of the digits; other marks lean like these."""
    height_deviation: float = 0.08
    """Standard deviation of the logarithm of a mark's height in a line."""
    mark_width: Range = (0.6, 1.05)
    """Width of a mark's strokes, in widths of the pen."""
    bold: Range = (0.6, 1.6)
    """Width of the pen where there are no digits, in widths of the writer's digits' pen."""
    point_width: Range = (0.9, 1.5)
    """Width of a point, in widths of other marks."""
    widest_gap: float = 4.0
    """Mean gap of a writer's digits from which on gaps before marks are smaller, in pixels."""
    mark_gap: float = 0.7
    """Gap before a mark with such writers, in their gaps."""
    least_gap: float = 0.3
    """Least mean gap before a mark, in pixels."""
    gap_deviation: float = 1.0
    """Standard deviation of the gap before a mark, in pixels."""
    part_apart: float = 0.6
    """Part of the marks, separators aside, that stand apart; 0 to 1."""
    apart: Range = (2, 8)
    """Least gap before such a mark, in pixels."""


AMOUNTS = LineAmounts()

TRIALS = 60
"""Number of digits that are looked at for a wanted one; a writer without it writes another."""


def write_line(writers: Writers, random: np.random.Generator) -> LineInk:
    """Write a line: mostly a number with its separators, a date or a sum, sometimes no digits."""
    manner = draw_manner(random)
    shapes = writers.choose(random)
    pen_width = stroke_width(shapes[random.integers(len(shapes))].pixels) * manner.scale
    manner = replace(manner, pen_width=pen_width)
    text = choose_text(random)
    if all(isinstance(entry, Mark) for entry in text):
        manner = replace(manner, pen_width=pen_width * random.uniform(*AMOUNTS.bold))
    items = []
    label = ANY
    for entry in text:
        if isinstance(entry, Mark):
            items.append(write_mark(entry, manner, random))
        else:
            shape = _pick(shapes, label if entry == REPEAT else entry, random)
            label = shape.label
            items.append(write_digit(shape, manner, random))
    return lay_out(items, manner, random)


def write_mark(mark: Mark, manner: Manner, random: np.random.Generator) -> Item:
    """Write a mark in a writer's manner, with the pen of the line."""
    is_separator = mark.symbol != "?"
    slant = AMOUNTS.separator_slant * manner.slant if is_separator else manner.slant
    strokes = lean(mark.write(random), slant)
    height = manner.digit_height * factor(AMOUNTS.height_deviation, random)
    width = manner.pen_width * random.uniform(*AMOUNTS.mark_width)
    if mark.symbol == ".":
        width *= random.uniform(*AMOUNTS.point_width)
    ink, _, top = to_ink(strokes, height, width)
    is_wide = manner.gap >= AMOUNTS.widest_gap
    gap = max(AMOUNTS.least_gap, manner.gap * AMOUNTS.mark_gap if is_wide else abs(manner.gap))
    gap += random.normal(0, AMOUNTS.gap_deviation)
    if not is_separator and random.random() < AMOUNTS.part_apart:
        gap = max(gap, random.uniform(*AMOUNTS.apart))
    return Item(mark.symbol, ink, top, gap * manner.scale)


def _pick(shapes: list[Shape], label: int, random: np.random.Generator) -> Shape:
    """Pick a digit of this label at random; any if it is negative."""
    for _ in range(TRIALS):
        shape = shapes[random.integers(len(shapes))]
        if (label < 0 or shape.label == label) and min(shape.pixels.shape) > 1:
            break
    return shape
