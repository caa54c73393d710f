"""Borders: where the picture ends that a line is cut out of, and with it all that is on it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal
from digits.training.composition.strokes import FRACTION_BITS


@dataclass(frozen=True)
class BorderAmounts:
    """Amounts of borders. Lengths are in pixels of the image.

    Source: chosen by eye, to look like what is cut out of cheques.
    """

    part_of_sides: float = 0.6
    """Part of the sides on which the picture ends; 0 to 1."""
    distance: Range = (0.5, 9)
    """Distance of a border from the digits."""
    lean: Normal = (0, 0.25)
    """Distance by which borders left and right lean to the right for each pixel further up."""
    slope: Normal = (0, 0.03)
    """Distance by which borders above and below fall for each pixel across."""


AMOUNTS = BorderAmounts()


def end_picture(
    image: Float32[np.ndarray, "h w"],
    boxes: Float[np.ndarray, "n 4"],
    random: np.random.Generator,
) -> None:
    """End the picture on some sides of its digits: there is nothing beyond. Works in place.

    A line that is cut out of a picture and made upright has its ground, and what is printed on it,
    up to borders that lean.

    Args:
        image: Contrast to the paper, 0 to 1.
        boxes: Left, upper, right and lower edge of each symbol, in pixels.
        random: A generator.
    """
    left, top = boxes[:, :2].min(axis=0)
    right, low = boxes[:, 2:].max(axis=0)
    outwards = np.array([-1, -1, 1, 1])
    ends_there = random.random(4) < AMOUNTS.part_of_sides
    distances = np.where(ends_there, random.uniform(*AMOUNTS.distance, 4), sum(image.shape))
    left, top, right, low = np.array([left, top, right, low]) + outwards * distances
    lean, slope = random.normal(*AMOUNTS.lean), random.normal(*AMOUNTS.slope)
    middle = boxes.mean(axis=0)
    x, y = np.array([(left, top), (right, top), (right, low), (left, low)]).T
    corners = np.stack(
        [x - lean * (y - middle[[1, 3]].mean()), y + slope * (x - middle[[0, 2]].mean())], axis=1
    )
    inside = np.zeros(image.shape, np.uint8)
    fixed = np.round(corners * 2**FRACTION_BITS).astype(np.int32)
    cv2.fillConvexPoly(inside, fixed, 255, cv2.LINE_AA, FRACTION_BITS)
    image *= inside / np.float32(255)
