"""Polarity: whether ink is darker than its paper or lighter.

Ink is thin where paper is wide, and paper has the picture's edges. Pixels are split
into two classes by Otsu's threshold, as they are and with the light made even.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.contrast import otsu_split
from digits.reading.ink.illumination import detrend
from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class PolarityParameters(Tuned):
    """Tuned numbers of the evidence about the polarity."""

    clean_split: float = number(0.9, "share of the variance", low=0.7, high=1)
    """Variance that two classes explain in even light, at least; then no light is removed."""
    edge_weight: float = number(2.25, "logarithms of width", low=0.6, high=10)
    """Weight of the bright share of the edges."""
    inset: int = number(6, "pixels of the thumbnail", low=1, high=24)
    """Distance from the edges at which paper is looked for, too, and again at twice as much: a box
    may run along the edges. The median counts. So far is the picture thought to go on outside."""
    skew_weight: float = number(0.25, "logarithms of width", low=0, high=1)
    """Weight of the logarithm of dark by bright deviation from the paper."""


POLARITY = PolarityParameters()


def find_polarity(
    thumbnail: UInt8[np.ndarray, "h w"],
) -> tuple[float, Bool[np.ndarray, "h w"]]:
    """Weigh the evidence that ink is dark.

    Returns:
        The evidence, in logarithms of width, above 0 for dark ink; and the pixels of the brighter
        class.
    """
    as_it_is = _split(thumbnail)
    if as_it_is.separation > POLARITY.clean_split:
        return as_it_is.evidence, as_it_is.is_bright
    even = detrend(thumbnail)
    deviation = even.astype(np.float32) - 128
    darker = np.square(np.minimum(deviation, 0)).sum() + 1
    brighter = np.square(np.maximum(deviation, 0)).sum() + 1
    score = POLARITY.skew_weight * float(np.log(darker / brighter))
    in_even_light = _split(even)
    # Where light falls unevenly, neither class is thin; what is clear counts with its square.
    splits = (as_it_is, in_even_light)
    weights = np.square([split.wider for split in splits]) + 1e-6
    score += float(np.average([split.evidence for split in splits], weights=weights))
    # Making light even spoils a thick digit; it must pay to be preferred.
    pays = abs(in_even_light.wider) > abs(as_it_is.wider)
    return score, (in_even_light if pays else as_it_is).is_bright


class _Split(NamedTuple):
    """Two classes of pixels by Otsu's threshold, and which of them may be ink."""

    is_bright: Bool[np.ndarray, "h w"]
    wider: float
    """Logarithm of the bright class's width by that of the dark one."""
    evidence: float
    """Evidence for dark ink: the bright class is wider, and has the edges."""
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
    insets = (0, POLARITY.inset, 2 * POLARITY.inset)
    edge = float(np.median([_bright_edges(is_bright, inset) for inset in insets]))
    return _Split(is_bright, wider, wider + POLARITY.edge_weight * (edge - 0.5), separation)


def _bright_edges(is_bright: Bool[np.ndarray, "h w"], inset: int) -> float:
    """Bright share of the four edges of a picture, some pixels inside it."""
    inset = min(inset, min(is_bright.shape) // 4)
    inner = is_bright[inset : is_bright.shape[0] - inset, inset : is_bright.shape[1] - inset]
    edges = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    return float(edges.mean())


def _width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Root mean square distance of a class's pixels to the other class, by distance transform."""
    if mask.all():
        return float(max(mask.shape))
    pad = POLARITY.inset
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return float(np.sqrt(np.square(distances).sum() / max(1, int(mask.sum())) + 1e-3))
