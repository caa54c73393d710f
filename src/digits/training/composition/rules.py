"""Rules: ruled lines, boxes, combs and squared paper, and what is left where they were erased."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal, Parts, integer, which
from digits.training.composition.strokes import FRACTION_BITS

Boxes = Float[np.ndarray, "n 4"]
"""Left, upper, right and lower edge of each symbol, in pixels."""

Image = Float32[np.ndarray, "h w"]
"""Contrast to the paper, 0 to 1."""

Point = tuple[float, float]
"""Pixels from the left, and from the top."""


@dataclass(frozen=True)
class RuleAmounts:
    """Amounts of rules. Lengths are in pixels of the image.

    Source: chosen by eye, to look like forms, cheques and exercise books.
    """

    kinds: Parts = (0.42, 0.16, 0.14, 0.13)
    """Parts of the ruled images with ruled lines, walls, a box, a comb; the others are squared."""
    grey: Range = (0.2, 1)
    """Brightness of a rule; 0 to 1."""
    widths: tuple[int, ...] = (1, 1, 1, 2)
    """Widths of a rule, of which one is chosen, or that of the line's pen."""
    tilt: Normal = (0, 1.5)
    """Angle between a rule and the horizontal or upright, in degrees."""
    part_below: float = 0.75
    """Part of the ruled lines on which digits stand; 0 to 1. The others are anywhere."""
    line_distance: Normal = (1.5, 2.0)
    """Distance of such a line below the digits."""
    line_step: Range = (24, 40)
    """Distance between ruled lines."""
    part_single: float = 0.6
    """Part of the ruled lines without one above and one below; 0 to 1."""
    wall_distance: Range = (1, 9)
    """Distance of a wall before or after the digits."""
    wall_lean: Normal = (0, 1)
    """Distance of a wall's top to the right of where it stands."""
    walls: Parts = (0.3, 0.35)
    """Parts of these images with both walls, and the left one; the others have the right one."""
    wall_top: Range = (2, 10)
    """Distance above the digits at which half of the walls begin; the others, above the image."""
    wall_foot: Range = (2, 8)
    """Distance below the digits at which half of the walls end; the others, below the image."""
    part_with_floor: float = 0.6
    """Part of the images with walls that have a line below as well; 0 to 1."""
    floor_distance: Range = (0, 5)
    """Distance of that line below the digits."""
    box_distance: Range = (1, 6)
    """Distance of a box above and below the digits."""
    box_inset: Range = (-2, 4)
    """Distance of a box from the left and right edge of the image; below 0 outside."""
    part_of_sides: float = 0.6
    """Part of a box's sides that are drawn; 0 to 1."""
    comb_lean: Normal = (0, 0.7)
    """Distance of a comb's teeth, at their tops, to the right of where they stand."""
    comb_jitter: Normal = (0, 0.8)
    """Distance of a comb's teeth from the middle between digits."""
    comb_height: Range = (2, 10)
    """Height of the teeth of half of the combs above the digits' feet; the others are walls."""
    comb_inset: int = 2
    """Distance of a comb's ends from the edges of the image."""
    part_with_spine: float = 0.7
    """Part of the combs with a line below the digits; 0 to 1."""
    spine_distance: Range = (1, 5)
    """Distance of that line below the digits."""
    square: Range = (8, 26)
    """Size of the squares of squared paper."""
    square_angle: Range = (-5, 5)
    """Angle by which squared paper is turned, in degrees."""
    square_grey: float = 0.8
    """Brightness of squared paper, in that of other rules."""
    part_erased_level: float = 0.7
    """Part of the erased lines that are level; 0 to 1."""
    erased_distance: Normal = (0, 2)
    """Distance of half of these below the digits' feet."""
    erased_y: Range = (5, 35)
    """Place of the others."""
    erased_width: tuple[int, int] = (1, 2)
    """Least and greatest width of an erased line."""


AMOUNTS = RuleAmounts()


class Rule(NamedTuple):
    """How the rules of an image look."""

    grey: float
    width: int
    slope: float
    """Distance by which level ones fall for each pixel across."""
    foot: float
    """Typical place of the digits' feet."""


def draw_rules(image: Image, boxes: Boxes, pen_width: int, random: np.random.Generator) -> None:
    """Draw ruled lines, walls of a form's box, a box, a comb, or squared paper. Works in place.

    Args:
        image: Contrast to the paper, 0 to 1.
        boxes: Left, upper, right and lower edge of each symbol, in pixels.
        pen_width: Width of the line's pen, in pixels.
        random: A generator.
    """
    grey = random.uniform(*AMOUNTS.grey)
    width = int(random.choice([*AMOUNTS.widths, pen_width]))
    slope = _slope(random)
    kind = which(AMOUNTS.kinds, random)
    draw = (_draw_ruled_lines, _draw_walls, _draw_box, _draw_comb, _draw_squares)[kind]
    draw(image, boxes, Rule(grey, width, slope, float(np.median(boxes[:, 3]))), random)


def erase_line(image: Image, boxes: Boxes, random: np.random.Generator) -> None:
    """Erase where a ruled line was: a gap in what it crossed. Works in place.

    Args:
        image: Contrast to the paper, 0 to 1.
        boxes: Left, upper, right and lower edge of each symbol, in pixels.
        random: A generator.
    """
    height, width = image.shape
    slope = _slope(random)
    if random.random() < AMOUNTS.part_erased_level:
        below = float(np.median(boxes[:, 3])) + random.normal(*AMOUNTS.erased_distance)
        y = float(random.choice([below, random.uniform(*AMOUNTS.erased_y)]))
        start, end = (-2.0, y), (width + 2.0, y + slope * width)
    else:
        x = random.uniform(0, width)
        start, end = (x, -2.0), (x + height * slope, height + 2.0)
    gap = np.zeros_like(image)
    draw_line(gap, start, end, 1.0, integer(AMOUNTS.erased_width, random))
    image *= 1 - gap


def draw_line(image: Image, start: Point, end: Point, grey: float, width: int) -> None:
    """Draw a straight line. Works in place.

    Args:
        image: Contrast to the paper, 0 to 1.
        start: Where the line begins, in pixels from the left and from the top.
        end: Where it ends.
        grey: Brightness, 0 to 1.
        width: Width, in pixels.
    """
    layer = np.zeros(image.shape, np.uint8)
    (x0, y0), (x1, y1) = (
        (int(x * 2**FRACTION_BITS), int(y * 2**FRACTION_BITS)) for x, y in (start, end)
    )
    cv2.line(layer, (x0, y0), (x1, y1), 255, width, cv2.LINE_AA, FRACTION_BITS)
    np.maximum(image, layer.astype(np.float32) * (grey / 255), out=image)


def _draw_ruled_lines(image: Image, boxes: Boxes, rule: Rule, random: np.random.Generator) -> None:
    """Draw lines below the digits, sometimes through them and above."""
    below = rule.foot + random.normal(*AMOUNTS.line_distance)
    anywhere = random.uniform(0, len(image))
    y = random.choice([below, anywhere], p=[AMOUNTS.part_below, 1 - AMOUNTS.part_below])
    step = random.uniform(*AMOUNTS.line_step)
    is_single = random.random() < AMOUNTS.part_single
    for offset in (0,) if is_single else (0, step, -step):
        _draw_level(image, y + offset, rule)


def _draw_walls(image: Image, boxes: Boxes, rule: Rule, random: np.random.Generator) -> None:
    """Draw walls of a form's box before or after the digits, mostly as high as the image."""
    height = len(image)
    lean, kind = random.normal(*AMOUNTS.wall_lean), which(AMOUNTS.walls, random)
    before = boxes[:, 0].min() - random.uniform(*AMOUNTS.wall_distance)
    after = boxes[:, 2].max() + random.uniform(*AMOUNTS.wall_distance)
    head = boxes[:, 1].min()
    for x in ((before, after), (before,), (after,))[kind]:
        top = random.choice([0, head - random.uniform(*AMOUNTS.wall_top)])
        low = random.choice([height, rule.foot + random.uniform(*AMOUNTS.wall_foot)])
        draw_line(image, (x + lean, top), (x - lean, low), rule.grey, rule.width)
    if random.random() < AMOUNTS.part_with_floor:
        _draw_level(image, rule.foot + random.uniform(*AMOUNTS.floor_distance), rule)


def _draw_box(image: Image, boxes: Boxes, rule: Rule, random: np.random.Generator) -> None:
    """Draw some sides of a box around the digits."""
    top = boxes[:, 1].min() - random.uniform(*AMOUNTS.box_distance)
    low = boxes[:, 3].max() + random.uniform(*AMOUNTS.box_distance)
    left = random.uniform(*AMOUNTS.box_inset)
    right = image.shape[1] - random.uniform(*AMOUNTS.box_inset)
    sides = (
        ((left, top), (right, top)),
        ((left, low), (right, low)),
        ((left, top), (left, low)),
        ((right, top), (right, low)),
    )
    for start, end in sides:
        if random.random() < AMOUNTS.part_of_sides:
            draw_line(image, start, end, rule.grey, rule.width)


def _draw_comb(image: Image, boxes: Boxes, rule: Rule, random: np.random.Generator) -> None:
    """Draw walls or short teeth between digits."""
    height, width = image.shape
    between = (boxes[:-1, 2] + boxes[1:, 0]) / 2
    top = random.choice([0, rule.foot - random.uniform(*AMOUNTS.comb_height)])
    lean = random.normal(*AMOUNTS.comb_lean)
    for middle in (AMOUNTS.comb_inset, *between, width - AMOUNTS.comb_inset):
        x = middle + random.normal(*AMOUNTS.comb_jitter)
        draw_line(image, (x + lean, top), (x - lean, height), rule.grey, rule.width)
    if random.random() < AMOUNTS.part_with_spine:
        y = rule.foot + random.uniform(*AMOUNTS.spine_distance)
        draw_line(image, (0, y), (width, y + rule.slope * width), rule.grey, rule.width)


def _draw_squares(image: Image, boxes: Boxes, rule: Rule, random: np.random.Generator) -> None:
    """Draw squared paper, turned a little."""
    height, width = image.shape
    size, angle = random.uniform(*AMOUNTS.square), np.radians(random.uniform(*AMOUNTS.square_angle))
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)])
    middle, far = np.array([width / 2, height / 2]), width + height
    phases = random.uniform(0, size, 2)
    directions = ((along, across, height), (across, along, width))
    for place in np.arange(-far, far, size):
        for phase, (direction, other, room) in zip(phases, directions, strict=True):
            distance = place + phase
            if abs(distance) < room:
                on_line = middle + distance * other
                start, end = on_line - far * direction, on_line + far * direction
                draw_line(image, tuple(start), tuple(end), AMOUNTS.square_grey * rule.grey, 1)


def _draw_level(image: Image, y: float, rule: Rule) -> None:
    """Draw a level rule from edge to edge, in place."""
    width = image.shape[1]
    draw_line(image, (-2, y), (width + 2, y + rule.slope * width), rule.grey, rule.width)


def _slope(random: np.random.Generator) -> float:
    """Draw the slope of a rule: pixels downwards for each pixel across."""
    return float(np.tan(np.radians(random.normal(*AMOUNTS.tilt))))
