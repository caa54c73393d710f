"""Forms of digits that MNIST has few of (allographs), as strokes: a nine like a question mark."""

from dataclasses import dataclass

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal
from digits.training.composition.strokes import Stroke, curve, line

Allograph = list[Stroke]
"""Strokes of a digit, in heights of a digit; parts of a stroke meet where they have a corner."""


@dataclass(frozen=True)
class AllographAmounts:
    """Amounts in which digits of an allograph differ. Lengths are in heights of a digit.

    Source: chosen by eye, to look like what people write.
    """

    width: Range = (0.7, 1.3)
    """Width of a digit, in widths of its allograph."""
    jitter: Normal = (0, 0.04)
    """Distance of a point from where it belongs."""
    bow: Normal = (0, 0.08)
    """Distance by which the middle of a digit is to the right of its top and foot."""


AMOUNTS = AllographAmounts()

ALLOGRAPHS: dict[int, tuple[Allograph, ...]] = {
    1: (
        # Like an l: the upstroke turns into the stem.
        [[(-0.25, 0.6), (-0.08, 0.45), (0.1, 0.12), (0.06, 0), (0, 0.12), (-0.02, 0.55), (0, 1)]],
        # The upstroke begins with a wave.
        [[(-0.46, 0.66), (-0.38, 0.52), (-0.28, 0.54), (0, 0)], [(0, 0), (-0.08, 1)]],
    ),
    4: (
        # Like an h: the bar is an arch.
        [
            [(0.24, 0), (0.1, 0.4), (0, 0.78)],
            [(0, 0.78), (0.13, 0.54), (0.32, 0.45), (0.42, 0.58), (0.38, 1)],
        ],
        # A wide angle, and a stem apart.
        [[(0.06, 0), (0, 0.35), (0, 0.55)], [(0, 0.55), (0.62, 0.5)], [(0.6, 0.12), (0.4, 1.05)]],
    ),
    5: (
        # Like a tick, by a stroke at its top.
        [
            [(0, 0.55), (0.08, 0.62), (0.16, 0.98)],
            [(0.16, 0.98), (0.4, 0.08)],
            [(0.4, 0.08), (0.85, 0)],
        ],
        # Without a belly: a stem with a hook.
        [
            [(0.75, 0), (0.32, 0.05)],
            [(0.32, 0.05), (0.3, 0.5), (0.3, 0.82), (0.16, 1), (-0.02, 0.9)],
        ],
    ),
    7: (
        # Like a t: a short wave at its top, and a long bar.
        [
            [(0.1, 0.2), (0.18, 0.08), (0.3, 0.1), (0.45, 0.02)],
            [(0.45, 0.02), (0.22, 1)],
            [(0.02, 0.55), (0.62, 0.48)],
        ],
    ),
    8: (
        # Open at its top.
        [
            [
                (0.52, 0.04), (0.26, 0), (0.08, 0.18), (0.3, 0.48), (0.48, 0.78), (0.26, 1),
                (0.06, 0.8), (0.3, 0.5), (0.6, 0.14),
            ],
        ],
    ),
    9: (
        # Like a question mark: the tail begins where the loop crosses itself.
        [
            [
                (0.44, 0.46), (0.14, 0.4), (0.04, 0.2), (0.22, 0.02), (0.46, 0.07), (0.48, 0.22),
                (0.36, 0.44), (0.46, 0.62), (0.5, 0.8), (0.36, 0.98),
            ],
        ],
        # Like a rho: the stem is on the left, and the loop is drawn last.
        [
            [
                (-0.02, 1), (0.14, 0.8), (0.2, 0.4), (0.26, 0.1), (0.44, 0), (0.62, 0.14),
                (0.54, 0.38), (0.28, 0.48), (0.12, 0.4),
            ],
        ],
        # Like an 8 that is open at its foot.
        [
            [(0.5, 0.12), (0.28, 0), (0.08, 0.16), (0.2, 0.42), (0.46, 0.36), (0.5, 0.14)],
            [(0.5, 0.14), (0.32, 0.5), (0.42, 0.75), (0.4, 1)],
        ],
    ),
}  # fmt: skip
"""Forms of each digit that has any."""


def write_allograph(allograph: Allograph, random: np.random.Generator) -> list[Stroke]:
    """Write a digit of an allograph, distorted: its strokes, in heights of a digit."""
    wide, bow = random.uniform(*AMOUNTS.width), random.normal(*AMOUNTS.bow)
    moved: dict[tuple[float, float], tuple[float, float]] = {}
    strokes = []
    for stroke in allograph:
        for x, y in stroke:
            if (x, y) not in moved:  # what meets stays together
                dx, dy = random.normal(*AMOUNTS.jitter, 2)
                moved[x, y] = (wide * x + 4 * bow * y * (1 - y) + dx, y + dy)
        points = [moved[point] for point in stroke]
        strokes.append(curve(*points) if len(points) > 2 else line(*points))
    return strokes
