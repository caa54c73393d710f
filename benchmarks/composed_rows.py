"""Rows composed of MNIST's test digits on grey paper: far apart, touching, with small zeros."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

import digits

SCALE = 2
"""Enlargement of MNIST's images: a digit of 20 pixels is 40 high."""

MARGIN, BASELINE, HEIGHT, WOBBLE = 30, 95, 140, 4
"""Pixels left and right of a row; of its baseline below the top; of the picture; up and down."""

PAPER, INK, NOISE = 225, 55, 3.0
"""Grey levels of paper and ink, and the standard deviation of the noise."""

INKED = 40
"""Least brightness of a pixel, of 255, that the box around a digit contains."""


@dataclass(frozen=True)
class Spacing:
    """How the digits of a row stand."""

    gap: int
    """Pixels between the boxes around two digits; less than 0 where they overlap."""
    zero_height: float = 1.0
    """Height of a zero, in heights of other digits."""


SPACINGS = {
    "clean": Spacing(gap=12),
    "touching": Spacing(gap=0),
    "overlapping": Spacing(gap=-3),
    "small zeros": Spacing(gap=12, zero_height=0.45),
}
"""Kinds of rows, by their names."""


class Row(NamedTuple):
    """A picture of a row of digits."""

    picture: UInt8[np.ndarray, "h w"]
    text: str


def compose_rows(spacing: Spacing, count: int, seed: int = 0) -> Iterator[Row]:
    """Compose rows of 4 to 11 digits each; the same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    test = digits.load("mnist").test
    images, labels = test.images.numpy(), test.labels.numpy()
    for _ in range(count):
        chosen = rng.integers(len(images), size=rng.integers(4, 12))
        glyphs = [
            enlarge(images[index], spacing.zero_height if labels[index] == 0 else 1.0)
            for index in chosen
        ]
        yield Row(_write(glyphs, spacing.gap, rng), "".join(map(str, labels[chosen])))


def tight(image: UInt8[np.ndarray, "28 28"]) -> UInt8[np.ndarray, "h w"]:
    """Cut out the box around the ink of a digit."""
    left, top, width, height = cv2.boundingRect((image > INKED).astype(np.uint8))
    return image[top : top + height, left : left + width]


def enlarge(image: UInt8[np.ndarray, "28 28"], height: float) -> UInt8[np.ndarray, "h w"]:
    """Cut out a digit and enlarge it; the height is in heights of other digits."""
    factor = SCALE * height
    large = cv2.resize(tight(image), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8)


def _write(
    glyphs: list[UInt8[np.ndarray, "_ _"]], gap: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w"]:
    width = sum(glyph.shape[1] for glyph in glyphs) + gap * (len(glyphs) - 1) + 2 * MARGIN
    row = np.zeros((HEIGHT, width), np.uint8)
    left = MARGIN
    for glyph in glyphs:
        height, wide = glyph.shape
        top = BASELINE - height + int(rng.integers(-WOBBLE, WOBBLE + 1))
        spot = row[top : top + height, left : left + wide]
        np.maximum(spot, glyph, out=spot)
        left += wide + gap
    grey = PAPER - (PAPER - INK) * (row / 255) + rng.normal(0, NOISE, row.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def touching_edges(images: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "n 28 28"]:
    """Enlarge each digit until it touches the edges of its picture, as high or as wide as it."""
    side = images.shape[1]
    touching = np.zeros_like(images)
    for picture, image in zip(touching, images, strict=True):
        digit = tight(image)
        factor = side / max(digit.shape)
        height, width = (max(1, round(factor * size)) for size in digit.shape)
        top, left = (side - height) // 2, (side - width) // 2
        picture[top : top + height, left : left + width] = cv2.resize(
            digit, (width, height), interpolation=cv2.INTER_CUBIC
        )
    return touching
