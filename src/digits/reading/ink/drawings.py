"""Binarization of drawings: all that differs from a canvas of one level is ink."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.binarization import BINARIZATION, Ink
from digits.reading.ink.components import depth_in, window_around
from digits.reading.tuning import Tuned, number

MARGIN = 4
"""Margin of background around the ink in the part of a canvas that is binarized, in pixels."""


@dataclass(frozen=True)
class DrawingParameters(Tuned):
    """Tuned numbers by which a drawing is known."""

    depth: float = number(0.15, "sizes of the component", low=0.05, high=0.5)
    """Greatest depth of a stroke: deeper, it may be a card or a button with a digit cut out."""


DRAWING = DrawingParameters()


def binarize_drawing(grey: UInt8[np.ndarray, "h w"]) -> Ink | None:
    """Tell ink from a background that a program painted: one grey level, without light or grain.

    Half of the picture, and most of its edges, are of that level. The paper has it everywhere, its
    noise is 0, and ink differs from it to one side. If as much differs to the other side, there is
    a third thing beside ink and paper; what goes from edge to edge was printed.

    Returns:
        The ink, whose polarity is certain; none if the picture is no drawing.
    """
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = int(np.bincount(edges).argmax())
    differs = grey != background
    if 2 * np.count_nonzero(differs) > grey.size or _spans(differs):
        return None
    # Ink takes a small part of a canvas; the rest need not be binarized.
    window = window_around(differs, MARGIN)
    contrast = background - grey[window].astype(np.float32)
    darker, lighter = float(contrast.max()), -float(contrast.min())
    if min(darker, lighter) > BINARIZATION.weak * max(darker, lighter):
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


def _spans(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Tell whether a mask touches two opposite edges, as ruled lines and borders do."""
    return bool((mask[0].any() and mask[-1].any()) or (mask[:, 0].any() and mask[:, -1].any()))


def _is_deep(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Tell whether the component with the deepest ink is too solid for strokes."""
    depth = depth_in(mask)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    _, _, _, box = cv2.floodFill(mask.astype(np.uint8), None, (int(x), int(y)), 2, flags=8)
    return bool(mask.any() and depth[y, x] > DRAWING.depth * max(box[2:]))
