"""Strokes: the lines and arcs that marks are made of, in heights of a digit, and their ink."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32

Stroke = list[tuple[float, float]]
"""Points of a stroke, x and y, in heights of a digit: y is 0 at a digit's top and 1 at its foot."""

FRACTION_BITS = 4
"""Number of bits after the binary point of the coordinates with which OpenCV draws."""


FILLING = 12
"""Number of copies of an outline that fill it: they are nearer to each other than a pen is wide."""


class Mark(NamedTuple):
    """What stands between or around digits: a separator, a sign, a letter, a display's digit."""

    symbol: str
    """As what it reads."""
    write: Callable[[np.random.Generator], list[Stroke]]
    """Draw its strokes at random."""


def line(*points: tuple[float, float]) -> Stroke:
    """Make a stroke of points, straight from one to the next."""
    return [(float(x), float(y)) for x, y in points]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Make a stroke of points on an ellipse.

    Args:
        x: The ellipse's centre, across.
        y: The ellipse's centre, down.
        rx: Half its width.
        ry: Half its height.
        start: Angle of the first point, in degrees, clockwise from the right.
        end: Angle of the last one.
    """
    angles = np.radians(np.linspace(start, end, 13))
    return [(float(x + rx * np.cos(a)), float(y + ry * np.sin(a))) for a in angles]


def curve(*points: tuple[float, float]) -> Stroke:
    """Make a smooth stroke through points: a uniform Catmull-Rom spline, six parts a piece.

    Source: Catmull and Rom 1974, A class of local interpolating splines.
    """
    known = np.array([points[0], *points, points[-1]])
    at = np.linspace(0, 1, 7)[1:, None]
    stroke = [points[0]]
    for a, b, c, d in zip(known, known[1:], known[2:], known[3:], strict=False):
        smooth = (
            (c - a) * at + (2 * a - 5 * b + 4 * c - d) * at**2 + (3 * b - a - 3 * c + d) * at**3
        )
        stroke += [(x, y) for x, y in (b + smooth / 2).tolist()]
    return stroke


def fill(outline: Stroke) -> list[Stroke]:
    """Fill an outline that is nowhere hollow: by copies of it, each smaller than that before."""
    points = np.array(outline)
    middle = points.mean(axis=0)
    return [
        [(float(x), float(y)) for x, y in middle + size * (points - middle)]
        for size in np.linspace(1, 0, FILLING)
    ]


def lean(strokes: list[Stroke], slant: float) -> list[Stroke]:
    """Move points to the right, by this much for each height of a digit above the digits' foot."""
    return [[(x + slant * (1 - y), y) for x, y in stroke] for stroke in strokes]


def to_ink(
    strokes: list[Stroke], height: float, width: float
) -> tuple[Float32[np.ndarray, "h w"], float, float]:
    """Draw strokes.

    Args:
        strokes: The strokes, in heights of a digit.
        height: Height of a digit, in pixels.
        width: Width of the pen, in pixels; below 1, the ink is paler.

    Returns:
        Ink from 0 to 1, and how far its left and upper edges are from the origin, in pixels.
    """
    points = [np.array(stroke, np.float64) * height for stroke in strokes]
    margin = width / 2 + 1
    low = np.min([p.min(axis=0) for p in points], axis=0) - margin
    size = np.max([p.max(axis=0) for p in points], axis=0) + margin - low
    canvas = np.zeros((int(np.ceil(size[1])) + 1, int(np.ceil(size[0])) + 1), np.uint8)
    fixed = [np.rint((p - low) * 2**FRACTION_BITS).astype(np.int32) for p in points]
    cv2.polylines(canvas, fixed, False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION_BITS)
    ink = canvas.astype(np.float32) / 255
    return ink * min(1.0, width), float(low[0]), float(low[1])
