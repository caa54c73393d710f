"""Ink that was left over: what no symbol covers, so that nothing is lost in silence."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from digits.reading.ink.components import connected_components, typical_height

PART_OF_HEIGHT = 0.25
"""Least size of ink that is told of, in heights of a digit."""

COVERED = 0.5
"""Part of a component's ink that symbols cover, for it to be read."""

MOST = 200
"""Limit on what is told: number of the largest components."""

Box = tuple[float, float, float, float]


class LeftOver(NamedTuple):
    """A component of ink that was not read."""

    kind: str
    """What it is: a rule, a speck, or not a digit."""
    box: Box
    """Left, top, width and height, in pixels of the picture that is read."""


def left_over(
    ink: Bool[np.ndarray, "h w"],
    unruled: Bool[np.ndarray, "h w"],
    boxes: list[Box],
) -> list[LeftOver]:
    """List the ink that no symbol covers, and the ruled lines that were erased.

    Args:
        ink: Where there is ink.
        unruled: The same without ruled lines.
        boxes: Boxes of the symbols that were read: left, top, width and height.
    """
    components = connected_components(unruled)
    _, stats = components
    if boxes:
        height = float(np.median([box[3] for box in boxes]))
    elif len(stats):
        height = typical_height(stats[:, 3], stats[:, 4])
    else:
        height = float(len(ink))
    read = np.zeros(ink.shape, bool)
    for left, top, width, tall in boxes:
        rows = slice(max(0, int(top)), max(0, int(np.ceil(top + tall))))
        read[rows, max(0, int(left)) : max(0, int(np.ceil(left + width)))] = True
    rules = connected_components(ink & ~unruled)
    found = [LeftOver("rule", box) for box in _boxes(rules, height, long=1.0)]
    for box in _boxes(components, height, long=PART_OF_HEIGHT, read=read):
        is_small = max(box[2:]) < 2 * PART_OF_HEIGHT * height
        found.append(LeftOver("speck" if is_small else "not a digit", box))
    return found


def _boxes(
    components: tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n 5"]],
    height: float,
    *,
    long: float,
    read: Bool[np.ndarray, "h w"] | None = None,
) -> list[Box]:
    """Boxes of the components that are long enough, in heights, and were not read."""
    labels, stats = components
    if not len(stats):
        return []
    keep = stats[:, 2:4].max(axis=1) >= long * height
    if read is not None:
        covered = np.bincount(labels[read], minlength=len(stats) + 1)[1:]
        keep &= covered < COVERED * stats[:, 4]
    chosen = stats[keep]
    chosen = chosen[np.argsort(-chosen[:, 4], kind="stable")][:MOST]
    return [(float(x), float(y), float(w), float(h)) for x, y, w, h, _ in chosen]
