"""What hands do: digits in shapes of which MNIST has few or none, made of MNIST's own.

Most of MNIST was written in one country at one time.
"""

from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from digits.training.augmentation.drawing import places, stroke, uniform

FULL = 102
"""A pixel above this belongs to a stroke."""

FOOT = 0.35
"""Part of the ones with an upstroke that get a foot as well."""


def rewrite(
    images: Float[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    pens: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 1 h w"], Int[Tensor, " n"]]:
    """Write some digits as other hands do.

    Args:
        images: 0 to 255, as they are in MNIST: upright and whole.
        labels: Digits.
        pens: Part of the images that may be changed.
        generator: On the CPU.

    Returns:
        The images and their labels, as a nine may become a two.
    """
    kind = (torch.rand(len(images), generator=generator) / pens).to(images.device)
    new_labels = labels
    for digit, write, low, high, becomes in WAYS:
        chosen = ((labels == digit) & (low <= kind) & (kind < high)).nonzero().flatten()
        if len(chosen):  # torch resamples no empty batches
            images = images.index_copy(0, chosen, write(images[chosen], generator))
            new_labels = new_labels.index_fill(0, chosen, becomes)
    return images, new_labels


def _with_upstroke(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    top, bottom, tall = _extent(images)
    x, y, width = _stem(images, top + 1)
    angle, length = torch.deg2rad(draw(28, 68)), tall * draw(0.2, 0.75)
    end = x - length * angle.cos(), y + length * angle.sin()
    upstroke = stroke(images, (x, y), end, width * draw(0.6, 1))
    x, y, width = _stem(images, bottom - 1)
    tilt = draw(-1.5, 1.5)
    left, right = x - tall * draw(0.12, 0.4), x + tall * draw(0.12, 0.4)
    foot = stroke(images, (left, y + tilt), (right, y - tilt), width * draw(0.6, 1))
    foot = torch.where(draw(0, 1) < FOOT, foot, 0)
    return torch.maximum(images, 255 * torch.maximum(upstroke, foot))


def _with_bar(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    top, _, tall = _extent(images)
    middle = (top + tall.flatten() * draw(0.4, 0.66).flatten()).long()
    x, y, width = _stem(images, middle)
    tilt, half = draw(-2.5, 2.5), tall * draw(0.15, 0.38)
    bar = stroke(images, (x - half, y + tilt), (x + half, y - tilt), width * draw(0.6, 1))
    return torch.maximum(images, 255 * bar)


def _with_slash(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    _, _, tall = _extent(images)
    across, down = tall * draw(0.1, 0.45), tall * draw(0.15, 0.5)
    slash = stroke(images, (across, -down), (-across, down), draw(1.5, 3))
    return torch.maximum(images, 255 * slash)


def _in_one_stroke(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A four like a flash of lightning: its right arm begins at the bar."""
    x, y = places(images)
    line = images.sum(dim=3, keepdim=True).argmax(dim=2, keepdim=True)
    above = y < y.flatten()[line] - 1.5
    ink = images * above
    middle = (ink * x).sum((2, 3), True) / ink.sum((2, 3), True).clamp_min(1)
    return torch.where(above & (x > middle), 0, images)


def _with_stem_on_the_left(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A nine like a P."""
    return _leaning(images.flip(3), generator)


def _with_foot(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """A nine to a two that begins with a closed loop."""
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    images = _leaning(images, generator)
    _, bottom, tall = _extent(images)
    x, y, width = _stem(images, bottom - 1)
    end = x + tall * draw(0.3, 0.75), y + draw(-2, 1.5)
    foot = stroke(images, (x, y), end, width.clamp_max(3) * draw(0.7, 1))
    return torch.maximum(images, 255 * foot)


# Digit, how it is written, from which to which part of those that `pens` allows, what it is then.
WAYS = (
    (1, _with_upstroke, 0.0, 0.5, 1),
    (7, _with_bar, 0.0, 0.5, 7),
    (0, _with_slash, 0.0, 0.1, 0),
    (4, _in_one_stroke, 0.0, 0.12, 4),
    (9, _with_stem_on_the_left, 0.0, 0.15, 9),
    (9, _with_foot, 0.15, 0.3, 2),
)


def _leaning(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """The lower, the farther to the left."""
    slant = uniform(len(images), 0.1, 0.7, generator, images.device)
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    maps = torch.cat([torch.cat([one, slant, zero], 3), torch.cat([zero, one, zero], 3)], 2)[:, 0]
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _extent(
    images: Float[Tensor, "n 1 h w"],
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, "n 1 1 1"]]:
    """First and last line of pixels that has ink, and from one to the other, in pixels."""
    height = images.shape[-2]
    has_ink = (images[:, 0] > FULL).any(dim=2)
    lines = torch.arange(height, device=images.device)
    top = torch.where(has_ink, lines, height - 1).amin(dim=1)
    bottom = torch.where(has_ink, lines, 0).amax(dim=1)
    return top, bottom, (bottom - top).clamp_min(1).float().view(-1, 1, 1, 1)


def _stem(
    images: Float[Tensor, "n 1 h w"], lines: Int[Tensor, " n"]
) -> tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]]:
    """Where the ink of a line of pixels is, x and y from the middle, and how wide, in pixels."""
    x, y = places(images)
    lines = lines.clamp(0, images.shape[-2] - 1)
    ink = images[torch.arange(len(images), device=images.device), 0, lines] / 255
    ink = torch.where(ink > FULL / 255, ink, 0)
    amount = ink.sum(dim=1)
    middle = (ink * x.flatten()).sum(dim=1) / amount.clamp_min(0.3)
    shape = (-1, 1, 1, 1)
    return middle.view(shape), y.flatten()[lines].view(shape), amount.clamp(1.5, 4).view(shape)
