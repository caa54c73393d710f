"""A digit on a line, as its writer writes it: sized, slanted, with an upstroke, a foot or a bar."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from digits.reading.symbols import DIGIT_HEIGHT
from digits.training.augmentation.drawing import Range
from digits.training.composition.allographs import Allograph, write_allograph
from digits.training.composition.chance import factor
from digits.training.composition.layout import Item
from digits.training.composition.manner import Manner
from digits.training.composition.strokes import FRACTION_BITS, Stroke, arc, to_ink
from digits.training.composition.writers import Shape, stroke_width


@dataclass(frozen=True)
class DigitAmounts:
    """Amounts in which a writer's digits differ. Pixels are those of MNIST's digits.

    Source: chosen by eye, to look like what people write.
    """

    low_height: int = 14
    """Height below which a digit is enlarged, in pixels; MNIST's wide digits are low."""
    most_enlarged: float = 1.3
    """Greatest factor by which it is; 1 or more."""
    zero_rise: Range = (0.6, 1)
    """Height of a small zero above the line, in parts of its writer's `zero_rise`."""
    one_drop: Range = (0, 0.5)
    """Part of a tall one's additional height that is below the line; 0 to 1."""
    hanging: tuple[int, ...] = (4, 7, 9)
    """Digits that some writers let hang below the line."""
    part_hanging: float = 0.15
    """Part of these that hang below the line; 0 to 1."""
    drop: Range = (0.1, 0.4)
    """Distance that they hang below it, in heights of a digit."""
    width_deviation: float = 0.08
    """Standard deviation of the logarithm of a digit's width in a line."""
    slant_deviation: float = 0.07
    """Standard deviation of a digit's slant in a line."""
    turn_deviation: float = 0.06
    """Standard deviation of a digit's turn, in radians."""
    part_with_wide_gap: float = 0.02
    """Part of the digits with a wide gap before them; 0 to 1."""
    wide_gap: Range = (6, 18)
    """Amount by which such a gap is wider, in pixels."""
    added_width: Range = (0.6, 1.05)
    """Width of an added stroke, as a part of the stem's."""
    upstroke_deviation: float = 0.15
    """Standard deviation of the logarithm of an upstroke's length in a line."""
    angle_deviation: float = 7
    """Standard deviation of an upstroke's angle in a line, in degrees."""
    bend_deviation: float = 0.12
    """Standard deviation of an upstroke's bend, in its lengths."""
    foot_half: Range = (0.12, 0.4)
    """Length of a one's foot to each side, in heights of the one."""
    foot_tilt_deviation: float = 0.7
    """Standard deviation of half the height by which the foot's ends differ, in pixels."""
    bar_height: Range = (0.4, 0.68)
    """Distance of a bar below the digit's top, in heights of the digit."""
    bar_half: Range = (0.15, 0.4)
    """Half the length of a bar, in heights of the digit."""
    bar_tilt_deviation: float = 1.2
    """Standard deviation of half the height by which a bar's ends differ, in pixels."""
    bar_shift_deviation: float = 0.05
    """Standard deviation of a bar's distance from the stem's middle, in heights of the digit."""
    curl: Range = (0.09, 0.2)
    """Half the size of a zero's curl, in heights of the zero."""
    curl_shift: Range = (-0.1, 0.25)
    """Distance of a curl to the right of the middle of the zero's top, in heights of the zero."""
    curl_sweep: Range = (90, 330)
    """Angle that a curl goes round, in degrees."""
    flag_height: Range = (0.15, 0.3)
    """Height of what is erased of a five without its flag, in heights of the digit."""
    flag_left: Range = (0.3, 0.7)
    """Place from which on to the right it is erased, in widths of the digit."""
    stem_width: Range = (1.5, 4)
    """Least and greatest width that a stem is taken to have, in pixels."""
    least_stem: float = 0.5
    """Width below which a row of pixels has no stem, in pixels."""
    ink_level: int = 40
    """Grey level above which a pixel belongs to a digit that is cut out; 0 to 255."""


AMOUNTS = DigitAmounts()


def write_digit(shape: Shape, manner: Manner, random: np.random.Generator) -> Item:
    """Write a digit in a writer's manner, a little different each time."""
    scale = manner.scale * factor(manner.size_deviation, random)
    if len(shape.pixels) < AMOUNTS.low_height:
        scale *= min(AMOUNTS.most_enlarged, AMOUNTS.low_height / len(shape.pixels))
    drop = 0.0
    if shape.label == 0:
        scale *= manner.zero_size
        rise = manner.zero_rise * random.uniform(*AMOUNTS.zero_rise)
        drop -= rise * (1 - manner.zero_size) * DIGIT_HEIGHT * manner.scale
    elif shape.label == 1:
        scale *= manner.one_size
        part = random.uniform(*AMOUNTS.one_drop)
        drop += part * (manner.one_size - 1) * DIGIT_HEIGHT * manner.scale
    elif shape.label in AMOUNTS.hanging and random.random() < AMOUNTS.part_hanging:
        drop += random.uniform(*AMOUNTS.drop) * DIGIT_HEIGHT * manner.scale
    across = scale * manner.width * factor(AMOUNTS.width_deviation, random)
    slant = manner.slant + random.normal(0, AMOUNTS.slant_deviation)
    turn = manner.turn + random.normal(0, AMOUNTS.turn_deviation)
    pixels = shape.pixels
    if (allograph := manner.allographs.get(shape.label)) is not None:
        pixels = _of_allograph(allograph, shape, random)
    elif shape.label == 1 and manner.upstroke:
        pixels = _with_upstroke(pixels, manner, random)
    elif shape.label == 0 and manner.has_filled_zeros:
        pixels = _filled(pixels)
    elif shape.label == 0 and manner.has_curl:
        pixels = _with_curl(pixels, random)
    elif shape.label == 7 and manner.has_bar:
        pixels = _with_bar(pixels, random)
    elif shape.label == 5 and not manner.has_flag:
        pixels = _without_flag(pixels, random)
    ink = _warped(pixels, across, scale, slant, turn)
    drop += random.normal(0, manner.wave) * DIGIT_HEIGHT * manner.scale
    gap = manner.gap + random.normal(0, manner.gap_deviation)
    if random.random() < AMOUNTS.part_with_wide_gap:
        gap += random.uniform(*AMOUNTS.wide_gap)
    y = manner.digit_height - len(ink) + drop
    return Item(str(shape.label), ink, y, gap * manner.scale)


def _of_allograph(
    allograph: Allograph, shape: Shape, random: np.random.Generator
) -> UInt8[np.ndarray, "h w"]:
    """Write a digit in a form of its own as high as another, with the same pen."""
    ink, _, _ = to_ink(
        write_allograph(allograph, random), len(shape.pixels), stroke_width(shape.pixels)
    )
    return (255 * ink).astype(np.uint8)


def _with_upstroke(
    pixels: UInt8[np.ndarray, "h w"], manner: Manner, random: np.random.Generator
) -> UInt8[np.ndarray, "h2 w2"]:
    """Give a one its writer's upstroke, straight or bent, and the foot of some writers."""
    tall = len(pixels)
    length = tall * manner.upstroke * factor(AMOUNTS.upstroke_deviation, random)
    angle = np.radians(manner.upstroke_angle + random.normal(0, AMOUNTS.angle_deviation))
    across, down = length * np.cos(angle), length * np.sin(angle)
    pad = int(length + AMOUNTS.foot_half[1] * tall) + 2
    canvas = np.pad(pixels, ((2, max(2, int(down) - tall + 3)), (pad, pad)))
    x, y, width = _stem(canvas, 3)
    bend = random.normal(0, AMOUNTS.bend_deviation) * length
    middle = (x - across / 2 + bend * np.sin(angle), y + down / 2 + bend * np.cos(angle))
    upstroke = [(x, y), middle, (x - across, y + down)]
    _draw_stroke(canvas, upstroke, width * random.uniform(*AMOUNTS.added_width))
    if manner.has_foot:
        x, y, width = _stem(canvas, tall)
        left, right = random.uniform(*AMOUNTS.foot_half, 2) * tall
        tilt = random.normal(0, AMOUNTS.foot_tilt_deviation)
        _draw_stroke(canvas, [(x - left, y + tilt), (x + right, y - tilt)], width)
    return canvas


def _filled(pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Fill the hole of a zero with ink."""
    is_ink = (pixels > AMOUNTS.ink_level).astype(np.uint8)
    outlines, _ = cv2.findContours(is_ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    inside = cv2.drawContours(np.zeros_like(pixels), outlines, -1, 255, cv2.FILLED)
    inside = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    return np.asarray(np.maximum(pixels, inside))


def _with_bar(
    pixels: UInt8[np.ndarray, "h w"], random: np.random.Generator
) -> UInt8[np.ndarray, "h w2"]:
    """Give a seven a bar."""
    tall = len(pixels)
    pad = int(AMOUNTS.bar_half[1] * tall)
    canvas = np.pad(pixels, ((0, 0), (pad, pad)))
    x, y, width = _stem(canvas, int(tall * random.uniform(*AMOUNTS.bar_height)))
    half = tall * random.uniform(*AMOUNTS.bar_half)
    tilt = random.normal(0, AMOUNTS.bar_tilt_deviation)
    shift = random.normal(0, AMOUNTS.bar_shift_deviation) * tall
    bar = [(x - half + shift, y + tilt), (x + half + shift, y - tilt)]
    _draw_stroke(canvas, bar, width * random.uniform(*AMOUNTS.added_width))
    return canvas


def _with_curl(
    pixels: UInt8[np.ndarray, "h w"], random: np.random.Generator
) -> UInt8[np.ndarray, "h2 w2"]:
    """Give a zero the curl in which its stroke ends, from its top downwards."""
    tall = len(pixels)
    pad = int((AMOUNTS.curl[1] + AMOUNTS.curl_shift[1]) * tall) + 2
    canvas = np.pad(pixels, ((2, 0), (pad, pad)))
    x, y, width = _stem(canvas, 3)
    x += random.uniform(*AMOUNTS.curl_shift) * tall
    rx, ry = random.uniform(*AMOUNTS.curl, 2) * tall
    curl = arc(x, y + ry, rx, ry, -90, -90 + random.uniform(*AMOUNTS.curl_sweep))
    _draw_stroke(canvas, curl, width * random.uniform(*AMOUNTS.added_width))
    return canvas


def _without_flag(
    pixels: UInt8[np.ndarray, "h w"], random: np.random.Generator
) -> UInt8[np.ndarray, "h2 w2"]:
    """Take the stroke at its top from a five, as it is missing where it was written apart."""
    tall, wide = pixels.shape
    low = int(tall * random.uniform(*AMOUNTS.flag_height))
    left = int(wide * random.uniform(*AMOUNTS.flag_left))
    without = pixels.copy()
    without[:low, left:] = 0
    rows, columns = np.nonzero(without > AMOUNTS.ink_level)
    if not len(rows):
        return pixels
    return without[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _stem(pixels: UInt8[np.ndarray, "h w"], row: int) -> tuple[float, float, float]:
    """Find the ink in a row of pixels, or of all rows if there is none: its x, y and width."""
    row = min(row, len(pixels) - 1)
    ink = pixels[row].astype(np.float32) / 255
    if ink.sum() < AMOUNTS.least_stem:
        ink = pixels.max(axis=0).astype(np.float32) / 255
    x = float((ink * np.arange(len(ink))).sum() / ink.sum())
    return x, float(row), float(np.clip(ink.sum(), *AMOUNTS.stem_width))


def _draw_stroke(pixels: UInt8[np.ndarray, "h w"], stroke: Stroke, width: float) -> None:
    """Draw a stroke onto a digit, in place."""
    layer = np.zeros_like(pixels)
    fixed = np.rint(np.array(stroke) * 2**FRACTION_BITS).astype(np.int32)
    thickness = max(1, round(width))
    cv2.polylines(layer, [fixed], False, 255, thickness, cv2.LINE_AA, FRACTION_BITS)
    np.maximum(pixels, layer, out=pixels)


def _warped(
    pixels: UInt8[np.ndarray, "h w"], across: float, scale: float, slant: float, turn: float
) -> Float32[np.ndarray, "h2 w2"]:
    """Scale, shear and turn a digit, and cut it to its ink, 0 to 1."""
    height, width = pixels.shape
    matrix = np.array([[across, -slant * scale + turn, 0], [-turn, scale, 0]], np.float32)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    corners = corners @ matrix[:, :2].T
    matrix[:, 2] = 2 - corners.min(axis=0)
    size = np.ceil(corners.max(axis=0) - corners.min(axis=0) + 4).astype(int)
    warped = cv2.warpAffine(pixels, matrix, (int(size[0]), int(size[1])))
    left, top, width, height = cv2.boundingRect((warped > AMOUNTS.ink_level).astype(np.uint8))
    if not width:
        return np.zeros((1, 1), np.float32)
    return warped[top : top + height, left : left + width].astype(np.float32) / 255
