"""Line images: a word cut out level, with digits of one size, as the line network sees it."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Int32, UInt8

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import connected_components
from digits.reading.ink.glyphs import SIZE, frame, stroke_strength, widen_thin
from digits.reading.ink.layout import Word
from digits.reading.symbols import COLUMN_STEP, DIGIT_HEIGHT, LINE_HEIGHT

SIDE_MARGIN = 12
"""Pixels of a line's image before its first and after its last digit, if there is room."""

PAD = 4
"""Pixels of paper at both ends of a line's image."""

MAX_WIDTH = 4000
"""Limit on time: greatest width of a line's image, in pixels."""

ZOOM, MAX_ZOOM = 2.4, 10.0
"""Pixels for each of the line's image, where a digit is cut out of the picture to be framed: at
least, and at most where strokes are thin."""

THIN = 2.0
"""Width in pixels of the thinnest strokes there, lest they fall apart."""

MARGIN = 3
"""Pixels of the line's image around a digit's box in which its ink may be, too."""


class LineView(NamedTuple):
    """A way to look at a line (test-time augmentation)."""

    size: float = 1.0
    """Height of its digits, as a multiple of the usual one."""
    stretch: float = 1.0
    """Width by height, as a multiple of what it is."""
    shear: float = 0.0
    """Shift to the right for each pixel down."""
    is_upright: bool = False
    """Whether digits of a skewed word stand upright, each below or above the one before, and were
    not turned with their line."""
    is_ruled: bool = False
    """Whether ruled lines are seen, too, for who cuts the word out of either ink."""


@dataclass(frozen=True)
class LineImage:
    """A word as the line network sees it."""

    pixels: UInt8[np.ndarray, "40 w"]
    """Strength of the ink: 0 paper, 255 a full stroke."""
    to_picture: Float[np.ndarray, "2 3"]
    """Affine map from coordinates here, x and y, to coordinates in the picture."""
    box: tuple[float, float, float, float]
    """Left, top, width and height of the word here."""
    stroke: float
    """Typical width of its strokes here, in pixels."""

    def box_in_picture(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Map a box of this image to the upright box around it in the picture.

        Args:
            box: Left, top, width and height.
        """
        left, top, width, height = box
        corners = np.array([[x, y, 1] for x in (left, left + width) for y in (top, top + height)])
        mapped = corners @ self.to_picture.T
        (x0, y0), (x1, y1) = mapped.min(axis=0), mapped.max(axis=0)
        return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def expected_columns(word: Word) -> float:
    """Number of columns that the line network gives for a word, in one view, about."""
    width = word.width / word.height * DIGIT_HEIGHT + 2 * (SIDE_MARGIN + PAD)
    return min(width, MAX_WIDTH) / COLUMN_STEP


def line_images(
    word: Word, ink: Ink, views: list[LineView], *, largest: float | None = None
) -> list[LineImage]:
    """Cut a word out of a picture, once for each view.

    Args:
        word: The word.
        ink: The ink of the picture.
        views: How it is seen.
        largest: Largest size in which it is ever seen; that of these views if not given.
    """
    if not views:
        return []
    largest = largest or max(view.size for view in views)
    scale = DIGIT_HEIGHT * largest / word.height
    small, from_small = _cut_out(word, ink, scale)
    images = []
    for view in views:
        to_image, width = _to_image(word, view)
        matrix = to_image @ np.vstack([from_small, [0, 0, 1]])
        pixels = cv2.warpAffine(small, matrix, (width, LINE_HEIGHT))
        corners = word.corners @ to_image[:, :2].T + to_image[:, 2]
        box = *corners.min(axis=0).tolist(), *np.ptp(corners, axis=0).tolist()
        stroke = word.stroke * DIGIT_HEIGHT * view.size / word.height
        images.append(LineImage(pixels, cv2.invertAffineTransform(to_image), box, stroke))
    return images


class FramedPart(NamedTuple):
    """A digit of a word, framed."""

    glyph: UInt8[np.ndarray, "28 28"]
    """The glyph; black if there is no ink."""
    box: tuple[float, float, float, float]
    """Left, top, width and height of its ink in the picture; the box it was looked for in if there
    is none."""
    is_apart: bool
    """Whether its ink ends there, and does not go on in what stands beside it."""


def frame_part(
    image: LineImage,
    box: tuple[float, float, float, float],
    ink: Ink,
    *,
    is_alone: bool = False,
) -> FramedPart:
    """Frame the digit in a box of a line's image, as MNIST's digits are.

    Args:
        image: The line's image.
        box: Left, top, width and height, in pixels of the image, about.
        ink: The ink of the picture.
        is_alone: Whether it is all that the word says, so that what goes on past the box is part
            of it.
    """
    corners = np.array([box[:2], np.add(box[:2], box[2:])])
    window = np.array([corners[0] - MARGIN, corners[1] + MARGIN])
    if is_alone:
        whole = np.array([image.box[:2], np.add(image.box[:2], image.box[2:])])
        # By a digit's height at most: the word may be a whole line that says no more.
        before, after = (
            np.clip(out, 0, DIGIT_HEIGHT) for out in (window[0] - whole[0], whole[1] - window[1])
        )
        window = np.array([window[0] - before, window[1] + after])
    (left, top), (width, height) = window[0], window[1] - window[0]
    zoom = min(max(THIN / image.stroke, ZOOM), MAX_ZOOM)
    to_image = np.array([[1 / zoom, 0, left], [0, 1 / zoom, top], [0, 0, 1]])
    to_picture = (image.to_picture @ to_image)[:2]
    size = round(width * zoom), round(height * zoom)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    contrast = cv2.warpAffine(ink.contrast, to_picture, size, flags=flags)
    mask = cv2.warpAffine(ink.mask.view(np.uint8), to_picture, size, flags=flags) > 0
    mask = _mostly_inside(mask, np.rint((corners - window[0]) * zoom).astype(int))
    if not mask.any():
        return FramedPart(np.zeros((SIZE, SIZE), np.uint8), image.box_in_picture(box), False)
    outline = cv2.convexHull(cv2.findNonZero(mask.view(np.uint8)))[:, 0]
    is_apart = not any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    glyph = frame(stroke_strength(contrast, mask, ink), mask)
    return FramedPart(glyph, _box_around(outline, to_picture), is_apart)


def _box_around(
    points: Int32[np.ndarray, "n 2"], to_picture: Float[np.ndarray, "2 3"]
) -> tuple[float, float, float, float]:
    """The upright box in the picture around pixels of another image."""
    corners = (points[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])).reshape(-1, 2)
    mapped = corners @ to_picture[:, :2].T + to_picture[:, 2]
    (x0, y0), (x1, y1) = mapped.min(axis=0), mapped.max(axis=0)
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def _mostly_inside(
    mask: Bool[np.ndarray, "h w"], corners: Int[np.ndarray, "2 2"]
) -> Bool[np.ndarray, "h w"]:
    """Keep the components that are at least half within a box: left and top, right and bottom."""
    labels, stats = connected_components(mask)
    (left, top), (right, bottom) = corners
    inner = labels[top:bottom, left:right]
    inside = np.bincount(inner.ravel(), minlength=len(stats) + 1)[1:]
    keep = np.concatenate([[False], 2 * inside >= stats[:, 4]])
    return np.asarray(keep[labels])


def _to_image(word: Word, view: LineView) -> tuple[Float[np.ndarray, "2 3"], int]:
    """Compute the affine map from a picture to a word's image, and the image's width."""
    scale = DIGIT_HEIGHT * view.size / word.height
    across = scale * view.stretch
    before, after = (min(SIDE_MARGIN / across, room) for room in word.room)
    cosine, sine = np.cos(np.radians(word.angle)), np.sin(np.radians(word.angle))
    length = word.width * (cosine if view.is_upright else 1)
    width = min((before + length + after) * across + 2 * PAD, MAX_WIDTH)
    level = np.array(
        [[1, 0], [-sine / cosine, 1]] if view.is_upright else [[cosine, sine], [-sine, cosine]]
    )
    linear = np.array([[across, view.shear * scale], [0, scale]]) @ level
    middle = np.array([PAD + (before + length / 2) * across, LINE_HEIGHT / 2])
    shift = middle - linear @ np.array(word.centre)
    return np.hstack([linear, shift[:, None]]), max(
        COLUMN_STEP * 8, round(width / COLUMN_STEP) * COLUMN_STEP
    )


def _cut_out(
    word: Word, ink: Ink, scale: float
) -> tuple[UInt8[np.ndarray, "h w"], Float[np.ndarray, "2 3"]]:
    """Cut a word out with what is around it, and scale it.

    Returns:
        Strength of the ink, and the affine map from its coordinates to the picture's.
    """
    reach = LINE_HEIGHT / 2 / scale
    half = word.width / 2 + max(min(SIDE_MARGIN / scale, room) for room in word.room)
    cosine, sine = abs(np.cos(np.radians(word.angle))), abs(np.sin(np.radians(word.angle)))
    extent = half * cosine + 1.5 * reach * sine, half * sine + 1.5 * reach * cosine
    height, width = ink.contrast.shape
    (middle, level), (across, down) = word.centre, extent
    left, right = (int(min(max(edge, 0), width)) for edge in (middle - across, middle + across))
    top, bottom = (int(min(max(edge, 0), height)) for edge in (level - down, level + down))
    part = ink.contrast[top : bottom + 1, left : right + 1]
    strength = np.clip(part * (255 / max(word.level, 1)), 0, 255).astype(np.uint8)
    strength = widen_thin(strength, word.stroke, scale)
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(strength, size, interpolation=method)
    x, y = part.shape[1] / size[0], part.shape[0] / size[1]
    # Pixels are squares around whole numbers: their centres, not their corners, are mapped.
    return small, np.array([[x, 0, left + (x - 1) / 2], [0, y, top + (y - 1) / 2]])
