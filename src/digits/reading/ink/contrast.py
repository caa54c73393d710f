"""Contrast of ink on paper: Otsu's threshold, the paper's noise, the level of a full stroke."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.tuning import Tuned, number

MAD_TO_DEVIATION = 1.4826
"""Standard deviation of normal noise, in median absolute deviations."""

SAMPLES = 200_000
"""Number of pixels from which the noise is estimated; more cost time and tell the same."""


@dataclass(frozen=True)
class ContrastParameters(Tuned):
    """Tuned numbers of the contrast of a full stroke."""

    tiles: float = number(24.0, "tiles along the shorter side", low=8, high=64)
    """Number of square tiles of whose strongest points the level of a full stroke is made."""
    standing_out: float = number(4.0, "standard deviations of the paper", low=2, high=8)
    """Contrast above which a tile's strongest point may be ink."""
    level_share: float = number(0.4, "share of the points", low=0, high=1)
    """Share of those points that have at least the contrast of a full stroke."""


CONTRAST = ContrastParameters()


def otsu_split(grey: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Split pixels into two classes by Otsu's threshold; true where they are bright.

    Source: Otsu 1979, A threshold selection method from gray-level histograms.
    """
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(grey > threshold)


def otsu_threshold(contrast: Float32[np.ndarray, "h w"]) -> float:
    """Compute Otsu's threshold of the contrast above 0, in grey levels; 0 if there is none."""
    top = float(contrast.max())
    if top <= 0:
        return 0.0
    scaled = np.clip(contrast * (255 / top), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(threshold) * top / 255


def paper_noise(contrast: Float32[np.ndarray, "h w"], ink: Bool[np.ndarray, "h w"]) -> float:
    """Estimate the standard deviation of the paper, in grey levels, from what is not ink."""
    step = max(1, round(np.sqrt(contrast.size / SAMPLES)))
    sampled = slice(None, None, step), slice(None, None, step)
    values = contrast[sampled][~ink[sampled]]
    if values.size < 16:  # too few to tell: ink fills the picture
        values = contrast.ravel()
    deviations = np.abs(values - np.median(values))
    return float(MAD_TO_DEVIATION * np.median(deviations)) + 1e-3


def stroke_level(contrast: Float32[np.ndarray, "h w"], noise: float) -> float:
    """Estimate the contrast of a full stroke, in grey levels, from the strongest point of tiles.

    Args:
        contrast: Contrast to the paper, in grey levels; above 0 for ink.
        noise: Standard deviation of the paper, in grey levels.
    """
    side = max(2, round(min(contrast.shape) / CONTRAST.tiles))
    height, width = (length // side * side for length in contrast.shape)
    smooth = cv2.blur(contrast, (3, 3))[:height, :width]
    tops = smooth.reshape(height // side, side, width).max(axis=1)
    tops = tops.reshape(height // side, width // side, side).max(axis=2)
    standing_out = tops[tops > max(otsu_threshold(tops), CONTRAST.standing_out * noise)]
    if not standing_out.size:
        return float(tops.max())
    return reached(standing_out, CONTRAST.level_share)


def reached(contrast: Float32[np.ndarray, " n"], share: float) -> float:
    """Find the contrast that a share of some pixels has at least, in grey levels.

    Unlike `np.quantile`, which takes ten times as long, it does not interpolate.
    """
    place = round((1 - share) * (len(contrast) - 1))
    return float(np.partition(contrast, place)[place])
