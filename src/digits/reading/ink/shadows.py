"""Grey levels to ink, in light with edges: what is narrow is ink, whatever the light around it."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.binarization import Ink, otsu, thumbnail_of
from digits.reading.ink.components import connected_components, deepest, stroke_width

REACHES = (21, 41, 81)
"""Widths of what is filled in to have the paper under hard shadows, in pixels of the thumbnail: the
first that is REACH times that of the strokes; the last for a picture of one digit."""

REACH = 4.0

SHADOW = 6.0
"""What is so deep may be a shadow that was taken for ink, or paper beside one, in the same."""

THIN = 9
"""Of what is narrower than this, in the same, most is ink: it tells whether that is dark."""

CERTAINTY = 8.0
"""Of dark or light ink, for each power of e by which one is more than the other."""


def find_ink_under_shadows(grey: UInt8[np.ndarray, "h w"], ink: Ink) -> Ink | None:
    """Tell ink from paper by its width alone: light may change at edges, as beside a shadow.

    On patterned ground it is told better, too; grain is told worse.

    Args:
        grey: A picture.
        ink: What `find_ink` made of it.

    Returns:
        The ink, or none if the strokes are too wide to be told so, or if what is narrow is on
        the other side of the paper than `ink`, and that is too thin to be paper.
    """
    thumbnail = _thumbnail_of(grey)
    dark, light = (np.square(_residue(thumbnail, THIN, sign)).mean() + 0.1 for sign in (1, -1))
    score = CERTAINTY * float(np.log(dark / light))
    is_dark = score >= 0
    scale = max(thumbnail.shape) / max(grey.shape)
    inner = _without_edges(ink.mask)
    is_wide = REACH * stroke_width(inner) * scale > REACHES[-1]
    has_shadow = deepest(ink.mask & ~inner) * scale > SHADOW
    # Whole pages, or what of them is lit, may have been taken for ink; digits are not so deep.
    may_differ = deepest(ink.mask) * scale > SHADOW
    if is_wide if is_dark == ink.is_dark else not may_differ:
        return None
    for reach in REACHES:
        residue = _residue(thumbnail, reach, 1 if is_dark else -1)
        if reach > REACH * stroke_width(residue > otsu(residue)):
            break
    found = _ink_of(grey, thumbnail, residue, is_dark, abs(score))
    # At the edges of the picture, corners of shadows are left.
    return replace(found, mask=_without_edges(found.mask)) if has_shadow else found


def find_single_under_shadows(grey: UInt8[np.ndarray, "h w"], ink: Ink) -> Ink:
    """The same for a picture of one digit: its strokes are wide, and dark or light as in `ink`."""
    thumbnail = _thumbnail_of(grey)
    residue = _residue(thumbnail, REACHES[-1], 1 if ink.is_dark else -1)
    return _ink_of(grey, thumbnail, residue, ink.is_dark, ink.certainty)


def _thumbnail_of(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "th tw"]:
    return np.asarray(cv2.medianBlur(thumbnail_of(grey), 3), np.uint8)


def _ink_of(
    grey: UInt8[np.ndarray, "h w"],
    thumbnail: UInt8[np.ndarray, "th tw"],
    residue: Float32[np.ndarray, "th tw"],
    is_dark: bool,
    certainty: float,
) -> Ink:
    """The ink whose residue is filled in to have the paper."""
    sign = 1 if is_dark else -1
    paper = cv2.resize(thumbnail + sign * residue, grey.shape[::-1])
    return Ink.from_contrast(sign * (paper - grey.astype(np.float32)), is_dark, certainty)


def _without_edges(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Without what touches the edges of the picture, where shadows and their corners are."""
    labels, pieces = connected_components(mask)
    inside = np.ones(len(pieces) + 1, bool)
    inside[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        inside[edge] = False
    return np.asarray(inside[labels])


def _residue(
    thumbnail: UInt8[np.ndarray, "h w"], reach: int, sign: int
) -> Float32[np.ndarray, "h w"]:
    """What is narrower than so many pixels: how much darker (1) or lighter (-1) than its ground."""
    # A round one fits into corners better; a square one of that size is far faster.
    shape = cv2.MORPH_RECT if reach == REACHES[-1] else cv2.MORPH_ELLIPSE
    element = cv2.getStructuringElement(shape, (reach, reach))
    method = cv2.MORPH_BLACKHAT if sign > 0 else cv2.MORPH_TOPHAT
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.morphologyEx(thumbnail, method, element, borderType=border), np.float32)
