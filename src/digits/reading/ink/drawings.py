"""A drawing to ink: no light falls on it, so all that differs from its plain ground is ink."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.binarization import WEAK, Ink
from digits.reading.ink.components import depth_in, window_around

PLAIN = 0.5
"""Part of a drawing that is of one grey level, at least: that of most of its edges."""

DEEP = 0.15
"""Strokes lie at most so deep, in sizes of their mark: what is deeper may be a card or a button
with a digit cut out of it."""

MARGIN = 4
"""Of ground around the ink, as it is looked at, in pixels."""


def find_drawing(grey: UInt8[np.ndarray, "h w"]) -> Ink | None:
    """Tell ink from ground that a program painted: of one grey level, without light or grain.

    What `find_ink` has to find out is known here. The paper is of that level everywhere, its noise
    is 0, and ink is what differs from it to one side. Where as much differs to the other side,
    there is a third thing beside ink and paper; what goes from edge to edge was printed.

    Returns:
        The ink, of which it is certain whether it is dark; none if the picture is no drawing.
    """
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = int(np.bincount(edges).argmax())
    differs = grey != ground
    if np.count_nonzero(differs) > (1 - PLAIN) * grey.size or _goes_through(differs):
        return None
    # Ink takes a small part of a canvas: the rest needs no second look.
    window = window_around(differs, MARGIN)
    contrast = ground - grey[window].astype(np.float32)
    darker, lighter = float(contrast.max()), -float(contrast.min())
    if min(darker, lighter) > WEAK * max(darker, lighter):
        return None
    is_dark = darker >= lighter
    sign = 1 if is_dark else -1
    found = Ink.from_contrast(sign * contrast, is_dark, np.inf, noise=0.0)
    if _is_deep(found.mask):
        return None
    whole = np.zeros(grey.shape, np.float32), np.zeros(grey.shape, bool)
    for values, part in zip(whole, (found.contrast, found.mask), strict=True):
        values[window] = part
    return replace(found, contrast=whole[0], mask=whole[1])


def _goes_through(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Whether two opposite edges are touched, as by ruled lines and by borders."""
    return bool((mask[0].any() and mask[-1].any()) or (mask[:, 0].any() and mask[:, -1].any()))


def _is_deep(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Whether the mark with the deepest ink is no stroke."""
    depth = depth_in(mask)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    _, _, _, box = cv2.floodFill(mask.astype(np.uint8), None, (int(x), int(y)), 2, flags=8)
    return bool(mask.any() and depth[y, x] > DEEP * max(box[2:]))
