"""Paper: a line put on paper, and seen as the reader sees it, with digits of about 20 pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from digits.reading.symbols import DIGIT_HEIGHT, LINE_HEIGHT
from digits.training.augmentation.drawing import Range
from digits.training.composition.borders import end_picture
from digits.training.composition.cells import draw_cell
from digits.training.composition.chance import Normal, factor
from digits.training.composition.ground import add_ground
from digits.training.composition.layout import Edges, LineInk
from digits.training.composition.neighbours import add_neighbours
from digits.training.composition.pen import redraw
from digits.training.composition.rules import draw_rules, erase_line
from digits.training.composition.writers import Writers


@dataclass(frozen=True)
class PaperAmounts:
    """Amounts of a line's place on its image, and of what else is there.

    Source: chosen by eye, to look like what is cut out of forms and pages.
    """

    height_deviation: float = 0.15
    """Standard deviation of the logarithm of the digits' height, in 20 pixels."""
    stretch_deviation: float = 0.06
    """Standard deviation of the logarithm of how much wider a line becomes than taller."""
    padding: Range = (2, 14)
    """Paper before and after the line, in pixels."""
    shift: Normal = (0, 1.8)
    """Distance of the line below the middle of the image, in pixels."""
    antialiasing: float = 0.45
    """Standard deviation of the blur before a line is made smaller, in pixels beyond the first."""
    pen_width: Range = (0.5, 1.1)
    """Width of rules drawn with the line's pen, in its widths."""
    part_clean: float = 0.5
    """Part of the lines that are seen as they were written, with nothing around; 0 to 1."""
    clean_strength: Range = (0.7, 1.1)
    """Strength of their ink, in full strokes."""
    part_with_neighbours: float = 0.35
    """Part of the lines into whose images others reach; 0 to 1."""
    part_with_rules: float = 0.38
    """Part of the lines on ruled paper or in forms; 0 to 1."""
    part_erased: float = 0.06
    """Part of the lines that a ruled line crossed which was erased; 0 to 1."""
    part_at_borders: float = 0.35
    """Part of the lines near which the picture ends; 0 to 1."""


AMOUNTS = PaperAmounts()


def to_image(
    line: LineInk, writers: Writers, random: np.random.Generator
) -> tuple[Float32[np.ndarray, "40 w"], list[Edges]]:
    """Put a line on paper, and see it as the reader sees it: digits of about 20 pixels.

    Args:
        line: The line; without symbols, the paper is an empty cell of a form.
        writers: Digits that neighbouring lines are made of.
        random: A generator.

    Returns:
        Contrast to the paper, 0 to 1; and the box of each symbol on it.
    """
    is_clean = random.random() < AMOUNTS.part_clean
    ink = line.ink if is_clean else redraw(line.ink, random)
    if not line.boxes:
        image = draw_cell(random)
        add_ground(image, random)
        return np.clip(image, 0, 1), []
    boxes = np.array(line.boxes)
    middle = (boxes[:, 1].min() + boxes[:, 3].max()) / 2
    centre = random.choice([middle, np.median(boxes[:, [1, 3]].mean(axis=1))])
    scale = DIGIT_HEIGHT * factor(AMOUNTS.height_deviation, random) / line.height
    stretch = factor(AMOUNTS.stretch_deviation, random)
    padding = random.uniform(*AMOUNTS.padding, 2)
    width = int(ink.shape[1] * scale * stretch + padding.sum()) + 1
    shift = LINE_HEIGHT / 2 + random.normal(*AMOUNTS.shift) - centre * scale
    matrix = np.array([[scale * stretch, 0, padding[0]], [0, scale, shift]], np.float32)
    if scale < 1:
        ink = cv2.GaussianBlur(ink, (0, 0), AMOUNTS.antialiasing * (1 / scale - 1) + 0.01)
    image = cv2.warpAffine(ink, matrix, (width, LINE_HEIGHT))
    boxes *= [matrix[0, 0], scale, matrix[0, 0], scale]
    boxes += [padding[0], shift, padding[0], shift]
    pen_width = max(1, round(line.pen_width * scale * random.uniform(*AMOUNTS.pen_width)))
    if is_clean:
        image = image * np.float32(random.uniform(*AMOUNTS.clean_strength))
    else:
        _spoil(image, boxes, pen_width, writers, random)
    return np.clip(image, 0, 1), [
        (left, top, right, low) for left, top, right, low in boxes.tolist()
    ]


def _spoil(
    image: Float32[np.ndarray, "40 w"],
    boxes: Float[np.ndarray, "n 4"],
    pen_width: int,
    writers: Writers,
    random: np.random.Generator,
) -> None:
    """Put what is around lines on an image, and the ground under it. Works in place."""
    if random.random() < AMOUNTS.part_with_neighbours:
        add_neighbours(image, writers, boxes, random)
    if random.random() < AMOUNTS.part_with_rules:
        draw_rules(image, boxes, pen_width, random)
    if random.random() < AMOUNTS.part_erased:
        erase_line(image, boxes, random)
    add_ground(image, random)
    if random.random() < AMOUNTS.part_at_borders:
        end_picture(image, boxes, random)
