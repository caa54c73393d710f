"""Glyphs: digits framed as MNIST's are, 20×20 pixels with their mass in the middle of 28×28.

Source: LeCun et al. 1998, Gradient-based learning applied to document recognition, on how MNIST
was made: size normalisation with grey levels kept, then a shift by whole pixels.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import connected_components, depth_in, stroke_width
from digits.reading.ink.contrast import reached
from digits.reading.ink.layout import LAYOUT
from digits.reading.ink.ruled_lines import without_boxes
from digits.reading.tuning import Tuned, number

SIZE, DIGIT_SIZE = 28, 20
"""Side of a glyph, and the longer side of the digit in it, in pixels."""

LARGE_ELEMENT = 16
"""Limit on time: size in pixels from which on a structuring element is a square."""

CENTRE = SIZE // 2
"""Pixel on which MNIST's centres of mass are, from 0, along both axes."""


Strength = TypeVar("Strength", Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w"])


@dataclass(frozen=True)
class GlyphParameters(Tuned):
    """Tuned numbers of framing, and of the measures of a glyph's shape."""

    full_share: float = number(0.2, "share of the pixels", low=0, high=0.7)
    """Share of a digit's ink that has at least the contrast of a full stroke."""
    ground_noise: float = number(2.0, "standard deviations of the paper", low=0, high=6)
    """Contrast up to which soft edges are paper."""
    ground_level: float = number(0.15, "contrasts of a full stroke", low=0, high=0.5)
    """Least such contrast."""
    ground_most: float = number(0.5, "contrasts of the digit's own full stroke", low=0.1, high=0.9)
    """Greatest such contrast."""
    thinnest: float = number(2.0, "pixels of the glyph", low=0, high=4)
    """Width to which thinner strokes are widened."""
    ink_level: float = number(100.0, "grey levels", low=32, high=200)
    """Level above which a pixel of a glyph counts as ink, where its shape is measured."""
    stroke_depth: float = number(2.5, "pixels of the glyph", low=1, high=6)
    """Greatest depth of the ink of strokes."""


@dataclass(frozen=True)
class SingleParameters(Tuned):
    """Tuned numbers by which the one digit of a picture is told from what is around it."""

    centredness: float = number(8.0, "per squared side of the picture", low=1, high=32)
    """Fall of a component's weight with its distance from the middle."""
    near: float = number(0.12, "sizes of the digit", low=0.02, high=0.5)
    """Greatest gap between the digit and a part beside it, or one that touches the edge."""
    line_width: float = number(0.9, "widths of the picture", low=0.5, high=1)
    """Width of a component at the edge past which it is a line, and no part."""


GLYPH = GlyphParameters()
SINGLE = SingleParameters()


@dataclass(frozen=True)
class Glyph:
    """A digit as the network sees it, and where it was."""

    pixels: UInt8[np.ndarray, "28 28"]
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""


def stroke_strength(
    contrast: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"], ink: Ink
) -> Float32[np.ndarray, "h w"]:
    """Scale the contrast of some ink and its soft edges from 0, paper, to 1, a full stroke.

    Args:
        contrast: Contrast to the paper, in grey levels.
        mask: The ink whose strength is wanted.
        ink: The ink of the picture, for its noise and level.
    """
    if not mask.any():
        return np.zeros_like(contrast)
    top = reached(contrast[mask], GLYPH.full_share)
    ground = max(GLYPH.ground_noise * ink.noise, GLYPH.ground_level * ink.level)
    ground = min(ground, GLYPH.ground_most * top)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(np.clip((contrast - ground) / (top - ground), 0, 1) * near, np.float32)


def frame(
    strength: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "28 28"]:
    """Frame a digit as MNIST's makers did: normalise its size and centre its mass.

    Args:
        strength: Strength of the ink, 0 to 1.
        mask: The pixels that belong to the digit; not empty.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    crop = slice(top, top + height), slice(left, left + width)
    digit = strength[crop]
    factor = DIGIT_SIZE / max(width, height)
    digit = widen_thin(digit, stroke_width(mask[crop]), factor)
    normalised = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = np.clip(cv2.resize(digit, normalised, interpolation=method), 0, 1)
    mass = float(small.sum())
    if mass == 0:
        return np.zeros((SIZE, SIZE), np.uint8)
    x = float((small.sum(axis=0) * np.arange(normalised[0])).sum()) / mass
    y = float((small.sum(axis=1) * np.arange(normalised[1])).sum()) / mass
    shift = np.array([[1, 0, round(CENTRE - x)], [0, 1, round(CENTRE - y)]], np.float32)
    framed = cv2.warpAffine(small, shift, (SIZE, SIZE))
    brightest = float(framed.max()) or 1.0
    return np.asarray(np.clip(framed * (255 / brightest), 0, 255), np.uint8)


def widen_thin(strength: Strength, stroke: float, factor: float) -> Strength:
    """Widen strokes that would be too thin once they are scaled.

    Args:
        strength: Strength of the ink, in any unit.
        stroke: Their width, in pixels.
        factor: Factor by which they are going to be scaled.
    """
    missing = (GLYPH.thinnest - stroke * factor) / factor
    if missing < 1:
        return strength
    size = round(missing) + 1
    # A large ellipse takes long, and a square does as well where strokes are so thin.
    shape = cv2.MORPH_ELLIPSE if size < LARGE_ELEMENT else cv2.MORPH_RECT
    return cv2.dilate(strength, cv2.getStructuringElement(shape, (size, size)))


def depth_share(glyph: UInt8[np.ndarray, "28 28"]) -> float:
    """Compute the share of a glyph's ink that lies deeper than in strokes, 0 to 1."""
    depth = depth_in(glyph > GLYPH.ink_level)
    return float((depth > GLYPH.stroke_depth).sum()) / max(1, int((depth > 0).sum()))


def aspect_ratio(glyph: UInt8[np.ndarray, "28 28"]) -> float:
    """Compute the width of a glyph's ink by its height; 1 if there is none."""
    _, _, width, height = cv2.boundingRect((glyph > GLYPH.ink_level).astype(np.uint8))
    return width / height if height else 1.0


def frame_single(ink: Ink) -> Glyph | None:
    """Frame the one digit of a picture: the largest component nearest the middle, with its parts.

    Parts of neighbours, specks, a box around it and lines at the edges are left away.

    Returns:
        The glyph, or none if there is no ink.
    """
    mask = _main_digit(ink)
    if mask is None:
        return None
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    strength = stroke_strength(ink.contrast, mask, ink)
    return Glyph(frame(strength, mask), (left, top, width, height))


def _main_digit(ink: Ink) -> Bool[np.ndarray, "h w"] | None:
    """Find the components of the one digit; none if there is no ink."""
    picture_height, picture_width = ink.mask.shape
    mask, _ = without_boxes(ink.mask)
    labels, components = connected_components(mask)
    if not len(components):
        return None
    left, top, widths, heights, _ = components.T
    right, bottom = left + widths, top + heights
    weights = np.bincount(labels.ravel(), np.maximum(ink.contrast, 0).ravel())[1:]
    across, down = (left + right) / (2 * picture_width), (top + bottom) / (2 * picture_height)
    away = (across - 0.5) ** 2 + (down - 0.5) ** 2
    main = int(np.argmax(weights * np.exp(-SINGLE.centredness * away)))
    size = max(widths[main], heights[main])
    at_edge = (left <= 1) | (top <= 1)
    at_edge |= (right >= picture_width - 1) | (bottom >= picture_height - 1)
    overlap = np.minimum(right, right[main]) - np.maximum(left, left[main])
    gap_x = np.maximum(0, -overlap)
    gap_y = np.maximum(0, np.maximum(top - bottom[main], top[main] - bottom))
    above_or_below = overlap > LAYOUT.above * widths
    above_or_below &= gap_y < LAYOUT.above_gap * size
    beside = (gap_x < SINGLE.near * size) & (gap_y == 0)
    is_line = widths > SINGLE.line_width * picture_width
    inner = ~at_edge | (above_or_below & (gap_y < SINGLE.near * size) & ~is_line)
    belongs = inner & (above_or_below | beside)
    belongs[main] = True
    return np.asarray(np.concatenate([[False], belongs])[labels])
