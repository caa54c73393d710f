"""What pens do: strokes thick, thin, hard, soft, broken, pressed unevenly."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from digits.training.augmentation.drawing import apply, blur, random_line, uniform
from digits.training.augmentation.geometry import random_field

# Parts of the images to which each is done, of those that `pens` allows.
REDRAWN, GAPS, UNEVEN = 0.7, 0.15, 0.25


def redraw(
    images: Float[Tensor, "n 1 h w"], pens: float, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make strokes thicker or thinner, harder or softer; break them; press unevenly.

    Args:
        images: 0 to 255.
        pens: Part of the images that may be changed.
        generator: On the CPU.
    """
    images = apply(partial(_recut, generator=generator), images, pens * REDRAWN, generator)
    images = apply(partial(_break, generator=generator), images, pens * GAPS, generator)
    return apply(partial(_press, generator=generator), images, pens * UNEVEN, generator)


def _recut(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Thicker or thinner, harder or softer: blurred, a stroke is wider the lower it is cut."""
    n, device = len(images), images.device
    soft = blur(images)
    cut = uniform(n, 0.2, 0.65, generator, device) * soft.amax((1, 2, 3), True).clamp_min(20)
    softness = uniform(n, 8, 30, generator, device)
    floor = torch.sigmoid(-cut / softness)
    drawn = (torch.sigmoid((soft - cut) / softness) - floor) / (1 - floor)
    return 255 * (drawn / drawn.amax((1, 2, 3), True).clamp_min(0.15)).clamp(0, 1)


def _break(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    return images * (1 - random_line(images, 0, 9, generator))


def _press(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """As with uneven pressure."""
    field = random_field(images, generator, num_points=4)[:, :1]
    return (images * (1 + field / 2).clamp(0.15, 1.3)).clamp(0, 255)
