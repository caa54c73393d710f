"""Binarization under hard shadows: narrow strokes are ink, by morphological black-hat or top-hat.

Light may change at edges, as beside a shadow, which no smooth background follows. On patterned
ground ink is told better in this way, too; on grain worse.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import connected_components, deepest, stroke_width
from digits.reading.ink.contrast import otsu_threshold
from digits.reading.ink.illumination import thumbnail_of
from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class ShadowParameters(Tuned):
    """Tuned numbers of binarization under hard shadows."""

    narrowest: int = number(20, "pixels of the thumbnail", low=5, high=40)
    """Width, but for its middle, of the smallest structuring element that is tried; the next are
    twice and four times as wide, and the last serves for a picture of one digit."""
    reach: float = number(4.0, "widths of a stroke", low=2, high=8)
    """Least width of the structuring element."""
    shadow_depth: float = number(6.0, "pixels of the thumbnail", low=2, high=16)
    """Depth of ink past which it may be a shadow, or lit paper beside one."""
    thin: float = number(9.0, "pixels of the thumbnail", low=3, high=21)
    """Width below which most of what is narrow is ink; it tells whether ink is dark."""


SHADOWS = ShadowParameters()


def binarize_under_shadows(grey: UInt8[np.ndarray, "h w"], ink: Ink) -> Ink | None:
    """Tell ink from paper by its width alone.

    Args:
        grey: A picture.
        ink: The ink that `binarize` found on it.

    Returns:
        The ink, whose polarity its width makes certain; none if the strokes are too wide to be
        told so, or if the narrow strokes are on the other side of the paper than `ink`, and that
        is too thin to be paper.
    """
    thumbnail = _smooth_thumbnail(grey)
    dark, light = (
        np.square(_narrow(thumbnail, round(SHADOWS.thin), is_dark)).mean()
        for is_dark in (True, False)
    )
    is_dark = bool(dark >= light)
    scale = max(thumbnail.shape) / max(grey.shape)
    inner = _without_edge_components(ink.mask)
    is_wide = SHADOWS.reach * stroke_width(inner) * scale > _widths()[-1]
    has_shadow = deepest(ink.mask & ~inner) * scale > SHADOWS.shadow_depth
    # Whole pages, or the lit part of one, may have been taken for ink; digits are not so deep.
    may_be_paper = deepest(ink.mask) * scale > SHADOWS.shadow_depth
    if is_wide if is_dark == ink.is_dark else not may_be_paper:
        return None
    for reach in _widths():
        contrast = _narrow(thumbnail, reach, is_dark)
        if reach > SHADOWS.reach * stroke_width(contrast > otsu_threshold(contrast)):
            break
    found = _enlarged(grey, thumbnail, contrast, is_dark, np.inf)
    # At the edges of the picture, corners of shadows are left.
    if has_shadow:
        found = replace(found, mask=_without_edge_components(found.mask))
    return found


def binarize_single_under_shadows(grey: UInt8[np.ndarray, "h w"], ink: Ink) -> Ink:
    """Tell the ink of one digit, whose strokes are wide, from paper; dark or light as `ink` is."""
    thumbnail = _smooth_thumbnail(grey)
    contrast = _narrow(thumbnail, _widths()[-1], ink.is_dark)
    return _enlarged(grey, thumbnail, contrast, ink.is_dark, ink.certainty)


def _widths() -> tuple[int, int, int]:
    """Compute the widths of the structuring elements, in pixels of the thumbnail; odd."""
    narrowest = SHADOWS.narrowest
    return narrowest + 1, 2 * narrowest + 1, 4 * narrowest + 1


def _smooth_thumbnail(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "th tw"]:
    return np.asarray(cv2.medianBlur(thumbnail_of(grey), 3), np.uint8)


def _enlarged(
    grey: UInt8[np.ndarray, "h w"],
    thumbnail: UInt8[np.ndarray, "th tw"],
    contrast: Float32[np.ndarray, "th tw"],
    is_dark: bool,
    certainty: float,
) -> Ink:
    """Threshold a picture against the background that a thumbnail's contrast leaves."""
    sign = 1 if is_dark else -1
    background = cv2.resize(thumbnail + sign * contrast, grey.shape[::-1])
    return Ink.from_contrast(sign * (background - grey.astype(np.float32)), is_dark, certainty)


def _without_edge_components(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Leave out components that touch the picture's edges, where shadows and their corners are."""
    labels, components = connected_components(mask)
    inside = np.ones(len(components) + 1, bool)
    inside[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        inside[edge] = False
    return np.asarray(inside[labels])


def _narrow(
    thumbnail: UInt8[np.ndarray, "h w"], reach: int, is_dark: bool
) -> Float32[np.ndarray, "h w"]:
    """Contrast of what is narrower than so many pixels, dark or light, to the ground around it."""
    # A round element fits into corners better; a square one of the largest size is far faster.
    shape = cv2.MORPH_RECT if reach == _widths()[-1] else cv2.MORPH_ELLIPSE
    element = cv2.getStructuringElement(shape, (reach, reach))
    method = cv2.MORPH_BLACKHAT if is_dark else cv2.MORPH_TOPHAT
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.morphologyEx(thumbnail, method, element, borderType=border), np.float32)
