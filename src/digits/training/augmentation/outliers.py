"""What is no digit, made of digits: two in one, blots, paper taken for ink.

A network that has seen digits only finds one in everything. These have no right answer, and a
network that learns so has low confidence in much else that is no digit.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from digits.training.augmentation.degradation import shrink_and_shift
from digits.training.augmentation.drawing import places, uniform
from digits.training.augmentation.geometry import DIGIT_SIZE, random_field

NO_DIGIT = -1
"""The label of what is no digit."""

PAIR, OVERLAY, NEGATIVE, BLOT = 0.35, 0.2, 0.12, 0.33
"""Parts of the nonsense."""

TEXTURED = 0.6
"""Part of the blots that are not plain."""


def spoil(
    images: Float[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    nonsense: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 1 h w"], Int[Tensor, " n"]]:
    """Make nonsense of some images, with the help of others of the batch.

    Args:
        images: 0 to 255, framed.
        labels: Digits.
        nonsense: Part of the images.
        generator: On the CPU.
    """
    kind = torch.rand(len(images), generator=generator) / nonsense
    others = images.roll(1, 0)
    spoilt, low = images, 0.0
    for make, part in ((_pair, PAIR), (_overlay, OVERLAY), (_negative, NEGATIVE), (_blot, BLOT)):
        high = low + part
        chosen = ((low <= kind) & (kind < high)).nonzero().flatten().to(images.device)
        low = high
        if len(chosen):  # torch resamples no empty batches
            made = make(images[chosen], others[chosen], generator)
            spoilt = spoilt.index_copy(0, chosen, made)
    is_spoilt = (kind < low).to(labels.device)
    return spoilt, torch.where(is_spoilt, NO_DIGIT, labels)


def _pair(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Side by side: where digits touch, the network judges whether a piece is one digit or two."""
    n, device = len(images), images.device
    scale = uniform(n, 0.5, 0.8, generator, device)
    apart = uniform(n, 0.72, 1, generator, device) * scale * DIGIT_SIZE / 2
    y1, y2 = (uniform(n, -1, 1, generator, device) for _ in range(2))
    return torch.maximum(
        shrink_and_shift(images, scale, -apart, y1), shrink_and_shift(others, scale, apart, y2)
    )


def _overlay(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """One written over the other, which lies on its side."""
    n, device = len(images), images.device
    x, y = (uniform(n, -3, 3, generator, device) for _ in range(2))
    lying = others.transpose(2, 3).flip(3)
    return torch.maximum(images, shrink_and_shift(lying, torch.ones_like(x), x, y))


def _negative(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A black digit in a white box: what paper taken for ink looks like."""
    n, device = len(images), images.device
    half_width, half_height = (uniform(n, 5, 10, generator, device) for _ in range(2))
    x, y = places(images)
    inside = torch.sigmoid(3 * (half_width - x.abs())) * torch.sigmoid(3 * (half_height - y.abs()))
    return (255 - images) * inside


def _blot(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Strokes many pixels wide, run into each other; lying or standing, some cut straight off."""
    n, device = len(images), images.device
    with_other = uniform(n, 0, 1, generator, device) < 0.5
    shape = torch.where(with_other, torch.maximum(images, others), images)
    lies = uniform(n, 0, 1, generator, device) < 0.4
    shape = torch.where(lies, shape.transpose(2, 3).flip(3), shape)
    width = torch.randint(3, 6, (n, 1, 1, 1), generator=generator).to(device) * 2 + 1
    thick = shape
    for size in (7, 9, 11):
        grown = F.max_pool2d(shape, size, stride=1, padding=size // 2)
        thick = torch.where(width == size, grown, thick)
    nowhere = torch.zeros(n, 1, 1, 1, device=device)
    thick = shrink_and_shift(thick, DIGIT_SIZE / (DIGIT_SIZE + width - 1), nowhere, nowhere)
    x, y = places(images)
    angle = uniform(n, -math.pi, math.pi, generator, device)
    beyond = x * angle.cos() + y * angle.sin() > uniform(n, -3, 5, generator, device)
    is_cut = uniform(n, 0, 1, generator, device) < 0.3
    thick = torch.where(beyond & is_cut, 0, thick)
    num_points = int(torch.randint(4, 14, (), generator=generator))
    field = random_field(images, generator, num_points=num_points)[:, :1]
    textured = uniform(n, 0, 1, generator, device) < TEXTURED
    return torch.where(textured, thick * (0.7 + 0.4 * field).clamp(0.1, 1), thick)
