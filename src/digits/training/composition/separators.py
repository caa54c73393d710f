"""Separators between and after digits: points, commas, apostrophes, dashes, slashes."""

from dataclasses import dataclass

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal
from digits.training.composition.strokes import Mark, Stroke, line


@dataclass(frozen=True)
class SeparatorAmounts:
    """Amounts of separators. Lengths and places are in heights of a digit, from its top down.

    Source: chosen by eye, to look like what people write.
    """

    part_on_line: float = 0.8
    """Part of the points that stand on the line; 0 to 1."""
    point_y: Normal = (0.95, 0.06)
    """Place of a point on the line."""
    raised_y: Range = (0.4, 0.8)
    """Place of a point above it."""
    point_length: Range = (0, 0.07)
    """Length of a point."""
    point_fall: Range = (-0.05, 0.05)
    """Distance of a point's end below its beginning."""
    comma_y: Normal = (0.92, 0.07)
    """Place where a comma begins."""
    comma_height: Range = (0.13, 0.42)
    """Height of a comma."""
    comma_lean: Range = (-0.1, 0.9)
    """Distance of a comma's end to the left of its beginning, in its heights."""
    comma_bend: Range = (0, 0.1)
    """Distance by which a comma bends to the right."""
    apostrophe_y: Range = (-0.15, 0.25)
    """Place where an apostrophe begins."""
    apostrophe_height: Range = (0.1, 0.3)
    """Height of an apostrophe."""
    apostrophe_lean: Range = (-0.3, 0.8)
    """Distance of its end to the left of its beginning, in its heights."""
    dash_y: Normal = (0.55, 0.13)
    """Place of a dash."""
    dash_length: Range = (0.18, 1.0)
    """Length of a dash."""
    dash_fall: Normal = (0, 0.07)
    """Distance of a dash's end below its beginning."""
    part_rising: float = 0.15
    """Part of the dashes that rise; 0 to 1."""
    dash_rise: Range = (0.1, 0.5)
    """Height by which these rise."""
    dash_bend: Normal = (0, 0.03)
    """Distance by which a dash bends down."""
    part_hooked: float = 0.15
    """Part of the dashes that begin with a hook; 0 to 1."""
    hook_length: Range = (0, 0.12)
    """Length of such a hook."""
    hook_height: Range = (0.03, 0.2)
    """Height of such a hook."""
    equals_gap: Range = (0.15, 0.4)
    """Distance between the two dashes of a sign of equality."""
    equals_shift: Normal = (0, 0.04)
    """Distance of the lower one to the right of the upper one."""
    equals_waver: Normal = (0, 0.02)
    """Difference of the lower one's points from the upper one's."""
    slash_top: Range = (-0.4, -0.05)
    """Place where a slash begins."""
    slash_foot: Range = (1.05, 1.4)
    """Place where a slash ends."""
    slash_lean: Range = (0.45, 0.95)
    """Distance of a slash's beginning to the right of its end, in its heights."""
    slash_bend: Normal = (0, 0.03)
    """Distance by which a slash bends to the right."""


AMOUNTS = SeparatorAmounts()


def _write_point(random: np.random.Generator) -> list[Stroke]:
    """Draw a point, on the line or above it."""
    is_on_line = random.random() < AMOUNTS.part_on_line
    y = random.normal(*AMOUNTS.point_y) if is_on_line else random.uniform(*AMOUNTS.raised_y)
    length = random.uniform(*AMOUNTS.point_length)
    return [line((0, y), (length, y + random.uniform(*AMOUNTS.point_fall)))]


def _write_comma(random: np.random.Generator) -> list[Stroke]:
    """Draw a comma, sometimes a long one or one that bends."""
    y, height = random.normal(*AMOUNTS.comma_y), random.uniform(*AMOUNTS.comma_height)
    x = -height * random.uniform(*AMOUNTS.comma_lean)
    bend = random.uniform(*AMOUNTS.comma_bend)
    return [line((0, y), (x / 2 + bend, y + height / 2), (x, y + height))]


def _write_apostrophe(random: np.random.Generator) -> list[Stroke]:
    """Draw a tick above the middle, as between thousands."""
    y, height = random.uniform(*AMOUNTS.apostrophe_y), random.uniform(*AMOUNTS.apostrophe_height)
    return [line((0, y), (-height * random.uniform(*AMOUNTS.apostrophe_lean), y + height))]


def _write_dash(random: np.random.Generator) -> list[Stroke]:
    """Draw a dash, sometimes bent or hooked."""
    y, length = random.normal(*AMOUNTS.dash_y), random.uniform(*AMOUNTS.dash_length)
    fall = random.normal(*AMOUNTS.dash_fall)
    if random.random() < AMOUNTS.part_rising:
        fall -= random.uniform(*AMOUNTS.dash_rise)
    middle = (length / 2, y + fall / 2 + random.normal(*AMOUNTS.dash_bend))
    points = [(0.0, y), middle, (length, y + fall)]
    if random.random() < AMOUNTS.part_hooked:
        left, up = random.uniform(*AMOUNTS.hook_length), random.uniform(*AMOUNTS.hook_height)
        points.insert(0, (-left, y - up))
    return [points]


def _write_equals(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of equality, with which some end an amount."""
    (upper,) = _write_dash(random)
    gap, shift = random.uniform(*AMOUNTS.equals_gap), random.normal(*AMOUNTS.equals_shift)
    lower = [(x + shift, y + gap + random.normal(*AMOUNTS.equals_waver)) for x, y in upper]
    return [[(x, y - gap / 2) for x, y in stroke] for stroke in (upper, lower)]


def _write_slash(random: np.random.Generator) -> list[Stroke]:
    """Draw a slash: longer than a digit, and leaning more."""
    top, foot = random.uniform(*AMOUNTS.slash_top), random.uniform(*AMOUNTS.slash_foot)
    lean = (foot - top) * random.uniform(*AMOUNTS.slash_lean)
    middle = (lean / 2 + random.normal(*AMOUNTS.slash_bend), (top + foot) / 2)
    return [line((lean, top), middle, (0, foot))]


POINT = Mark(".", _write_point)
COMMA = Mark(",", _write_comma)
APOSTROPHE = Mark(",", _write_apostrophe)
DASH = Mark("-", _write_dash)
EQUALS = Mark("-", _write_equals)
SLASH = Mark("/", _write_slash)
