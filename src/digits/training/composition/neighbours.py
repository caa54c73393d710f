"""Neighbours: ends of other lines and digits, and specks, that reach in at an image's edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Parts, integer, which
from digits.training.composition.strokes import FRACTION_BITS
from digits.training.composition.writers import Writers


@dataclass(frozen=True)
class NeighbourAmounts:
    """Amounts of neighbours. Lengths are in pixels of the image.

    Source: chosen by eye, to look like what is cut out of pages.
    """

    neighbours: tuple[int, int] = (1, 3)
    """Least and greatest number of neighbours of a line that has any."""
    parts: Parts = (0.35, 0.45)
    """Parts of these that are specks, and that are above or below; the others are beside."""
    speck_radius: Range = (0.3, 1.4)
    """Radius of a speck."""
    speck_grey: Range = (0.4, 1)
    """Brightness of a speck; 0 to 1."""
    scale: Range = (0.8, 1.2)
    """Size of a neighbour's digit, in sizes of MNIST's."""
    part_above: float = 0.5
    """Part of those above or below that are above; 0 to 1."""
    reach: Range = (2, 7)
    """Distance by which one above or below reaches in, if the line leaves room."""
    part_left: float = 0.5
    """Part of those beside that are on the left; 0 to 1."""
    reach_beside: Range = (1, 4)
    """Distance by which one beside reaches in."""


AMOUNTS = NeighbourAmounts()


def add_neighbours(
    image: Float32[np.ndarray, "h w"],
    writers: Writers,
    boxes: Float[np.ndarray, "n 4"],
    random: np.random.Generator,
) -> None:
    """Let ends of neighbouring lines and digits, and specks, reach in. Works in place.

    Args:
        image: Contrast to the paper, 0 to 1.
        writers: Digits, one writer's of which the neighbours are.
        boxes: Left, upper, right and lower edge of each symbol, in pixels.
        random: A generator.
    """
    height, width = image.shape
    shapes = writers.choose(random)
    for _ in range(integer(AMOUNTS.neighbours, random)):
        kind = which(AMOUNTS.parts, random)
        if kind == 0:
            _add_speck(image, random)
            continue
        pixels = shapes[random.integers(len(shapes))].pixels.astype(np.float32) / 255
        scale = random.uniform(*AMOUNTS.scale)
        digit = cv2.resize(pixels, None, fx=scale, fy=scale)
        if kind == 1:
            reach = int(random.uniform(*AMOUNTS.reach))
            x = int(random.integers(0, max(1, width - digit.shape[1])))
            near = boxes[(boxes[:, 0] < x + digit.shape[1]) & (boxes[:, 2] > x)]
            if random.random() < AMOUNTS.part_above:
                room = near[:, 1].min() if len(near) else height / 2
                part, y = digit[-max(1, min(reach, int(room) - 1)) :], 0
            else:
                room = height - (near[:, 3].max() if len(near) else height / 2)
                part = digit[: max(1, min(reach, int(room) - 1))]
                y = height - len(part)
        else:
            reach = int(random.uniform(*AMOUNTS.reach_beside))
            if random.random() < AMOUNTS.part_left:
                part, x = digit[:, -reach:], 0
            else:
                part, x = digit[:, :reach], max(0, width - reach)
            y = int(random.integers(0, max(1, height - len(part))))
        view = image[y : y + len(part), x : x + part.shape[1]]
        np.maximum(view, part[: len(view), : view.shape[1]], out=view)


def _add_speck(image: Float32[np.ndarray, "h w"], random: np.random.Generator) -> None:
    """Draw a speck anywhere, in place."""
    height, width = image.shape
    place = random.uniform(0, width), random.uniform(0, height)
    radius, grey = random.uniform(*AMOUNTS.speck_radius), random.uniform(*AMOUNTS.speck_grey)
    x, y, r = (int(value * 2**FRACTION_BITS) for value in (*place, radius))
    cv2.circle(image, (x, y), r, grey, -1, cv2.LINE_8, FRACTION_BITS)
