"""What effects are made of: random amounts, a part of a batch, places, lines, strokes, blur."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def uniform(
    n: int, low: float, high: float, generator: torch.Generator, device: torch.device
) -> Float[Tensor, "n 1 1 1"]:
    """Draw a number an image, shaped to be used with images."""
    drawn = low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)
    return drawn.to(device)


def apply(
    effect: Callable[[Tensor], Tensor],
    images: Float[Tensor, "n 1 h w"],
    part: float,
    generator: torch.Generator,
) -> Float[Tensor, "n 1 h w"]:
    """Change a random part of the images, and spend no time on the others."""
    chosen = torch.rand(len(images), generator=generator) < part
    indices = chosen.nonzero().flatten().to(images.device)
    if len(indices) == 0:  # torch resamples no empty batches
        return images
    return images.index_copy(0, indices, effect(images[indices]))


def places(
    images: Float[Tensor, "n 1 h w"],
) -> tuple[Float[Tensor, "1 1 1 w"], Float[Tensor, "1 1 h 1"]]:
    """Places of the pixels, x and y, in pixels from the middle."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)


def blur(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Binomial, of standard deviation 1."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16
    across = F.conv2d(images, weights.view(1, 1, 1, 5), padding=(0, 2))
    return F.conv2d(across, weights.view(1, 1, 5, 1), padding=(2, 0))


def stroke(
    images: Float[Tensor, "n 1 h w"],
    start: tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]],
    end: tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]],
    width: Float[Tensor, "n 1 1 1"],
) -> Float[Tensor, "n 1 h w"]:
    """A straight stroke an image, 0 to 1, between two places in pixels from the middle."""
    x, y = places(images)
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    from_x, from_y = x - start[0], y - start[1]
    length2 = (along_x.square() + along_y.square()).clamp_min(1e-3)
    part = ((from_x * along_x + from_y * along_y) / length2).clamp(0, 1)
    away = torch.hypot(from_x - part * along_x, from_y - part * along_y)
    return torch.sigmoid(3 * (width / 2 - away))


def random_line(
    images: Float[Tensor, "n 1 h w"], nearest: float, farthest: float, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A straight line an image, 0 to 1, mostly level or upright, of 0.5 to 2.5 pixels.

    Args:
        images: Of the size and number wanted.
        nearest: To the middle, in pixels.
        farthest: From the middle, in pixels.
        generator: On the CPU.
    """
    n, device = len(images), images.device
    any_angle = uniform(n, -math.pi, math.pi, generator, device)
    upright = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * (math.pi / 2)
    nearly = upright + uniform(n, -0.15, 0.15, generator, device)
    angle = torch.where(uniform(n, 0, 1, generator, device) < 0.7, nearly, any_angle)
    side = torch.randint(0, 2, (n, 1, 1, 1), generator=generator).to(device) * 2 - 1
    distance = side * uniform(n, nearest, farthest, generator, device)
    x, y = places(images)
    away = (x * angle.cos() + y * angle.sin() - distance).abs()
    return torch.sigmoid(4 * (uniform(n, 0.5, 2.5, generator, device) / 2 - away))
