"""Document degradation: parts of neighbours, ruled lines, patterned ground, blur, noise, contrast.

These stand around digits on paper, or are made by cameras.
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from digits.training.augmentation.drawing import (
    TURN,
    UNIT,
    Range,
    blur,
    change_part,
    pixel_coordinates,
    random_field,
    random_line,
    uniform,
)
from digits.training.augmentation.geometry import scale_and_shift


@dataclass(frozen=True)
class DegradationAmounts:
    """Amounts of degradation. Parts are of the images that `degradation` allows.

    Source: chosen by eye, then kept for what they gave on other people's handwriting
    (docs/experiments.md); lines stay outside the digit, as networks else learn to pass over a foot.
    """

    part_with_neighbour: float = 0.3
    """Part into which another digit reaches; 0 to 1."""
    part_with_line: float = 0.12
    """Part with a ruled line or an edge of a form; 0 to 1."""
    part_with_ground: float = 0.18
    """Part on a patterned ground; 0 to 1."""
    part_blurred: float = 0.18
    """Part that is blurred; 0 to 1."""
    part_noisy: float = 0.24
    """Part with noise; 0 to 1."""
    part_with_contrast: float = 0.35
    """Part with another contrast; 0 to 1."""
    neighbour_distance: Range = (11, 19)
    """Distance between a neighbour's centre and the digit's, in pixels."""
    neighbour_offset: Range = (-5, 5)
    """Offset of a neighbour across that direction, in pixels."""
    part_above: float = 0.15
    """Part of the neighbours that stand above or below instead of beside; 0 to 1."""
    line_distance: Range = (0.65, 1)
    """Distance of a line from the middle, as a part of half the image."""
    line_grey: Range = (60, 255)
    """Brightness of a line, in grey levels; 0 to 255."""
    ground_frequency: Range = (0.8, 2.4)
    """Frequency of the ground's waves, in radians a pixel; below π."""
    ground_bend: float = 2.0
    """Standard deviation of the field that bends the waves, in pixels."""
    ground_points: int = 4
    """Points along each side of that field; at least 2."""
    ground_grey: Range = (20, 110)
    """Brightness of the ground's waves, in grey levels; 0 to 255."""
    noise_deviation: Range = (0, 45)
    """Standard deviation of the noise, in grey levels."""
    log_gamma: Range = (-0.7, 0.7)
    """Natural logarithm of the power of the pixels that changes the contrast."""


AMOUNTS = DegradationAmounts()


def degrade(
    images: Float[Tensor, "n 1 h w"], degradation: float, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Degrade images at random, each by none, one or several of the effects below.

    Args:
        images: Pixels from 0 to 255.
        degradation: Part of the images that may be changed.
        generator: A generator on the CPU.
    """
    for change, part in (
        (_add_neighbour, AMOUNTS.part_with_neighbour),
        (_add_line, AMOUNTS.part_with_line),
        (_add_ground, AMOUNTS.part_with_ground),
        (_blur, AMOUNTS.part_blurred),
        (_add_noise, AMOUNTS.part_noisy),
        (_change_contrast, AMOUNTS.part_with_contrast),
    ):
        change_images = partial(change, generator=generator)
        images = change_part(change_images, images, degradation * part, generator)
    return images


def _add_neighbour(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Let a part of another digit of the batch reach in, mostly from the left or right."""
    n, device = len(images), images.device
    side = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * 2 - 1
    far = side * uniform(n, AMOUNTS.neighbour_distance, generator, device)
    near = uniform(n, AMOUNTS.neighbour_offset, generator, device)
    is_above = uniform(n, UNIT, generator, device) < AMOUNTS.part_above
    x, y = torch.where(is_above, near, far), torch.where(is_above, far, near)
    return torch.maximum(images, scale_and_shift(images.roll(1, 0), torch.ones_like(x), x, y))


def _add_line(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Draw a ruled line or an edge of a form outside the digit."""
    half = images.shape[-1] / 2
    nearest, farthest = AMOUNTS.line_distance
    line = random_line(images, (nearest * half, farthest * half), generator)
    grey = uniform(len(images), AMOUNTS.line_grey, generator, images.device)
    return torch.maximum(images, line * grey)


def _add_ground(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Draw faint, curved, parallel lines, as on cheques and bank notes."""
    n, device = len(images), images.device
    angle = uniform(n, TURN, generator, device)
    frequency = uniform(n, AMOUNTS.ground_frequency, generator, device)
    phase = uniform(n, TURN, generator, device)
    field = random_field(images, generator, num_points=AMOUNTS.ground_points)[:, :1]
    x, y = pixel_coordinates(images)
    away = x * angle.cos() + y * angle.sin() + AMOUNTS.ground_bend * field
    waves = torch.cos(away * frequency + phase).clamp_min(0).square()
    return torch.maximum(images, waves * uniform(n, AMOUNTS.ground_grey, generator, device))


def _blur(images: Float[Tensor, "n 1 h w"], generator: torch.Generator) -> Float[Tensor, "n 1 h w"]:
    """Blur images, each in the same way."""
    return blur(images)


def _add_noise(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Add Gaussian noise, of another deviation for each image."""
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    deviation = uniform(len(images), AMOUNTS.noise_deviation, generator, images.device)
    return (images + noise * deviation).clamp(0, 255)


def _change_contrast(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Raise pixels to a power (gamma), another one for each image."""
    gamma = torch.exp(uniform(len(images), AMOUNTS.log_gamma, generator, images.device))
    return 255 * (images / 255).clamp(0, 1) ** gamma
