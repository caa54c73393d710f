"""Illumination: removes uneven light, estimated from the paper around the ink.

The background, that is the paper's brightness at each pixel, is a quadratic surface (a lamp's
light, a lens's dark corners) and what a wide blur adds to it, fitted where there is no ink.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.contrast import otsu_threshold, paper_noise
from digits.reading.tuning import Tuned, number

THUMBNAIL = 128
"""Longer side of the copy of a picture on which its light is estimated, in pixels; the unit of many
a number of binarization."""

ROUNDS = 3
"""Times that background and ink are estimated, each from the other."""


@dataclass(frozen=True)
class IlluminationParameters(Tuned):
    """Tuned numbers of the estimate of the background."""

    thumbnail_blur: float = number(1.2, "pixels of the thumbnail", low=0.5, high=3)
    """Standard deviation by which the thumbnail is blurred."""
    background_blur: float = number(1 / 8, "longer sides", low=0.03, high=0.5)
    """Standard deviation of the blur that follows the paper's brightness."""
    ink_noise: float = number(3.0, "standard deviations of the paper", low=1, high=6)
    """Threshold for ink, at least, where it is left out of the background."""
    surface_paper: float = number(0.6, "share of the picture", low=0.3, high=1)
    """Least share of paper for its light to be fitted by a quadratic surface."""
    ink_threshold: float = number(0.8, "thresholds", low=0.4, high=1.5)
    """Contrast above which a pixel is left out of the background, in thresholds for ink."""
    median_window: float = number(1 / 2, "longer sides", low=0.2, high=1)
    """Width of the median filter that takes the rest of the light away."""


ILLUMINATION = IlluminationParameters()


def thumbnail_of(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "th tw"]:
    """Shrink or enlarge a picture to 128 pixels on the longer side, a little blurred."""
    factor = THUMBNAIL / max(grey.shape)
    height, width = (max(8, round(side * factor)) for side in grey.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, (width, height), interpolation=method)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), ILLUMINATION.thumbnail_blur), np.uint8)


def remove_illumination(
    grey: UInt8[np.ndarray, "h w"],
    thumbnail: UInt8[np.ndarray, "th tw"],
    ink: Bool[np.ndarray, "th tw"],
    *,
    is_dark: bool,
) -> Float32[np.ndarray, "h w"]:
    """Subtract a picture from its background, so that ink differs from paper alike in any light.

    Args:
        grey: A picture.
        thumbnail: The same, from `thumbnail_of`.
        ink: First guess of the ink.
        is_dark: Whether the ink is darker than its paper.

    Returns:
        Contrast to the paper, in grey levels, above 0 for ink.
    """
    background = _estimate_background(thumbnail.astype(np.float32), ink, is_dark=is_dark)
    background = cv2.resize(background, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    sign = 1.0 if is_dark else -1.0
    return np.asarray(sign * (background - grey.astype(np.float32)))


def detrend(thumbnail: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Subtract what changes smoothly, roughly: neither ink nor its polarity is known yet.

    Returns:
        Differences to a quadratic surface and then to a wide median, about 128.
    """
    values = thumbnail.astype(np.float32)
    weights = np.ones_like(values)
    for _ in range(4):
        rest = values - _quadratic_surface(values, weights)
        # Pixels far from the surface are ink, and count less (Cauchy's weights).
        spread = float(np.median(np.abs(rest))) + 1
        weights = (1 / (1 + np.square(rest / spread))).astype(np.float32)
    flat = np.clip(rest + 128, 0, 255).astype(np.uint8)
    size = int(max(flat.shape) * ILLUMINATION.median_window) | 1
    pad = size // 2
    border = cv2.BORDER_REFLECT_101 if min(flat.shape) > pad else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(flat, pad, pad, pad, pad, border)
    median = cv2.medianBlur(padded, size)[pad:-pad, pad:-pad]
    even = flat.astype(np.int16) - median.astype(np.int16) + 128
    return np.asarray(np.clip(even, 0, 255), np.uint8)


def _estimate_background(
    thumbnail: Float32[np.ndarray, "h w"], ink: Bool[np.ndarray, "h w"], *, is_dark: bool
) -> Float32[np.ndarray, "h w"]:
    """Estimate the brightness of the paper everywhere, also under the ink.

    Args:
        thumbnail: Grey levels.
        ink: First guess of the ink.
        is_dark: Whether the ink is darker than its paper.
    """
    sign = 1.0 if is_dark else -1.0
    sigma = max(thumbnail.shape) * ILLUMINATION.background_blur
    # Where ink seems to cover everything, the paper is as bright, or dark, as anything is.
    background = np.full_like(thumbnail, thumbnail.max() if is_dark else thumbnail.min())
    for _ in range(ROUNDS):
        bare = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        if not bare.any():
            break
        weights = bare.astype(np.float32)
        is_wide = bare.mean() > ILLUMINATION.surface_paper
        surface = _quadratic_surface(thumbnail, weights) if is_wide else 0.0
        rest = (thumbnail - surface) * weights
        total, weight = _blur(rest, sigma), _blur(weights, sigma)
        mean = float(rest[bare].mean())
        local = np.where(weight > 0.02, total / np.maximum(weight, 1e-6), mean)
        background = np.asarray(surface + local, np.float32)
        contrast = sign * (background - thumbnail)
        noise = ILLUMINATION.ink_noise * paper_noise(contrast, ink)
        ink = contrast > ILLUMINATION.ink_threshold * max(otsu_threshold(contrast), noise)
    return background


def _quadratic_surface(
    values: Float32[np.ndarray, "h w"], weights: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Fit a quadratic surface to weighted values, by least squares."""
    terms = _quadratic_terms(values.shape)
    some = (slice(None, None, 2), slice(None, None, 2))  # a quarter of the pixels tells as much
    few = terms[some].reshape(-1, terms.shape[2])
    weighted = few * weights[some].reshape(-1, 1)
    ridge = 1e-3 * np.eye(terms.shape[2], dtype=np.float32)  # weights may all be 0
    coefficients = np.linalg.solve(weighted.T @ few + ridge, weighted.T @ values[some].ravel())
    return np.asarray(terms @ coefficients, np.float32)


@lru_cache(maxsize=8)
def _quadratic_terms(shape: tuple[int, int]) -> Float32[np.ndarray, "h w 6"]:
    """Evaluate 1, x, y, xy, x², y² at each pixel, from -1 to 1 along both sides."""
    y, x = np.meshgrid(
        *(np.linspace(-1, 1, side, dtype=np.float32) for side in shape), indexing="ij"
    )
    terms = (np.ones_like(x), x, y, y * x, x * x, y * y)
    return np.stack(terms, axis=2)


def _blur(values: Float32[np.ndarray, "h w"], sigma: float) -> Float32[np.ndarray, "h w"]:
    """Blur by so many pixels, at a quarter of the size, as nothing finer is left."""
    small = cv2.resize(values, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, values.shape[::-1]), np.float32)
