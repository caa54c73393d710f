"""Polarity: whether ink is darker than its paper or lighter.

Ink is thin where paper is wide, and paper has the picture's edges and corners. Pixels are split
into two classes by Otsu's threshold, as they are and with the light made even.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.contrast import otsu_split
from digits.reading.ink.illumination import even_illumination
from digits.reading.tuning import Tuned, number

INSETS = (0, 6, 12)
"""Distances from the edges at which paper is looked for, in pixels of the thumbnail: a box may run
along the edge. The median of the three counts."""

CORNER = 4
"""Side of the corners that are looked at, in pixels of the thumbnail."""


@dataclass(frozen=True)
class PolarityParameters(Tuned):
    """Tuned numbers of the evidence about the polarity."""

    clean_split: float = number(0.9, "share of the variance", low=0.7, high=1)
    """Variance that two classes explain in even light, at least; then no light is removed."""
    clean_weight: float = number(4.0, "units of certainty", low=1, high=16)
    """Weight of the evidence of such a picture."""
    skew_weight: float = number(0.5, "units of certainty", low=0, high=2)
    """Weight of the logarithm of dark by bright deviation from the paper."""
    view_weight: float = number(2.0, "units of certainty", low=0.5, high=8)
    """Weight of the evidence of width, edges and corners."""
    edge_weight: float = number(2.0, "logarithms of width", low=0.5, high=8)
    """Weight of the bright share of the edges."""
    corner_weight: float = number(1.0, "logarithms of width", low=0.25, high=4)
    """Weight of the bright share of the corners."""
    even_gain: float = number(0.1, "logarithms of width", low=0, high=0.5)
    """Gain in the contrast of widths for which the picture with even light is preferred."""
    outside: float = number(6.0, "pixels of the thumbnail", low=1, high=16)
    """Width of what is thought to go on outside the picture."""


POLARITY = PolarityParameters()


def find_polarity(
    thumbnail: UInt8[np.ndarray, "h w"],
) -> tuple[float, Bool[np.ndarray, "h w"]]:
    """Weigh the evidence that ink is dark.

    Returns:
        The evidence, above 0 for dark ink (2 is safe), and the pixels of the brighter class.
    """
    as_it_is = _split(thumbnail)
    if as_it_is.separation > POLARITY.clean_split:
        return POLARITY.clean_weight * as_it_is.evidence, as_it_is.is_bright
    even = even_illumination(thumbnail)
    deviation = even.astype(np.float32) - 128
    darker = np.square(np.minimum(deviation, 0)).sum() + 1
    brighter = np.square(np.maximum(deviation, 0)).sum() + 1
    score = POLARITY.skew_weight * float(np.log(darker / brighter))
    in_even_light = _split(even)
    # Where light falls unevenly, neither class is thin; what is clear counts with its square.
    splits = (as_it_is, in_even_light)
    weights = np.square([split.wider for split in splits]) + 1e-6
    evidence = np.average([split.evidence for split in splits], weights=weights)
    score += POLARITY.view_weight * float(evidence)
    # Making light even spoils a thick digit; it must pay to be preferred.
    pays = abs(in_even_light.wider) > abs(as_it_is.wider) + POLARITY.even_gain
    return score, (in_even_light if pays else as_it_is).is_bright


class _Split(NamedTuple):
    """Two classes of pixels by Otsu's threshold, and which of them may be ink."""

    is_bright: Bool[np.ndarray, "h w"]
    wider: float
    """Logarithm of the bright class's width by that of the dark one."""
    evidence: float
    """Evidence for dark ink: width, edges and corners."""
    separation: float
    """Share of the variance that the classes explain, 0 to 1."""


def _split(values: UInt8[np.ndarray, "h w"]) -> _Split:
    is_bright = otsu_split(values)
    share = float(is_bright.mean())
    separation = 0.0
    if 0 < share < 1:
        gap = float(values[is_bright].mean()) - float(values[~is_bright].mean())
        separation = share * (1 - share) * gap**2 / float(values.var())
    wider = float(np.log(_width(is_bright) / _width(~is_bright)))
    edges, corners = zip(*(_outline(is_bright, inset) for inset in INSETS), strict=True)
    edge, corner = float(np.median(edges)), float(np.median(corners))
    evidence = POLARITY.edge_weight * (edge - 0.5) + POLARITY.corner_weight * (corner - 0.5)
    return _Split(is_bright, wider, wider + evidence, separation)


def _outline(is_bright: Bool[np.ndarray, "h w"], inset: int) -> tuple[float, float]:
    """Bright share of the four edges and of the corners, some pixels inside the picture."""
    inset = min(inset, min(is_bright.shape) // 4)
    inner = is_bright[inset : is_bright.shape[0] - inset, inset : is_bright.shape[1] - inset]
    edges = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    ends = (slice(CORNER), slice(-CORNER, None))
    corners = [inner[y, x].mean() for y in ends for x in ends]
    return float(edges.mean()), float(np.mean(corners))


def _width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Root mean square distance of a class's pixels to the other class, by distance transform."""
    if mask.all():
        return float(max(mask.shape))
    pad = round(POLARITY.outside)
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return float(np.sqrt(np.square(distances).sum() / max(1, int(mask.sum())) + 1e-3))
