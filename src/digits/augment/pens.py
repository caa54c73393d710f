"""What pens and hands do: strokes thick, thin, hard, soft, broken; a 1 with an upstroke."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from digits.augment.geometry import random_field

# Parts of the images to which each is done, of those that `pens` allows.
REDRAWN, GAPS, UNEVEN, EUROPEAN = 0.7, 0.15, 0.25, 0.5
FULL = 102
"""A pixel above this belongs to a stroke."""

FOOT = 0.35
"""Part of the ones with an upstroke that get a foot as well."""


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


def blur(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Binomial, of standard deviation 1."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16
    across = F.conv2d(images, weights.view(1, 1, 1, 5), padding=(0, 2))
    return F.conv2d(across, weights.view(1, 1, 5, 1), padding=(2, 0))


def places(
    images: Float[Tensor, "n 1 h w"],
) -> tuple[Float[Tensor, "1 1 1 w"], Float[Tensor, "1 1 h 1"]]:
    """Places of the pixels, x and y, in pixels from the middle."""
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)


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


def write_european(
    images: Float[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    pens: float,
    generator: torch.Generator,
) -> Float[Tensor, "n 1 h w"]:
    """Give some ones an upstroke, and perhaps a foot, and some sevens a bar.

    Most of MNIST's ones are a single stroke; in much of the world they are not.

    Args:
        images: 0 to 255, as they are in MNIST: upright and whole.
        labels: Digits.
        pens: Part of the images that may be changed.
        generator: On the CPU.
    """
    chosen = (torch.rand(len(images), generator=generator) < pens * EUROPEAN).to(images.device)
    ones, sevens = ((chosen & (labels == digit)).nonzero().flatten() for digit in (1, 7))
    images = images.index_copy(0, ones, _with_upstroke(images[ones], generator))
    return images.index_copy(0, sevens, _with_bar(images[sevens], generator))


def _with_upstroke(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    n = len(images)
    draw = partial(uniform, n, generator=generator, device=images.device)
    top, bottom = _extent(images)
    tall = (bottom - top).clamp_min(1).float().view(-1, 1, 1, 1)
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
    top, bottom = _extent(images)
    x, y, width = _stem(images, (top + bottom) // 2)
    tilt = draw(-2.5, 2.5)
    half = (bottom - top).view(-1, 1, 1, 1) * draw(0.15, 0.35)
    bar = stroke(images, (x - half, y + tilt), (x + half, y - tilt), width * draw(0.6, 1))
    return torch.maximum(images, 255 * bar)


def _extent(images: Float[Tensor, "n 1 h w"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """First and last line of pixels that has ink."""
    height = images.shape[-2]
    has_ink = (images[:, 0] > FULL).any(dim=2)
    lines = torch.arange(height, device=images.device)
    top = torch.where(has_ink, lines, height - 1).amin(dim=1)
    return top, torch.where(has_ink, lines, 0).amax(dim=1)


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
