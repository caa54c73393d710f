"""What paper and cameras do: parts of neighbours, ruled lines, a patterned ground, blur, noise."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from digits.training.augmentation.drawing import apply, blur, places, random_line, uniform
from digits.training.augmentation.geometry import random_field

# Parts of the images to which each is done, of those that `surroundings` allows.
NEIGHBOURS, LINES, GROUND, BLUR, NOISE, CONTRAST = 0.3, 0.12, 0.18, 0.18, 0.24, 0.35


def surround(
    images: Float[Tensor, "n 1 h w"], surroundings: float, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Put into each image, at random, what stands around digits on paper and in photos.

    Args:
        images: 0 to 255.
        surroundings: Part of the images that may be changed.
        generator: On the CPU.
    """
    for effect, part in (
        (_with_neighbour, NEIGHBOURS),
        (_with_line, LINES),
        (_with_ground, GROUND),
        (_blurred, BLUR),
        (_noisy, NOISE),
        (_with_contrast, CONTRAST),
    ):
        do = partial(effect, generator=generator)
        images = apply(do, images, surroundings * part, generator)
    return images


def _with_neighbour(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A part of another digit of the batch reaches in, mostly from the left or right."""
    n, device = len(images), images.device
    side = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * 2 - 1
    far = side * uniform(n, 11, 19, generator, device)
    near = uniform(n, -5, 5, generator, device)
    is_above = uniform(n, 0, 1, generator, device) < 0.15
    x, y = torch.where(is_above, near, far), torch.where(is_above, far, near)
    return torch.maximum(images, shrink_and_shift(images.roll(1, 0), torch.ones_like(x), x, y))


def shrink_and_shift(
    images: Float[Tensor, "n 1 h w"],
    scale: Float[Tensor, "n 1 1 1"],
    x: Float[Tensor, "n 1 1 1"],
    y: Float[Tensor, "n 1 1 1"],
) -> Float[Tensor, "n 1 h w"]:
    """Images at a scale, their middle moved by x and y pixels."""
    pixel = 2 / images.shape[-1]
    across = torch.cat([1 / scale, torch.zeros_like(x), -x * pixel / scale], dim=3)
    down = torch.cat([torch.zeros_like(x), 1 / scale, -y * pixel / scale], dim=3)
    maps = torch.cat([across, down], dim=2)[:, 0]
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _with_line(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A ruled line or an edge of a form, outside the digit."""
    half = images.shape[-1] / 2
    line = random_line(images, 0.65 * half, half, generator)
    return torch.maximum(images, line * uniform(len(images), 60, 255, generator, images.device))


def _with_ground(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Curved parallel lines, faint, as on cheques and bank notes."""
    n, device = len(images), images.device
    angle = uniform(n, -math.pi, math.pi, generator, device)
    frequency = uniform(n, 0.8, 2.4, generator, device)  # radians a pixel
    phase = uniform(n, -math.pi, math.pi, generator, device)
    bend = 2 * random_field(images, generator, num_points=4)[:, :1]
    x, y = places(images)
    away = x * angle.cos() + y * angle.sin() + bend
    waves = torch.cos(away * frequency + phase).clamp_min(0).square()
    return torch.maximum(images, waves * uniform(n, 20, 110, generator, device))


def _blurred(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    return blur(images)


def _noisy(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    grain = torch.randn(images.shape, generator=generator).to(images.device)
    amount = uniform(len(images), 0, 45, generator, images.device)
    return (images + grain * amount).clamp(0, 255)


def _with_contrast(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    power = torch.exp(uniform(len(images), -0.7, 0.7, generator, images.device))
    return 255 * (images / 255).clamp(0, 1) ** power
