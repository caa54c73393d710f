"""Ink to glyphs: the digit in 20×20 pixels, grey levels kept, its mass in the middle of 28×28.

Source: LeCun et al. 1998, Gradient-based learning applied to document recognition, on how MNIST
was made.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import connected_components, depth_in, stroke_width
from digits.reading.ink.ruled_lines import without_boxes

SIZE, DIGIT_SIZE = 28, 20
"""Of a glyph, and of the digit in it along its longer side, in pixels."""

LOOKS = ((0.8, 0.0), (1.0, 0.35))
"""Other looks of a glyph: how wide it becomes, and by how much each row is moved to the right for
each row that it lies lower, about its middle."""

HALF = 100
"""What is brighter is ink, in a glyph."""

STROKE_DEPTH = 2.5
"""How deep the ink of strokes lies at most, in pixels of a glyph."""

THINNEST = 2.0
"""Strokes thinner than this, in pixels of the glyph, are widened to it."""


@dataclass(frozen=True)
class Glyph:
    """A digit as the network sees it, and where it was."""

    pixels: UInt8[np.ndarray, "28 28"]
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""


def strength(
    contrast: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"], ink: Ink
) -> Float32[np.ndarray, "h w"]:
    """From 0, paper, to 1, a full stroke, of the ink in `mask` and its soft edges."""
    if not mask.any():
        return np.zeros_like(contrast)
    top = float(np.percentile(contrast[mask], 80))
    ground = min(max(2 * ink.noise, 0.15 * ink.level), 0.5 * top)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(np.clip((contrast - ground) / (top - ground), 0, 1) * near, np.float32)


def frame(
    amounts: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "28 28"]:
    """Make of one digit what MNIST's makers made of theirs.

    Args:
        amounts: Of ink, 0 to 1.
        mask: What belongs to the digit; not empty.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    crop = slice(top, top + height), slice(left, left + width)
    digit = amounts[crop]
    factor = DIGIT_SIZE / max(width, height)
    missing = (THINNEST - stroke_width(mask[crop]) * factor) / factor
    if missing >= 1:
        size = round(missing) + 1
        digit = cv2.dilate(digit, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    size_there = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = np.clip(cv2.resize(digit, size_there, interpolation=method), 0, 1)
    mass = float(small.sum())
    if mass == 0:
        return np.zeros((SIZE, SIZE), np.uint8)
    x = float((small.sum(axis=0) * np.arange(size_there[0])).sum()) / mass
    y = float((small.sum(axis=1) * np.arange(size_there[1])).sum()) / mass
    middle = SIZE // 2  # MNIST's centres of mass are there, and whole pixels were moved
    shift = np.array([[1, 0, round(middle - x)], [0, 1, round(middle - y)]], np.float32)
    framed = cv2.warpAffine(small, shift, (SIZE, SIZE))
    return np.asarray(np.clip(framed * (255 / max(float(framed.max()), 0.3)), 0, 255), np.uint8)


def looks(glyphs: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "looks n 28 28"]:
    """Glyphs as they are, narrower, and leaning less to the right, as other hands write them.

    What a network makes of several looks is right more often than what it makes of one.

    Source: for the interpolation, Keys 1981, Cubic convolution interpolation.
    """
    rows = glyphs.astype(np.float32).transpose(1, 0, 2)  # (y, n, x)
    seen = rows @ _look_maps()  # (looks, y, n, x)
    changed = np.clip(np.rint(seen), 0, 255).astype(np.uint8).transpose(0, 2, 1, 3)
    return np.concatenate([glyphs[None], changed])


@cache
def _look_maps() -> Float32[np.ndarray, "looks y x x2"]:
    """What each pixel of a row gives to each of the same row in a look; bicubic.

    A matrix a row, as one product for all glyphs of a batch takes less time than warping each.
    """
    y, x = np.meshgrid(*[np.arange(SIZE) - SIZE // 2] * 2, indexing="ij")
    sources = np.stack([(x - slant * y) / width for width, slant in LOOKS]) + SIZE // 2
    distances = np.abs(np.arange(SIZE)[:, None] - sources[:, :, None, :])
    a = -0.75
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = ((distances - 5) * distances + 8) * distances * a - 4 * a
    weights = np.where(distances <= 1, near, np.where(distances < 2, far, 0))
    return weights.astype(np.float32)


def deep_part(glyph: UInt8[np.ndarray, "28 28"]) -> float:
    """Part of a glyph's ink that lies deeper inside than that of strokes, 0 to 1."""
    depth = depth_in(glyph > HALF)
    return float((depth > STROKE_DEPTH).sum()) / max(1, int((depth > 0).sum()))


def aspect(glyph: UInt8[np.ndarray, "28 28"]) -> float:
    """Width of a glyph's ink, in heights of it; 1 if there is none."""
    _, _, width, height = cv2.boundingRect((glyph > HALF).astype(np.uint8))
    return width / height if height else 1.0


def frame_single(ink: Ink) -> Glyph | None:
    """Frame the one digit of a picture: what is largest and nearest the middle, whole.

    Parts of neighbours, specks, a box around it and lines at the edges are left away.

    Returns:
        The glyph, or none if there is no ink.
    """
    mask = _main_mark(ink)
    if mask is None:
        return None
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return Glyph(frame(strength(ink.contrast, mask, ink), mask), (left, top, width, height))


def _main_mark(ink: Ink) -> Bool[np.ndarray, "h w"] | None:
    height, width = ink.mask.shape
    mask, _ = without_boxes(ink.mask)
    labels, pieces = connected_components(mask)
    if not len(pieces):
        return None
    left, top, widths, heights, areas = pieces.T
    right, bottom = left + widths, top + heights
    amounts = np.bincount(labels.ravel(), np.maximum(ink.contrast, 0).ravel())[1:]
    away = ((left + right) / (2 * width) - 0.5) ** 2 + ((top + bottom) / (2 * height) - 0.5) ** 2
    main = int(np.argmax(amounts * np.exp(-8 * away)))
    size = max(widths[main], heights[main])
    at_edge = (left <= 1) | (top <= 1) | (right >= width - 1) | (bottom >= height - 1)
    overlap = np.minimum(right, right[main]) - np.maximum(left, left[main])
    gap_x = np.maximum(0, -overlap)
    gap_y = np.maximum(0, np.maximum(top - bottom[main], top[main] - bottom))
    above_or_below = (overlap > 0.5 * widths) & (gap_y < 0.25 * size)
    beside = (gap_x < 0.06 * size) & (gap_y == 0) & (areas > 0.05 * areas[main])
    is_line = (widths > 0.9 * width) & (heights < 0.15 * size)
    inner = ~at_edge | (above_or_below & (gap_y < 0.12 * size) & ~is_line)
    belongs = (np.maximum(widths, heights) >= 0.12 * size) & inner & (above_or_below | beside)
    belongs[main] = True
    return np.asarray(np.concatenate([[False], belongs])[labels])
