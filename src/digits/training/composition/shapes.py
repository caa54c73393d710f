"""Shapes that are no writing: discs, circles, polygons, and corners of boxes, bare or filled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import integer
from digits.training.composition.strokes import Mark, Stroke, arc, fill, line


@dataclass(frozen=True)
class ShapeAmounts:
    """Amounts of shapes. Lengths and places are in heights of a digit, from its top down.

    Source: chosen by eye, to look like what is printed or drawn beside numbers.
    """

    radius: Range = (0.4, 0.55)
    """Half the height of a circle."""
    stretch: Range = (0.85, 1.15)
    """Width of a shape, in its heights."""
    inner: Range = (0.3, 0.7)
    """Radius of the inner of two circles, in radii of the outer one."""
    cross: Range = (0.8, 1.0)
    """Length of a cross in a circle, in its diameters."""
    corners: tuple[int, int] = (3, 4)
    """Least and greatest number of a polygon's corners."""
    part_filled: float = 0.4
    """Part of the polygons that are filled; 0 to 1."""
    jitter: Range = (-0.08, 0.08)
    """Distance of a polygon's corner from where it belongs."""
    box: Range = (0.8, 1.15)
    """Height of a box."""
    sides: tuple[int, int] = (2, 3)
    """Least and greatest number of sides of a box that are there."""
    overshoot: Range = (0, 0.15)
    """Length by which such a side goes past the corner."""


AMOUNTS = ShapeAmounts()

MIDDLE = 0.5
"""Place of a shape's middle."""


def _circle(radius: float, stretch: float) -> Stroke:
    return arc(0, MIDDLE, radius * stretch, radius, 0, 360)


def _write_disc(random: np.random.Generator) -> list[Stroke]:
    """Draw a filled circle, or ellipse."""
    return fill(_circle(random.uniform(*AMOUNTS.radius), random.uniform(*AMOUNTS.stretch)))


def _write_circles(random: np.random.Generator) -> list[Stroke]:
    """Draw a circle in another."""
    radius, stretch = random.uniform(*AMOUNTS.radius), random.uniform(*AMOUNTS.stretch)
    return [_circle(radius, stretch), _circle(radius * random.uniform(*AMOUNTS.inner), stretch)]


def _write_crossed(random: np.random.Generator) -> list[Stroke]:
    """Draw a circle with a cross in it, at any angle."""
    radius, stretch = random.uniform(*AMOUNTS.radius), random.uniform(*AMOUNTS.stretch)
    half, angle = radius * random.uniform(*AMOUNTS.cross), random.uniform(0, np.pi / 2)
    ends = [
        (half * stretch * np.cos(way), half * np.sin(way)) for way in (angle, angle + np.pi / 2)
    ]
    cross = [line((-x, MIDDLE - y), (x, MIDDLE + y)) for x, y in ends]
    return [_circle(radius, stretch), *cross]


def _write_polygon(random: np.random.Generator) -> list[Stroke]:
    """Draw a polygon of about equal sides, turned at random, bare or filled."""
    radius, count = random.uniform(*AMOUNTS.radius), integer(AMOUNTS.corners, random)
    angles = random.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(count) / count
    at = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    at += random.uniform(*AMOUNTS.jitter, at.shape)
    outline = line(*((x, MIDDLE + y) for x, y in (*at, at[0])))
    return fill(outline) if random.random() < AMOUNTS.part_filled else [outline]


def _write_box(random: np.random.Generator) -> list[Stroke]:
    """Draw some sides of a box, at least two that meet."""
    height = random.uniform(*AMOUNTS.box)
    width, first = height * random.uniform(*AMOUNTS.stretch), int(random.integers(4))
    left, top = -width / 2, MIDDLE - height / 2
    corners = [(left, top), (-left, top), (-left, top + height), (left, top + height)]
    strokes = []
    for side in range(first, first + integer(AMOUNTS.sides, random)):
        (x0, y0), (x1, y1) = corners[side % 4], corners[(side + 1) % 4]
        past = random.uniform(*AMOUNTS.overshoot)
        strokes.append(line((x0 + past * (x0 - x1), y0 + past * (y0 - y1)), (x1, y1)))
    return strokes


WRITE: tuple[Callable[[np.random.Generator], list[Stroke]], ...] = (
    _write_disc, _write_circles, _write_crossed, _write_polygon, _write_box,
)  # fmt: skip

SHAPES = tuple(Mark("?", write) for write in WRITE)
"""Shapes, none of which is like a digit."""
