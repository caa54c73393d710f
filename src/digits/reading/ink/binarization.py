"""Grey levels to ink, in light that changes smoothly: which side is paper, what stands out."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

THUMBNAIL = 128
"""The paper is estimated on a copy of this many pixels on the longer side."""

WEAK, STRONG = 0.22, 0.4
"""Of the contrast of a full stroke: ink is what exceeds the weak one and holds on to what exceeds
the strong one."""

NOISY_WEAK, NOISY_STRONG = 0.35, 0.5
"""The same for paper with grain or a pattern, which is told from ink by its deviation."""

INSETS = (0, 6, 12)
"""Where paper is looked for, in pixels from the edges of the thumbnail, at which a box may be."""

MOSTLY = 0.6
"""Part of a picture that must be paper for its light to be taken for a curved surface."""

CLEAN = 0.9
"""Where two classes of pixels explain more than this part of the variance, the light is even."""

EVEN_PAYS = 0.1
"""By how much ink must be thinner, in the logarithm, for a picture to be taken with even light."""

BLANK_LEVEL = 40
"""A page whose strongest points stand out by less than this, in grey levels, and by less than five
deviations of its paper, is blank."""


@dataclass(frozen=True)
class Ink:
    """Where there is ink on a picture, and how much."""

    contrast: Float32[np.ndarray, "h w"]
    """By how many grey levels it differs from the paper; below 0 on the other side of it."""
    mask: Bool[np.ndarray, "h w"]
    """What is ink."""
    noise: float
    """Standard deviation of the paper, in grey levels."""
    level: float
    """Contrast of a full stroke, in grey levels."""
    is_dark: bool
    """Whether the ink is darker than its paper."""
    certainty: float
    """About `is_dark`: 0 is a guess, above 2 is safe."""

    @classmethod
    def from_contrast(
        cls,
        contrast: Float32[np.ndarray, "h w"],
        is_dark: bool,
        certainty: float,
        *,
        noise: float | None = None,
    ) -> "Ink":
        """What stands out enough is ink; the paper's noise is measured if not given."""
        if noise is None:
            noise = _noise(contrast, contrast > otsu(contrast))
        mask, level = _threshold(contrast, noise)
        return cls(contrast, mask, noise, level, is_dark, certainty)


def find_ink(grey: UInt8[np.ndarray, "h w"], *, dark: bool | None = None) -> Ink:
    """Tell ink from paper, also under uneven light.

    Args:
        grey: A picture.
        dark: Whether the ink is darker than its paper; found out if not given.
    """
    thumbnail = thumbnail_of(grey)
    score, is_bright = _polarity(thumbnail)
    is_dark = score >= 0 if dark is None else dark
    sign = 1.0 if is_dark else -1.0
    paper = _paper(thumbnail.astype(np.float32), ~is_bright if is_dark else is_bright, sign)
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    contrast = sign * (paper - grey.astype(np.float32))
    return Ink.from_contrast(contrast, is_dark, abs(score))


def thumbnail_of(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "th tw"]:
    """A copy of 128 pixels on the longer side, a little blurred."""
    factor = THUMBNAIL / max(grey.shape)
    height, width = (max(8, round(side * factor)) for side in grey.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, (width, height), interpolation=method)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.uint8)


def _polarity(
    thumbnail: UInt8[np.ndarray, "h w"],
) -> tuple[float, Bool[np.ndarray, "h w"]]:
    """Whether ink is dark (above 0), and which pixels are bright.

    Ink is thin where paper is wide, and paper has the edges and corners; of two classes of pixels
    that Otsu's threshold tells apart, as they are and with the light made even.
    """
    as_it_is = _view(thumbnail)
    if as_it_is.separation > CLEAN:
        return 4 * as_it_is.points, as_it_is.is_bright
    even = _even_light(thumbnail)
    deviation = even.astype(np.float32) - 128
    darker = np.square(np.minimum(deviation, 0)).sum() + 1
    brighter = np.square(np.maximum(deviation, 0)).sum() + 1
    score = 0.5 * float(np.log(darker / brighter))
    in_even_light = _view(even)
    # Where light falls unevenly, neither class is thin; what is clear counts with its square.
    views = (as_it_is, in_even_light)
    weights = np.square([view.wider for view in views]) + 1e-6
    score += 2 * float(np.average([view.points for view in views], weights=weights))
    # Making light even spoils a thick digit; it must pay to be taken.
    pays = abs(in_even_light.wider) > abs(as_it_is.wider) + EVEN_PAYS
    return score, (in_even_light if pays else as_it_is).is_bright


class _View(NamedTuple):
    """Two classes of pixels by Otsu's threshold, and which of them may be ink."""

    is_bright: Bool[np.ndarray, "h w"]
    wider: float
    """How much wider what is bright is than what is dark; a logarithm."""
    points: float
    """For ink that is dark: width, edges and corners."""
    separation: float
    """Part of the variance that the classes explain."""


def _view(values: UInt8[np.ndarray, "h w"]) -> _View:
    threshold, _ = cv2.threshold(values, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    is_bright = values > threshold
    share = float(is_bright.mean())
    separation = 0.0
    if 0 < share < 1:
        gap = float(values[is_bright].mean()) - float(values[~is_bright].mean())
        separation = share * (1 - share) * gap**2 / float(values.var())
    wider = float(np.log(_width(is_bright) / _width(~is_bright)))
    edges, corners = zip(*(_outline(is_bright, inset) for inset in INSETS), strict=True)
    edge, corner = float(np.median(edges)), float(np.median(corners))
    return _View(is_bright, wider, wider + 2 * (edge - 0.5) + corner - 0.5, separation)


def _outline(is_bright: Bool[np.ndarray, "h w"], inset: int) -> tuple[float, float]:
    """Share of what is bright along the four edges and in the corners, so many pixels inside."""
    inset = min(inset, min(is_bright.shape) // 4)
    inner = is_bright[inset : is_bright.shape[0] - inset, inset : is_bright.shape[1] - inset]
    edges = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    ends = (slice(4), slice(-4, None))
    corners = [inner[y, x].mean() for y in ends for x in ends]
    return float(edges.mean()), float(np.mean(corners))


def _even_light(thumbnail: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Differences to a curved surface, then to the median of a large window, about 128."""
    values = thumbnail.astype(np.float32)
    weights = np.ones_like(values)
    for _ in range(4):
        rest = values - _surface(values, weights)
        # What is far from the surface is ink, and counts less (Cauchy's weights).
        spread = 1.5 * float(np.median(np.abs(rest))) + 1
        weights = (1 / (1 + np.square(rest / spread))).astype(np.float32)
    flat = np.clip(rest + 128, 0, 255).astype(np.uint8)
    size = max(flat.shape) // 2 | 1
    pad = size // 2
    border = cv2.BORDER_REFLECT_101 if min(flat.shape) > pad else cv2.BORDER_REPLICATE
    padded = cv2.copyMakeBorder(flat, pad, pad, pad, pad, border)
    median = cv2.medianBlur(padded, size)[pad:-pad, pad:-pad]
    even = flat.astype(np.int16) - median.astype(np.int16) + 128
    return np.asarray(np.clip(even, 0, 255), np.uint8)


def _surface(
    values: Float32[np.ndarray, "h w"], weights: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """The quadratic surface nearest to weighted values: light of a lamp, dark corners of a lens."""
    terms = _quadratic_terms(values.shape)
    some = (slice(None, None, 2), slice(None, None, 2))  # a quarter of the pixels tells as much
    few = terms[some].reshape(-1, terms.shape[2])
    weighted = few * weights[some].reshape(-1, 1)
    ridge = 1e-3 * np.eye(terms.shape[2], dtype=np.float32)
    coefficients = np.linalg.solve(weighted.T @ few + ridge, weighted.T @ values[some].ravel())
    return np.asarray(terms @ coefficients, np.float32)


@lru_cache(maxsize=8)
def _quadratic_terms(shape: tuple[int, int]) -> Float32[np.ndarray, "h w 6"]:
    """1, x, y, xy, x², y² at each pixel, from -1 to 1 along both sides."""
    y, x = np.meshgrid(
        *(np.linspace(-1, 1, side, dtype=np.float32) for side in shape), indexing="ij"
    )
    terms = (np.ones_like(x), x, y, y * x, x * x, y * y)
    return np.stack(terms, axis=2)


def _width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Root mean square distance of a class's pixels to the other class; it goes on outside."""
    if mask.all():
        return float(max(mask.shape))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 6, 6, 6, 6, cv2.BORDER_REPLICATE)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return float(np.sqrt(np.square(distances).sum() / max(1, int(mask.sum())) + 1e-3))


def _paper(
    thumbnail: Float32[np.ndarray, "h w"], ink: Bool[np.ndarray, "h w"], sign: float
) -> Float32[np.ndarray, "h w"]:
    """Brightness of the paper everywhere: smoothed from where there is no ink, three times."""
    sigma = max(thumbnail.shape) / 8
    paper = np.full_like(thumbnail, np.percentile(thumbnail, 95 if sign > 0 else 5))
    for _ in range(3):
        bare = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        if bare.mean() < 0.08:
            break
        weights = bare.astype(np.float32)
        surface = _surface(thumbnail, weights) if bare.mean() > MOSTLY else 0.0
        rest = (thumbnail - surface) * weights
        total, weight = _smooth(rest, sigma), _smooth(weights, sigma)
        mean = float(rest[bare].mean())
        local = np.where(weight > 0.02, total / np.maximum(weight, 1e-6), mean)
        paper = np.asarray(surface + local, np.float32)
        contrast = sign * (paper - thumbnail)
        ink = contrast > 0.8 * max(otsu(contrast), 3 * _noise(contrast, ink))
    return paper


def _smooth(values: Float32[np.ndarray, "h w"], sigma: float) -> Float32[np.ndarray, "h w"]:
    """Blurred by so many pixels; on a quarter of the size, as nothing finer is left."""
    small = cv2.resize(values, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, values.shape[::-1]), np.float32)


def otsu(contrast: Float32[np.ndarray, "h w"]) -> float:
    """Otsu's threshold among what is above 0."""
    top = float(contrast.max())
    if top <= 0:
        return 0.0
    scaled = np.clip(contrast * (255 / top), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(threshold) * top / 255


def _noise(contrast: Float32[np.ndarray, "h w"], ink: Bool[np.ndarray, "h w"]) -> float:
    """Standard deviation of the paper, from the median deviation of what is no ink."""
    step = max(1, round(np.sqrt(contrast.size / 200_000)))
    few = slice(None, None, step), slice(None, None, step)
    values = contrast[few][~ink[few]]
    if values.size < 16:
        values = contrast.ravel()
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) + 1e-3


def _threshold(
    contrast: Float32[np.ndarray, "h w"], noise: float
) -> tuple[Bool[np.ndarray, "h w"], float]:
    """Ink by two thresholds, and the contrast of a full stroke."""
    level = _level(contrast, noise)
    if level < min(BLANK_LEVEL, 5 * noise):
        return np.zeros(contrast.shape, bool), level
    weak = max(WEAK * level, min(2.5 * noise, NOISY_WEAK * level))
    strong = max(STRONG * level, min(3 * noise, NOISY_STRONG * level))
    count, labels = cv2.connectedComponents((contrast > weak).astype(np.uint8), connectivity=8)
    keep = np.zeros(count, bool)
    keep[labels[contrast > strong]] = True
    keep[0] = False
    return keep[labels], level


def _level(contrast: Float32[np.ndarray, "h w"], noise: float) -> float:
    """Contrast of a full stroke: of the strongest points of small squares, those that stand out."""
    side = max(2, round(min(contrast.shape) / 24))
    height, width = (length // side * side for length in contrast.shape)
    smooth = cv2.blur(contrast, (3, 3))[:height, :width]
    tops = smooth.reshape(height // side, side, width).max(axis=1)
    tops = tops.reshape(height // side, width // side, side).max(axis=2)
    standing_out = tops[tops > max(otsu(tops), 4 * noise)]
    return float(np.percentile(standing_out, 60)) if standing_out.size else float(tops.max())
