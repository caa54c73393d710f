"""Joined ink: on which component of it a symbol stands, so that those on the same one are known."""

import numpy as np
from jaxtyping import Bool

from digits.reading.ink.components import connected_components

Box = tuple[float, float, float, float]


def components_under(mask: Bool[np.ndarray, "h w"], boxes: list[Box]) -> list[int]:
    """Find the component on which each symbol stands.

    Args:
        mask: Where there is ink.
        boxes: Boxes of the symbols: left, top, width and height, in pixels.

    Returns:
        The number of the component that has the most ink in each box, from 1; 0 if there is none.
    """
    corners = np.array([(x, y, x + width, y + height) for x, y, width, height in boxes])
    limits = np.array(mask.shape[::-1] * 2)
    left, top, right, bottom = np.clip(np.rint(corners), 0, limits).astype(int).T
    window = slice(top.min(), bottom.max()), slice(left.min(), right.max())
    labels, stats = connected_components(mask[window])
    found = []
    for x0, y0, x1, y1 in zip(left, top, right, bottom, strict=True):
        own = labels[
            y0 - window[0].start : y1 - window[0].start, x0 - window[1].start : x1 - window[1].start
        ]
        counts = np.bincount(own.ravel(), minlength=len(stats) + 1)
        counts[0] = 0
        found.append(int(counts.argmax()))
    return found
