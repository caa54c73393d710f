"""Stroke variation: strokes thicker, thinner, harder, softer, broken, uneven."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from digits.training.augmentation.drawing import (
    Range,
    blur,
    change_part,
    random_field,
    random_line,
    uniform,
)


@dataclass(frozen=True)
class StrokeAmounts:
    """Amounts of stroke variation. Parts are of the images that `stroke_variation` allows.

    Source: chosen by eye, then kept for what they gave on other people's handwriting
    (docs/experiments.md).
    """

    part_redrawn: float = 0.7
    """Part whose strokes become thicker or thinner, harder or softer; 0 to 1."""
    part_broken: float = 0.15
    """Part whose strokes are broken by a gap; 0 to 1."""
    part_uneven: float = 0.25
    """Part whose strokes are pressed unevenly; 0 to 1."""
    threshold: Range = (0.2, 0.65)
    """Threshold that redraws a blurred stroke, as a part of its peak; the lower, the thicker."""
    faintest_peak: float = 20.0
    """Least peak of a blurred image that thresholds are taken from, in grey levels; 0 to 255."""
    softness: Range = (8, 30)
    """Width of a redrawn stroke's edge, in grey levels of the blurred one; above 0."""
    faintest_stroke: float = 0.15
    """Least brightness that is brought to white after redrawing; 0 to 1."""
    gap_distance: Range = (0, 9)
    """Distance of a gap from the middle of the image, in pixels."""
    pressure_points: int = 4
    """Points along each side of the field of pressure; at least 2."""
    pressure_deviation: float = 0.5
    """Standard deviation of the pressure, whose mean is 1."""
    pressure: Range = (0.15, 1.3)
    """Least and greatest pressure; the product with the pixels is cut off at white."""


AMOUNTS = StrokeAmounts()


def vary_strokes(
    images: Float[Tensor, "n 1 h w"], stroke_variation: float, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make strokes thicker or thinner, harder or softer; break them; press them unevenly.

    Args:
        images: Pixels from 0 to 255.
        stroke_variation: Part of the images that may be changed.
        generator: A generator on the CPU.
    """
    for change, part in (
        (_redraw, AMOUNTS.part_redrawn),
        (_break, AMOUNTS.part_broken),
        (_press_unevenly, AMOUNTS.part_uneven),
    ):
        change_images = partial(change, generator=generator)
        images = change_part(change_images, images, stroke_variation * part, generator)
    return images


def _redraw(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Blur the strokes and threshold them softly: the lower the threshold, the wider they are."""
    n, device = len(images), images.device
    soft = blur(images)
    peak = soft.amax((1, 2, 3), True).clamp_min(AMOUNTS.faintest_peak)
    threshold = uniform(n, AMOUNTS.threshold, generator, device) * peak
    softness = uniform(n, AMOUNTS.softness, generator, device)
    floor = torch.sigmoid(-threshold / softness)
    drawn = (torch.sigmoid((soft - threshold) / softness) - floor) / (1 - floor)
    white = drawn.amax((1, 2, 3), True).clamp_min(AMOUNTS.faintest_stroke)
    return 255 * (drawn / white).clamp(0, 1)


def _break(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Break the strokes where a line crosses them."""
    return images * (1 - random_line(images, AMOUNTS.gap_distance, generator))


def _press_unevenly(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make the strokes darker here and fainter there."""
    field = random_field(images, generator, num_points=AMOUNTS.pressure_points)[:, :1]
    pressure = (1 + field * AMOUNTS.pressure_deviation).clamp(*AMOUNTS.pressure)
    return (images * pressure).clamp(0, 255)
