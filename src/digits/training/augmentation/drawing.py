"""Drawing primitives: random numbers and smooth random fields, pixel coordinates, strokes, blur."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Range = tuple[float, float]
"""Limits between which a number is drawn uniformly."""

UNIT: Range = (0, 1)
TURN: Range = (-math.pi, math.pi)
"""All angles, in radians."""


@dataclass(frozen=True)
class DrawingAmounts:
    """Amounts of the drawn strokes and lines, in the pixels of 28×28 images.

    Source: chosen by eye, to look like MNIST's strokes and like ruled paper.
    """

    stroke_sharpness: float = 3.0
    """Steepness of a stroke's edge, per pixel; above 0."""
    line_sharpness: float = 4.0
    """Steepness of a line's edge, per pixel; above 0."""
    line_width: Range = (0.5, 2.5)
    """Width of a line, in pixels; above 0."""
    part_aligned: float = 0.7
    """Part of the lines that are nearly level or upright; 0 to 1."""
    misalignment: Range = (-0.15, 0.15)
    """Angle between those and the axes, in radians; -π to π."""


AMOUNTS = DrawingAmounts()


def uniform(
    n: int, limits: Range, generator: torch.Generator, device: torch.device
) -> Float[Tensor, "n 1 1 1"]:
    """Draw a number for each image, shaped to be combined with images."""
    low, high = limits
    drawn = low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)
    return drawn.to(device)


def random_field(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator, *, num_points: int
) -> Float[Tensor, "n 2 h w"]:
    """Draw two smooth random fields for each image, of about unit variance, on its device.

    Args:
        images: Images of the number, size and device wanted.
        generator: A generator on the CPU.
        num_points: Points along each side that are drawn; the field is bicubic between them.
    """
    points = torch.randn(len(images), 2, num_points, num_points, generator=generator)
    size = images.shape[-2:]
    fields = F.interpolate(points, size=size, mode="bicubic", align_corners=True)
    return fields.to(images.device)


def change_part(
    change: Callable[[Tensor], Tensor],
    images: Float[Tensor, "n 1 h w"],
    part: float,
    generator: torch.Generator,
) -> Float[Tensor, "n 1 h w"]:
    """Change a random part of the images, and spend no time on the others."""
    chosen = torch.rand(len(images), generator=generator) < part
    indices = chosen.nonzero().flatten().to(images.device)
    if len(indices) == 0:  # torch resamples no empty batches
        return images
    return images.index_copy(0, indices, change(images[indices]))


def pixel_coordinates(
    images: Float[Tensor, "n 1 h w"],
) -> tuple[Float[Tensor, "1 1 1 w"], Float[Tensor, "1 1 h 1"]]:
    """Coordinates of the pixels, x and y, in pixels from the middle of the image."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)


def blur(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Blur with a binomial filter of standard deviation 1."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16
    across = F.conv2d(images, weights.view(1, 1, 1, 5), padding=(0, 2))
    return F.conv2d(across, weights.view(1, 1, 5, 1), padding=(2, 0))


def soft_edge(inside: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Coverage, 0 to 1, of pixels that lie this far inside a stroke's edge, in pixels."""
    return torch.sigmoid(AMOUNTS.stroke_sharpness * inside)


def stroke(
    images: Float[Tensor, "n 1 h w"],
    start: tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]],
    end: tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]],
    width: Float[Tensor, "n 1 1 1"],
) -> Float[Tensor, "n 1 h w"]:
    """Draw a straight stroke for each image, 0 to 1, between two points.

    Args:
        images: Images of the number, size and device wanted.
        start: Where the stroke begins: x and y, in pixels from the middle of the image.
        end: Where it ends, likewise.
        width: Width of the stroke, in pixels.
    """
    x, y = pixel_coordinates(images)
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    from_x, from_y = x - start[0], y - start[1]
    length2 = (along_x.square() + along_y.square()).clamp_min(1e-3)
    part = ((from_x * along_x + from_y * along_y) / length2).clamp(0, 1)
    distance = torch.hypot(from_x - part * along_x, from_y - part * along_y)
    return soft_edge(width / 2 - distance)


def random_line(
    images: Float[Tensor, "n 1 h w"], distance: Range, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Draw a straight line across each image, 0 to 1, mostly level or upright.

    Args:
        images: Images of the number, size and device wanted.
        distance: Limits of the line's distance from the middle of the image, in pixels.
        generator: A generator on the CPU.
    """
    n, device = len(images), images.device
    any_angle = uniform(n, TURN, generator, device)
    upright = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * (math.pi / 2)
    aligned = upright + uniform(n, AMOUNTS.misalignment, generator, device)
    is_aligned = uniform(n, UNIT, generator, device) < AMOUNTS.part_aligned
    angle = torch.where(is_aligned, aligned, any_angle)
    side = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * 2 - 1
    offset = side * uniform(n, distance, generator, device)
    x, y = pixel_coordinates(images)
    away = (x * angle.cos() + y * angle.sin() - offset).abs()
    width = uniform(n, AMOUNTS.line_width, generator, device)
    return torch.sigmoid(AMOUNTS.line_sharpness * (width / 2 - away))
