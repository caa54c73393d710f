"""The ink of a line: digits of one hand beside each other, with separators and signs between."""

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from digits.reading.symbols import DIGIT_HEIGHT
from digits.training.composition import marks
from digits.training.composition.hands import Hands, Shape

CANVAS = 160
"""Height of the canvas on which a line is written, in pixels; its baseline is at two thirds."""

BASELINE = 105
NOMINAL = float(DIGIT_HEIGHT)
"""Height of MNIST's digits, in pixels."""


class Item(NamedTuple):
    """What stands on a line: a symbol, and its ink."""

    symbol: str
    ink: Float32[np.ndarray, "h w"]
    y: float
    """Distance of its upper edge below the digits' top, in pixels."""
    gap: float
    """Distance from the item before it, in pixels."""


@dataclass
class LineInk:
    """The ink of a line, 0 to 1, and what it says."""

    ink: Float32[np.ndarray, "h w"]
    symbols: str
    boxes: list[tuple[float, float, float, float]]
    """Left, top, right, bottom of each symbol."""
    height: float
    """Typical height of its digits."""
    pen: float
    """Width of the pen, about."""


@dataclass
class Manner:
    """The manner in which one hand writes a line, drawn at random."""

    random: np.random.Generator
    scale: float = field(init=False)
    slant: float = field(init=False)
    gap: float = field(init=False)
    gap_spread: float = field(init=False)
    size_spread: float = field(init=False)
    wide: float = field(init=False)
    zero: float = field(init=False)
    zero_up: float = field(init=False)
    tall: float = field(init=False)
    drift: float = field(init=False)
    wave: float = field(init=False)
    pen: float = field(init=False)
    hook: float = field(init=False)
    """Length of the upstroke of its ones, as a part of their height; 0 for none."""
    hook_angle: float = field(init=False)
    foot: bool = field(init=False)
    bar: bool = field(init=False)
    """Whether its sevens have a bar."""

    def __post_init__(self) -> None:
        random = self.random
        self.scale = random.uniform(1.0, 1.5)
        self.slant = random.normal(0.02, 0.2)
        kind = random.choice(4, p=[0.5, 0.2, 0.24, 0.06])
        low, high = ((1.0, 6.0), (6.0, 24.0), (-1.2, 1.2), (-4.0, -0.8))[kind]
        self.gap = random.uniform(low, high)
        self.gap_spread = (1.5, 2.5, 1.2, 1.2)[kind]
        self.size_spread = random.choice([0.04, 0.09, 0.17], p=[0.45, 0.4, 0.15])
        self.wide = float(np.exp(random.normal(0, 0.16)))
        self.zero = random.uniform(0.35, 0.95) if random.random() < 0.35 else 1.0
        self.zero_up = random.uniform(0, 0.6) if random.random() < 0.35 else 0.0
        self.tall = random.uniform(1, 1.6) if random.random() < 0.25 else 1.0
        self.drift = random.normal(0, 0.04)
        self.wave = random.choice([0.02, 0.07, 0.16], p=[0.35, 0.45, 0.2])
        self.pen = 2.0
        # Where ones have an upstroke, sevens have a bar, as a rule.
        hooked = random.random() < 0.6
        self.hook = random.uniform(0.2, 1.0) if random.random() < (0.9 if hooked else 0.1) else 0.0
        self.hook_angle = random.uniform(32, 75)
        self.foot = random.random() < 0.1
        self.bar = random.random() < (0.92 if hooked else 0.1)


def write_line(hands: Hands, random: np.random.Generator) -> LineInk:
    """Write a line: a number with its separators, sometimes a date or a sum."""
    while True:
        manner = Manner(random)
        shapes = hands.stretch(random)
        manner.pen = stroke_width(shapes[random.integers(len(shapes))].pixels)
        if random.random() < NO_DIGITS:
            return _lay_out(_no_digits(manner), manner)
        items = _items(shapes, manner)
        if any(item.symbol.isdigit() for item in items):
            return _lay_out(items, manner)


NO_DIGITS = 0.08
"""Part of the lines that hold no digit."""


def _no_digits(manner: Manner) -> list[Item]:
    """Choose what stands on a line without digits: a word, signs, a display, or nothing."""
    random = manner.random
    kind = random.random()
    if kind < 0.25:
        return []
    count = int(random.integers(1, 8))
    if kind < 0.65:
        chosen: list[marks.Mark] = [marks.letter] * count
    elif kind < 0.85:
        chosen = [marks.display] * count
    else:
        chosen = [marks.SIGNS[random.integers(len(marks.SIGNS))] for _ in range(min(count, 3))]
    return [_mark(mark, "?", manner) for mark in chosen]


def stroke_width(pixels: UInt8[np.ndarray, "h w"]) -> float:
    """Estimate a digit's stroke width, in pixels: four times the mean depth in a straight stroke."""
    padded = cv2.copyMakeBorder((pixels > 100).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return float(np.clip(4 * depth[depth > 0].mean() - 1, 1.2, 4)) if depth.any() else 2.0


def _items(shapes: list[Shape], manner: Manner) -> list[Item]:
    """Choose what stands on the line, from left to right."""
    random = manner.random
    count = int(
        random.choice(np.arange(1, 13), p=np.array([6, 4, 4, 5, 6, 6, 5, 4, 3, 2, 1, 1]) / 47)
    )
    wanted = _digits(count, random)
    plan = _separators(count, random)
    items: list[Item] = []
    last = -1
    for index, group in enumerate(plan):
        for mark, symbol in group:
            items.append(_mark(mark, symbol, manner))
        if index < count:
            label = last if wanted[index] == REPEAT else wanted[index]
            shape = _pick(shapes, label, random)
            last = shape.label
            items.append(_digit(shape, manner))
    return items


LEADING = np.log10(1 + 1 / np.arange(1, 10))
"""Part of the numbers that begin with each digit from 1 (Benford's law)."""

ANY, REPEAT = -1, -2
"""What a digit is to be, where it is no particular one: any, or that before it."""


def _digits(count: int, random: np.random.Generator) -> list[int]:
    """Choose the digits: half of the numbers are amounts, with a leading digit as most have it.

    Many amounts end in zeros, and in numbers that people write, many digits repeat.
    """
    often = random.choice([0.05, 0.4], p=[0.8, 0.2])
    wanted = [REPEAT if random.random() < often else ANY for _ in range(count)]
    if random.random() < 0.5:
        wanted[0] = int(random.choice(np.arange(1, 10), p=LEADING))
        if random.random() < 0.35:
            zeros = int(random.integers(1, 4))
            wanted[max(1, count - zeros) :] = [0] * min(zeros, count - 1)
    return wanted


def _pick(shapes: list[Shape], label: int, random: np.random.Generator) -> Shape:
    for _ in range(60):
        shape = shapes[random.integers(len(shapes))]
        if (label < 0 or shape.label == label) and min(shape.pixels.shape) > 1:
            return shape
    return shape


Group = list[tuple[marks.Mark, str]]


def _separators(count: int, random: np.random.Generator) -> list[Group]:
    """Choose the marks before each digit, and after the last."""
    plan: list[Group] = [[] for _ in range(count + 1)]
    point = (marks.point, ".")
    comma = (marks.comma, ",")
    tick = (marks.apostrophe, ",")
    dash = (marks.dash, "-")
    equals = (marks.two_dashes, "-")
    slash = (marks.slash, "/")
    letter = (marks.letter, "?")
    sign = lambda: (marks.SIGNS[random.integers(len(marks.SIGNS))], "?")  # noqa: E731
    kind = random.random()
    if kind < 0.36 and count > 3:  # thousands
        mark = [point, point, comma, tick][random.integers(4)]
        for index in range(count - 3, 0, -3):
            plan[index].append(mark)
    elif kind < 0.46 and count > 2:  # decimals
        plan[count - int(random.integers(1, min(4, count)))].append(
            [point, comma][random.integers(2)]
        )
    elif kind < 0.54 and count > 2:  # a date, a phone number
        mark = [slash, dash, point, slash, (marks.colon, "?")][random.integers(5)]
        for index in range(2, count, 2):
            plan[index].append(mark)
    elif kind < 0.60 and count > 1:  # a sum
        plan[int(random.integers(1, count))].append(sign() if random.random() < 0.7 else dash)
    elif kind < 0.66:  # letters about
        for _ in range(random.integers(1, 4)):
            plan[int(random.integers(0, count + 1))].append(letter)
    end = random.random()
    if end < 0.09:
        plan[-1].append(point)
    elif end < 0.16:
        plan[-1].append(comma)
    elif end < 0.24:
        plan[-1].append(dash)
    elif end < 0.31:
        plan[-1] += [point, dash]
    elif end < 0.35:
        plan[-1].append(equals)
    elif end < 0.38:
        plan[-1] += [comma, dash]
    elif end < 0.40:
        plan[-1] += [slash, dash]
    elif end < 0.42:
        plan[-1] += [dash, dash]
    start = random.random()
    if start < 0.04:
        plan[0].insert(0, sign())
    elif start < 0.07:
        plan[0].insert(0, dash)
    elif start < 0.09:
        plan[0].insert(0, letter)
    elif start < 0.11:
        plan[0].insert(0, equals)
    return plan


def _digit(shape: Shape, manner: Manner) -> Item:
    random = manner.random
    height = len(shape.pixels)
    scale = manner.scale * np.exp(random.normal(0, manner.size_spread))
    if height < 14:  # MNIST's wide digits are low
        scale *= min(1.3, 14 / height)
    foot = 0.0
    if shape.label == 0:
        scale *= manner.zero
        foot -= manner.zero_up * random.uniform(0.6, 1) * (1 - manner.zero) * NOMINAL * manner.scale
    elif shape.label == 1:
        scale *= manner.tall
        foot += random.uniform(0, 0.5) * (manner.tall - 1) * NOMINAL * manner.scale
    elif shape.label in (4, 7, 9) and random.random() < 0.15:  # below the line
        foot += random.uniform(0.1, 0.4) * NOMINAL * manner.scale
    across = scale * manner.wide * np.exp(random.normal(0, 0.08))
    shear, turn = manner.slant + random.normal(0, 0.07), random.normal(0, 0.06)
    pixels = shape.pixels
    if shape.label == 1 and manner.hook:
        pixels = _with_upstroke(pixels, manner)
    elif shape.label == 7 and manner.bar:
        pixels = _with_bar(pixels, manner)
    ink = _warped(pixels, across, scale, shear, turn)
    foot += random.normal(0, manner.wave) * NOMINAL * manner.scale
    gap = manner.gap + random.normal(0, manner.gap_spread)
    if random.random() < 0.02:
        gap += random.uniform(6, 18)
    return Item(
        str(shape.label), ink, NOMINAL * manner.scale - ink.shape[0] + foot, gap * manner.scale
    )


def _with_upstroke(pixels: np.ndarray, manner: Manner) -> np.ndarray:
    """Give a one the upstroke of this hand, straight or bent, and sometimes a foot."""
    random, tall = manner.random, len(pixels)
    length = tall * manner.hook * np.exp(random.normal(0, 0.15))
    angle = np.radians(manner.hook_angle + random.normal(0, 7))
    pad = int(length + 0.4 * tall) + 2
    canvas = np.pad(pixels, ((2, max(2, int(length * np.sin(angle)) - tall + 3)), (pad, pad)))
    x, y, width = _stem(canvas, 3)
    across, down = length * np.cos(angle), length * np.sin(angle)
    bend = random.normal(0, 0.12) * length
    middle = (x - across / 2 + bend * np.sin(angle), y + down / 2 + bend * np.cos(angle))
    _stroke(canvas, [(x, y), middle, (x - across, y + down)], width * random.uniform(0.6, 1.05))
    if manner.foot:
        x, y, width = _stem(canvas, tall)
        left, right = random.uniform(0.12, 0.4, 2) * tall
        tilt = random.normal(0, 0.7)
        _stroke(canvas, [(x - left, y + tilt), (x + right, y - tilt)], width)
    return canvas


def _with_bar(pixels: np.ndarray, manner: Manner) -> np.ndarray:
    """Give a seven a bar."""
    random, tall = manner.random, len(pixels)
    pad = int(0.4 * tall)
    canvas = np.pad(pixels, ((0, 0), (pad, pad)))
    x, y, width = _stem(canvas, int(tall * random.uniform(0.4, 0.68)))
    half, tilt = tall * random.uniform(0.15, 0.4), random.normal(0, 1.2)
    shift = random.normal(0, 0.05) * tall
    _stroke(
        canvas,
        [(x - half + shift, y + tilt), (x + half + shift, y - tilt)],
        width * random.uniform(0.6, 1.05),
    )
    return canvas


def _stem(pixels: np.ndarray, row: int) -> tuple[float, float, float]:
    """Find the ink in a row of pixels: its middle, the row, and its width."""
    row = min(row, len(pixels) - 1)
    ink = pixels[row].astype(np.float32) / 255
    if ink.sum() < 0.5:
        ink = pixels.max(axis=0).astype(np.float32) / 255
    return (
        float((ink * np.arange(len(ink))).sum() / ink.sum()),
        float(row),
        float(np.clip(ink.sum(), 1.5, 4)),
    )


def _stroke(pixels: np.ndarray, points: list[tuple[float, float]], width: float) -> None:
    layer = np.zeros_like(pixels)
    fixed = np.rint(np.array(points) * 16).astype(np.int32)
    cv2.polylines(layer, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    np.maximum(pixels, layer, out=pixels)


def _warped(
    pixels: np.ndarray, across: float, scale: float, shear: float, turn: float
) -> np.ndarray:
    """Scale, shear and turn a digit, and cut it to its ink."""
    height, width = pixels.shape
    matrix = np.array([[across, -shear * scale + turn, 0], [-turn, scale, 0]], np.float32)
    corners = (
        np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32) @ matrix[:, :2].T
    )
    matrix[:, 2] = 2 - corners.min(axis=0)
    size = np.ceil(corners.max(axis=0) - corners.min(axis=0) + 4).astype(int)
    warped = cv2.warpAffine(pixels, matrix, (int(size[0]), int(size[1])))
    left, top, width, height = cv2.boundingRect((warped > 40).astype(np.uint8))
    if not width:
        return np.zeros((1, 1), np.float32)
    return warped[top : top + height, left : left + width].astype(np.float32) / 255


def _mark(mark: marks.Mark, symbol: str, manner: Manner) -> Item:
    random = manner.random
    strokes = mark(random)
    lean = manner.slant if symbol == "?" else 0.5 * manner.slant
    strokes = [[(x + lean * (1 - y), y) for x, y in stroke] for stroke in strokes]
    height = NOMINAL * manner.scale * np.exp(random.normal(0, 0.08))
    pen = manner.pen * manner.scale * random.uniform(0.6, 1.05)
    if mark is marks.point:
        pen *= random.uniform(0.9, 1.5)
    ink, _, top = marks.draw(strokes, height, pen)
    gap = max(0.3, abs(manner.gap) if manner.gap < 4 else manner.gap * 0.7) + random.normal(0, 1)
    if symbol == "?" and random.random() < 0.6:
        gap = max(gap, random.uniform(2, 8))
    return Item(symbol, ink, top, gap * manner.scale)


def _lay_out(items: list[Item], manner: Manner) -> LineInk:
    """Put the items beside each other, as far from ink to ink as their gaps say."""
    random = manner.random
    width = int(sum(item.ink.shape[1] + abs(item.gap) for item in items)) + 60
    canvas = np.zeros((CANVAS, width), np.float32)
    edge = np.full(CANVAS, -1e3, np.float32)  # where the ink ends, in each row
    top = BASELINE - NOMINAL * manner.scale
    symbols, boxes = [], []
    reach = int(3 * manner.scale)
    right = 2.0
    centre = 0.0
    for item in items:
        height, wide = item.ink.shape
        y = int(np.clip(round(top + item.y + manner.drift * right), 0, CANVAS - height - 1))
        ink = item.ink[: CANVAS - y]
        height = len(ink)
        solid = ink > 0.25
        begins = np.where(solid.any(axis=1), solid.argmax(axis=1), wide).astype(np.float32)
        ends = np.where(solid.any(axis=1), wide - solid[:, ::-1].argmax(axis=1), -1e3)
        rows = slice(max(0, y - reach), y + height + reach)
        near = cv2.dilate(edge[rows][:, None], np.ones((2 * reach + 1, 1), np.uint8))[:, 0]
        near = near[y - rows.start : y - rows.start + height]
        x = float((near - begins).max())
        if x < 0:
            x = right
        # A digit stands beside the one before it, not above or below.
        x = max(
            x + item.gap, centre + 0.35 * min(wide, 16) + (0 if wide > 5 else 2) - wide / 2, 0.0
        )
        x = min(x, right + max(item.gap, 0) + 4)
        left = round(x)
        part = canvas[y : y + height, left : left + wide]
        np.maximum(part, ink[:, : part.shape[1]], out=part)
        edge[y : y + height] = np.maximum(edge[y : y + height], left + ends)
        right, centre = max(right, left + wide), left + wide / 2
        if symbols and item.symbol == "0" == symbols[-1] and random.random() < 0.04:
            _join(canvas, boxes[-1], (left, y, left + wide, y + height), manner)
        symbols.append(item.symbol)
        boxes.append((float(left), float(y), float(left + wide), float(y + height)))
    digits = [box for symbol, box in zip(symbols, boxes, strict=True) if symbol.isdigit()]
    if len(digits) == 1 and random.random() < 0.06:
        _ring_around(canvas, digits[0], manner)
    heights = [box[3] - box[1] for box in digits or boxes] or [NOMINAL * manner.scale]
    height = float(np.median(np.sort(heights)[len(heights) // 2 :]))
    return LineInk(
        canvas[:, : int(right) + 3], "".join(symbols), boxes, height, manner.pen * manner.scale
    )


def _ring_around(canvas: np.ndarray, box: tuple, manner: Manner) -> None:
    """Draw a ring around a digit."""
    height = box[3] - box[1]
    ink, left, top = marks.draw(marks.ring(manner.random), height, manner.pen * manner.scale)
    x, y = int((box[0] + box[2]) / 2 + left), int(box[1] + top)
    ink = ink[max(0, -y) :, max(0, -x) :]
    view = canvas[max(0, y) : max(0, y) + len(ink), max(0, x) : max(0, x) + ink.shape[1]]
    np.maximum(view, ink[: len(view), : view.shape[1]], out=view)


def _join(canvas: np.ndarray, first: tuple, second: tuple, manner: Manner) -> None:
    """Join two zeros at their tops, as some hands do."""
    start = ((first[0] + first[2]) / 2, first[1] + 1)
    end = ((second[0] + second[2]) / 2, second[1] + 1)
    middle = ((start[0] + end[0]) / 2, max(start[1], end[1]) + manner.random.uniform(-2, 4))
    points = np.rint(np.array([start, middle, end]) * 16).astype(np.int32)
    cv2.polylines(
        canvas, [points], False, 1.0, max(1, round(manner.pen * manner.scale * 0.8)), cv2.LINE_8, 4
    )
