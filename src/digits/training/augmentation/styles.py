"""Writing styles (allographs): shapes of digits that MNIST has few or none of, made of its own.

Most of MNIST was written in one country at one time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from digits.training.augmentation.drawing import UNIT, Range, pixel_coordinates, stroke, uniform


@dataclass(frozen=True)
class StyleAmounts:
    """Amounts of the writing styles. Parts are of a digit's images that `writing_styles` allows.

    Source: chosen by eye, then kept for what they gave on other people's handwriting
    (docs/experiments.md).
    """

    ones_with_upstroke: float = 0.5
    """Part of the ones that get an upstroke; 0 to 1."""
    sevens_with_bar: float = 0.5
    """Part of the sevens that get a bar; 0 to 1."""
    zeros_with_slash: float = 0.1
    """Part of the zeros that get a slash; 0 to 1."""
    fours_in_one_stroke: float = 0.12
    """Part of the fours that are written in one stroke; 0 to 1."""
    nines_like_p: float = 0.15
    """Part of the nines that become nines like a P; 0 to 1."""
    nines_to_twos: float = 0.15
    """Part of the nines that become twos with a loop; 0 to 1, with the field above."""
    ink_level: int = 102
    """Grey level above which a pixel belongs to a stroke; 0 to 255."""
    stem_width: Range = (1.5, 4)
    """Least and greatest width that a stem is taken to have, in pixels."""
    added_width: Range = (0.6, 1)
    """Width of an added stroke, as a part of the stem's."""
    upstroke_angle: Range = (28, 68)
    """Angle between an upstroke and the horizontal, in degrees."""
    upstroke_length: Range = (0.2, 0.75)
    """Length of an upstroke, as a part of the digit's height."""
    ones_with_foot: float = 0.35
    """Part of the ones with an upstroke that get a foot as well; 0 to 1."""
    foot_half: Range = (0.12, 0.4)
    """Length of a one's foot to each side, as a part of the digit's height."""
    foot_tilt: Range = (-1.5, 1.5)
    """Half the height by which the ends of a one's foot differ, in pixels."""
    bar_height: Range = (0.4, 0.66)
    """Distance of a bar below the digit's top, as a part of the digit's height."""
    bar_half: Range = (0.15, 0.38)
    """Half the length of a bar, as a part of the digit's height."""
    bar_tilt: Range = (-2.5, 2.5)
    """Half the height by which the ends of a bar differ, in pixels."""
    slash_x: Range = (0.1, 0.45)
    """Half the width of a slash, as a part of the digit's height."""
    slash_y: Range = (0.15, 0.5)
    """Half the height of a slash, as a part of the digit's height."""
    slash_width: Range = (1.5, 3)
    """Width of a slash, in pixels."""
    above_bar: float = 1.5
    """Distance above a four's bar from which its right arm is removed, in pixels."""
    loop_foot: Range = (0.3, 0.75)
    """Length of the foot of a two with a loop, as a part of the digit's height."""
    loop_foot_drop: Range = (-2, 1.5)
    """Distance of the foot's end below its beginning, in pixels."""
    loop_foot_width: Range = (0.7, 1)
    """Width of that foot, as a part of the stem's."""
    widest_loop_stem: float = 3.0
    """Greatest width that the stem is taken to have for it, in pixels."""
    lean: Range = (0.1, 0.7)
    """Shift to the left for each pixel further down, of nines that are changed."""


AMOUNTS = StyleAmounts()


class Style(NamedTuple):
    """A way to write a digit."""

    digit: int
    write: Callable[[Tensor, torch.Generator], Tensor]
    part: float
    """Part of the digit's images that are written so, of those that may be; 0 to 1."""
    becomes: int
    """Digit as which it reads afterwards."""


def change_style(
    images: Float[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    writing_styles: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 1 h w"], Int[Tensor, " n"]]:
    """Write some digits in another style.

    Args:
        images: Pixels from 0 to 255, as they are in MNIST: upright and whole.
        labels: Digits.
        writing_styles: Part of the images that may be changed.
        generator: A generator on the CPU.

    Returns:
        The images and their labels, as a nine may become a two.
    """
    kind = (torch.rand(len(images), generator=generator) / writing_styles).to(images.device)
    new_labels = labels
    lows: dict[int, float] = {}
    for style in all_styles():
        low = lows.get(style.digit, 0.0)
        lows[style.digit] = high = low + style.part
        chosen = ((labels == style.digit) & (low <= kind) & (kind < high)).nonzero().flatten()
        if len(chosen):  # torch resamples no empty batches
            images = images.index_copy(0, chosen, style.write(images[chosen], generator))
            new_labels = new_labels.index_fill(0, chosen, style.becomes)
    return images, new_labels


def all_styles() -> tuple[Style, ...]:
    """List the styles, in the order in which they are drawn."""
    return (
        Style(1, _add_upstroke, AMOUNTS.ones_with_upstroke, 1),
        Style(7, _add_bar, AMOUNTS.sevens_with_bar, 7),
        Style(0, _add_slash, AMOUNTS.zeros_with_slash, 0),
        Style(4, _write_in_one_stroke, AMOUNTS.fours_in_one_stroke, 4),
        Style(9, _write_like_p, AMOUNTS.nines_like_p, 9),
        Style(9, _write_as_looped_two, AMOUNTS.nines_to_twos, 2),
    )


def _add_upstroke(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Give ones an upstroke, and some of them a foot."""
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    top, bottom, tall = _extent(images)
    x, y, width = _stem(images, top + 1)
    angle, length = (
        torch.deg2rad(draw(AMOUNTS.upstroke_angle)),
        tall * draw(AMOUNTS.upstroke_length),
    )
    end = x - length * angle.cos(), y + length * angle.sin()
    upstroke = stroke(images, (x, y), end, width * draw(AMOUNTS.added_width))
    x, y, width = _stem(images, bottom - 1)
    tilt = draw(AMOUNTS.foot_tilt)
    left, right = x - tall * draw(AMOUNTS.foot_half), x + tall * draw(AMOUNTS.foot_half)
    foot = stroke(images, (left, y + tilt), (right, y - tilt), width * draw(AMOUNTS.added_width))
    foot = torch.where(draw(UNIT) < AMOUNTS.ones_with_foot, foot, 0)
    return torch.maximum(images, 255 * torch.maximum(upstroke, foot))


def _add_bar(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Give sevens a bar."""
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    top, _, tall = _extent(images)
    middle = (top + tall.flatten() * draw(AMOUNTS.bar_height).flatten()).long()
    x, y, width = _stem(images, middle)
    tilt, half = draw(AMOUNTS.bar_tilt), tall * draw(AMOUNTS.bar_half)
    start, end = (x - half, y + tilt), (x + half, y - tilt)
    bar = stroke(images, start, end, width * draw(AMOUNTS.added_width))
    return torch.maximum(images, 255 * bar)


def _add_slash(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Give zeros a slash."""
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    _, _, tall = _extent(images)
    across, down = tall * draw(AMOUNTS.slash_x), tall * draw(AMOUNTS.slash_y)
    slash = stroke(images, (across, -down), (-across, down), draw(AMOUNTS.slash_width))
    return torch.maximum(images, 255 * slash)


def _write_in_one_stroke(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make fours like a flash of lightning, whose right arm begins at the bar."""
    x, y = pixel_coordinates(images)
    bar = images.sum(dim=3, keepdim=True).argmax(dim=2, keepdim=True)
    above = y < y.flatten()[bar] - AMOUNTS.above_bar
    ink = images * above
    middle = (ink * x).sum((2, 3), True) / ink.sum((2, 3), True).clamp_min(1)
    return torch.where(above & (x > middle), 0, images)


def _write_like_p(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make nines like a P, with the stem on the left."""
    return _lean(images.flip(3), generator)


def _write_as_looped_two(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Turn nines into twos that begin with a closed loop, by a foot."""
    draw = partial(uniform, len(images), generator=generator, device=images.device)
    images = _lean(images, generator)
    _, bottom, tall = _extent(images)
    x, y, width = _stem(images, bottom - 1)
    end = x + tall * draw(AMOUNTS.loop_foot), y + draw(AMOUNTS.loop_foot_drop)
    width = width.clamp_max(AMOUNTS.widest_loop_stem) * draw(AMOUNTS.loop_foot_width)
    return torch.maximum(images, 255 * stroke(images, (x, y), end, width))


def _lean(images: Float[Tensor, "n 1 h w"], generator: torch.Generator) -> Float[Tensor, "n 1 h w"]:
    """Shear images so that what is lower stands farther to the left."""
    slant = uniform(len(images), AMOUNTS.lean, generator, images.device)
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    maps = torch.cat([torch.cat([one, slant, zero], 3), torch.cat([zero, one, zero], 3)], 2)[:, 0]
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _extent(
    images: Float[Tensor, "n 1 h w"],
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, "n 1 1 1"]]:
    """Find the first and last row of pixels with ink, and the distance between them, in pixels."""
    height = images.shape[-2]
    has_ink = (images[:, 0] > AMOUNTS.ink_level).any(dim=2)
    rows = torch.arange(height, device=images.device)
    top = torch.where(has_ink, rows, height - 1).amin(dim=1)
    bottom = torch.where(has_ink, rows, 0).amax(dim=1)
    return top, bottom, (bottom - top).clamp_min(1).float().view(-1, 1, 1, 1)


def _stem(
    images: Float[Tensor, "n 1 h w"], rows: Int[Tensor, " n"]
) -> tuple[Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"], Float[Tensor, "n 1 1 1"]]:
    """Find the ink in a row of pixels: x and y from the middle, and width, in pixels."""
    x, y = pixel_coordinates(images)
    rows = rows.clamp(0, images.shape[-2] - 1)
    ink = images[torch.arange(len(images), device=images.device), 0, rows] / 255
    ink = torch.where(ink > AMOUNTS.ink_level / 255, ink, 0)
    amount = ink.sum(dim=1)
    middle = (ink * x.flatten()).sum(dim=1) / amount.clamp_min(0.3)
    shape = (-1, 1, 1, 1)
    return (
        middle.view(shape),
        y.flatten()[rows].view(shape),
        amount.clamp(*AMOUNTS.stem_width).view(shape),
    )
