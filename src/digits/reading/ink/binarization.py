"""Binarization: grey levels to ink, by contrast to the paper in light that changes smoothly."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from digits.reading.ink.contrast import otsu_threshold, paper_noise, stroke_level
from digits.reading.ink.illumination import remove_illumination, thumbnail_of
from digits.reading.ink.polarity import find_polarity
from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class BinarizationParameters(Tuned):
    """Tuned numbers of the hysteresis thresholds."""

    weak: float = number(0.22, "contrasts of a full stroke", low=0.05, high=0.6)
    """Lower threshold: ink exceeds it and is connected to ink above the upper one."""
    strong: float = number(0.4, "contrasts of a full stroke", low=0.1, high=0.9)
    """Upper threshold."""
    noisy_weak: float = number(0.35, "contrasts of a full stroke", low=0.1, high=0.7)
    """Lower threshold on grained or patterned paper, at most."""
    noise: float = number(2.5, "standard deviations of the paper", low=1, high=6)
    """Both thresholds, at least, on such paper."""
    blank_level: float = number(40.0, "grey levels", low=10, high=100)
    """Contrast of a full stroke below which a page may be blank."""
    blank_noise: float = number(5.0, "standard deviations of the paper", low=2, high=10)
    """Contrast of a full stroke below which a page may be blank, on noisy paper."""


BINARIZATION = BinarizationParameters()


@dataclass(frozen=True)
class Ink:
    """Ink of a picture: where it is, and how strong."""

    contrast: Float32[np.ndarray, "h w"]
    """Difference to the paper, in grey levels; above 0 on the ink's side."""
    mask: Bool[np.ndarray, "h w"]
    """True where there is ink."""
    noise: float
    """Standard deviation of the paper, in grey levels."""
    level: float
    """Contrast of a full stroke, in grey levels."""
    is_dark: bool
    """Whether the ink is darker than its paper."""
    certainty: float
    """Certainty of `is_dark`, in logarithms of width: 0 is a guess, above 0.65 is safe."""

    @classmethod
    def from_contrast(
        cls,
        contrast: Float32[np.ndarray, "h w"],
        is_dark: bool,
        certainty: float,
        *,
        noise: float | None = None,
    ) -> "Ink":
        """Threshold a contrast; the paper's noise is estimated if it is not given."""
        if noise is None:
            noise = paper_noise(contrast, contrast > otsu_threshold(contrast))
        level = stroke_level(contrast, noise)
        return cls(contrast, _threshold(contrast, noise, level), noise, level, is_dark, certainty)

    def turned(self, turns: int) -> "Ink":
        """Turn it anticlockwise by so many quarter turns."""
        contrast, mask = (
            np.ascontiguousarray(np.rot90(of, turns)) for of in (self.contrast, self.mask)
        )
        return replace(self, contrast=contrast, mask=mask)


def binarize(grey: UInt8[np.ndarray, "h w"], *, dark: bool | None = None) -> Ink:
    """Tell ink from paper, also under uneven light.

    Args:
        grey: A picture.
        dark: Whether the ink is darker than its paper; found out if not given.
    """
    thumbnail = thumbnail_of(grey)
    score, is_bright = find_polarity(thumbnail)
    is_dark = score >= 0 if dark is None else dark
    first_guess = ~is_bright if is_dark else is_bright
    contrast = remove_illumination(grey, thumbnail, first_guess, is_dark=is_dark)
    return Ink.from_contrast(contrast, is_dark, abs(score))


def _threshold(
    contrast: Float32[np.ndarray, "h w"], noise: float, level: float
) -> Bool[np.ndarray, "h w"]:
    """Threshold with hysteresis: ink is above the lower threshold and holds on to the upper one."""
    numbers = BINARIZATION
    if level < min(numbers.blank_level, numbers.blank_noise * noise):
        return np.zeros(contrast.shape, bool)
    grain = numbers.noise * noise
    weak = max(numbers.weak * level, min(grain, numbers.noisy_weak * level))
    strong = max(numbers.strong * level, min(grain, level))
    count, labels = cv2.connectedComponents((contrast > weak).astype(np.uint8), connectivity=8)
    keep = np.zeros(count, bool)
    keep[labels[contrast > strong]] = True
    keep[0] = False
    return np.asarray(keep[labels])
