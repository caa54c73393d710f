"""Cells: parts of the rules around an empty cell of a form, where nothing is written."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from digits.reading.symbols import LINE_HEIGHT
from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import integer
from digits.training.composition.rules import draw_line


@dataclass(frozen=True)
class CellAmounts:
    """Amounts of empty cells. Lengths are in pixels of the image.

    Source: chosen by eye, to look like forms.
    """

    size: tuple[int, int] = (24, 159)
    """Least and greatest width of a cell's image."""
    rules: tuple[int, int] = (0, 3)
    """Least and greatest number of rules in an empty cell."""
    grey: Range = (0.3, 1)
    """Brightness of these; 0 to 1."""
    width: tuple[int, int] = (1, 3)
    """Least and greatest width of these."""
    part_upright: float = 0.5
    """Part of these that are upright; 0 to 1."""
    edge: float = 8.0
    """Distance from an edge of the image within which two thirds of these are."""
    lean: float = 1.0
    """Standard deviation of half the distance by which an upright one leans."""
    tilt: float = 1.5
    """Standard deviation of the distance by which a level one falls."""


AMOUNTS = CellAmounts()


def draw_cell(random: np.random.Generator) -> Float32[np.ndarray, "40 w"]:
    """Draw an empty cell of a form: paper without ink, with parts of the rules around it."""
    height, width = LINE_HEIGHT, integer(AMOUNTS.size, random)
    image = np.zeros((height, width), np.float32)
    grey, pen = random.uniform(*AMOUNTS.grey), integer(AMOUNTS.width, random)
    for _ in range(integer(AMOUNTS.rules, random)):
        is_upright = random.random() < AMOUNTS.part_upright
        length, edge = width if is_upright else height, AMOUNTS.edge
        places = ((0, edge), (length - edge, length), (0, length))
        place = random.choice([random.uniform(*limits) for limits in places])
        if is_upright:
            lean = random.normal(0, AMOUNTS.lean)
            draw_line(image, (place - lean, -2), (place + lean, height + 2), grey, pen)
        else:
            tilt = random.normal(0, AMOUNTS.tilt)
            draw_line(image, (-2, place), (width + 2, place + tilt), grey, pen)
    return image
