"""Writers: a training set's digits in several writing styles, by the stretch of one writer."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from digits.training.augmentation.drawing import Range
from digits.training.augmentation.styles import change_style


@dataclass(frozen=True)
class WriterAmounts:
    """Amounts of what is taken for one writer's.

    Source: chosen by eye; slant and width of neighbours in MNIST's published order go together
    (docs/experiments.md).
    """

    styled: tuple[float, ...] = (0.0, 1.0, 0.5)
    """Part of the digits that may be written in another style, in each round of the set; 0 to 1."""
    stretch: int = 400
    """Number of neighbouring images that are taken to be of one writer, or of writers alike."""
    ink_level: int = 40
    """Grey level above which a pixel belongs to a digit that is cut out; 0 to 255."""
    stroke_level: int = 100
    """Grey level above which a pixel belongs to a stroke that is measured; 0 to 255."""
    stroke_width: Range = (1.2, 4)
    """Least and greatest width that a stroke is taken to have, in pixels."""
    unknown_width: float = 2.0
    """Width that a stroke without such pixels is taken to have, in pixels."""


AMOUNTS = WriterAmounts()


class Shape(NamedTuple):
    """A digit cut to its ink."""

    pixels: UInt8[np.ndarray, "h w"]
    label: int


class Writers:
    """A training set's digits, in its order, each cut to its ink, in several rounds of styles.

    Args:
        images: Digits, white on black. (n, 28, 28)
        labels: Their labels. (n,)
        seed: Seed of the styles.
    """

    def __init__(
        self, images: UInt8[Tensor, "n 28 28"], labels: Int[Tensor, " n"], *, seed: int
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._rounds = []
        for part in AMOUNTS.styled:
            pixels, kinds = images.float()[:, None], labels.long()
            if part:
                pixels, kinds = change_style(pixels, kinds, part, generator)
            arrays = pixels[:, 0].clamp(0, 255).byte().numpy()
            self._rounds.append(
                [
                    Shape(_cut_to_ink(array), label)
                    for array, label in zip(arrays, kinds.tolist(), strict=True)
                ]
            )

    def choose(self, random: np.random.Generator) -> list[Shape]:
        """Choose digits that one writer may have written, or any two writers may have."""
        shapes = self._rounds[random.integers(len(self._rounds))]
        size = min(AMOUNTS.stretch, len(shapes))
        start = int(random.integers(len(shapes) - size + 1))
        return shapes[start : start + size]


def stroke_width(pixels: UInt8[np.ndarray, "h w"]) -> float:
    """Estimate a digit's stroke width, in pixels: four times the mean depth of its strokes."""
    is_stroke = (pixels > AMOUNTS.stroke_level).astype(np.uint8)
    padded = cv2.copyMakeBorder(is_stroke, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    if not depth.any():
        return AMOUNTS.unknown_width
    return float(np.clip(4 * depth[depth > 0].mean() - 1, *AMOUNTS.stroke_width))


def _cut_to_ink(pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """Cut a digit to the pixels above the level of ink; leave it whole if there are none."""
    rows, columns = np.nonzero(pixels > AMOUNTS.ink_level)
    if not len(rows):
        return pixels
    return np.ascontiguousarray(
        pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    )
