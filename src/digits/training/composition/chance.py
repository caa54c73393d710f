"""Chance: which of several things happens, numbers about 1, smooth random fields."""

from itertools import accumulate

import cv2
import numpy as np
from jaxtyping import Float32

Normal = tuple[float, float]
"""Mean and standard deviation of a number that is drawn from a normal distribution."""

Parts = tuple[float, ...]
"""Parts, 0 to 1, of what is chosen among; what they leave of 1 is for none of it."""


def limits(parts: Parts) -> list[float]:
    """Sum up parts: where the range from 0 to 1 ends that each of them takes."""
    return list(accumulate(parts))


def which(parts: Parts, random: np.random.Generator) -> int:
    """Choose at random by parts.

    Returns:
        The index of a part; the number of parts for what they leave.
    """
    drawn = random.random()
    return sum(drawn >= limit for limit in limits(parts))


def integer(bounds: tuple[int, int], random: np.random.Generator) -> int:
    """Draw an integer from the least to the greatest, both inclusive."""
    least, most = bounds
    return int(random.integers(least, most + 1))


def factor(deviation: float, random: np.random.Generator) -> float:
    """Draw a number about 1, whose natural logarithm has this standard deviation."""
    return float(np.exp(random.normal(0, deviation)))


def smooth_field(
    shape: tuple[int, ...], points: tuple[int, int], random: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Draw a smooth random field of about unit variance.

    Args:
        shape: Height and width of the field, in pixels.
        points: Number of points down and across that are drawn; the field is bicubic between them.
        random: A generator.
    """
    drawn = random.normal(0, 1, points).astype(np.float32)
    return cv2.resize(drawn, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
