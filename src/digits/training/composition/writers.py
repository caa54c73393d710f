"""Writers: a training set's digits in several writing styles, a stretch of which is of one writer."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from digits.training.augmentation.styles import change_style

ROUNDS = (0.0, 1.0, 0.5)
"""Parts of the digits that may be written in another style, in each round of the set."""

STRETCH = 400
"""Neighbouring images that are taken to be of one writer, or of writers that are alike.

Source: slant and width of neighbours in MNIST's published order go together (docs/experiments.md).
"""

INK_LEVEL = 40
"""Grey level above which a pixel belongs to a digit's ink, when it is cut out."""


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

    def __init__(self, images: Tensor, labels: Tensor, *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._rounds = []
        for part in ROUNDS:
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

    def stretch(self, random: np.random.Generator) -> list[Shape]:
        """Choose digits that one writer may have written, or any two writers may have."""
        shapes = self._rounds[random.integers(len(self._rounds))]
        size = min(STRETCH, len(shapes))
        start = int(random.integers(len(shapes) - size + 1))
        return shapes[start : start + size]


def _cut_to_ink(pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    rows, columns = np.nonzero(pixels > INK_LEVEL)
    if not len(rows):
        return pixels
    return np.ascontiguousarray(
        pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    )
