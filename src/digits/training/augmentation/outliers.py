"""Outlier exposure: out-of-distribution examples made of digits, with uniform targets.

A network that has seen digits only finds one in everything. Pairs, overlays, negatives and blots
have no right answer, and a network that learns so has low confidence in much else that is no digit.

Source: Hendrycks et al. 2019, Deep anomaly detection with outlier exposure, arXiv:1812.04606.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from digits.reading.ink.glyphs import DIGIT_SIZE
from digits.training.augmentation.drawing import (
    TURN,
    UNIT,
    Range,
    pixel_coordinates,
    random_field,
    soft_edge,
    uniform,
)
from digits.training.augmentation.geometry import scale_and_shift


@dataclass(frozen=True)
class OutlierAmounts:
    """Amounts of outlier exposure. The four parts of the outliers sum to 1.

    Source: chosen by eye, then kept for what they gave on clothes and on other people's handwriting
    (docs/experiments.md).
    """

    part_pairs: float = 0.35
    """Part of the outliers that are two digits side by side; 0 to 1."""
    part_overlays: float = 0.2
    """Part that is one digit over another; 0 to 1."""
    part_negatives: float = 0.12
    """Part that is a black digit in a white box; 0 to 1."""
    part_blots: float = 0.33
    """Part that is wide strokes run into each other; 0 to 1."""
    pair_scale: Range = (0.5, 0.8)
    """Scale of the two digits of a pair; above 0."""
    pair_distance: Range = (0.72, 1)
    """Distance between the two, in their sizes; 1 if they just touch."""
    pair_offset: Range = (-1, 1)
    """Vertical offset of each, in pixels."""
    overlay_offset: Range = (-3, 3)
    """Offset of the digit on top along each axis, in pixels."""
    box_half: Range = (5, 10)
    """Half the width, and half the height, of a negative's box, in pixels."""
    part_doubled: float = 0.5
    """Part of the blots that are made of two digits; 0 to 1."""
    part_lying: float = 0.4
    """Part of the blots that lie on their side; 0 to 1."""
    blot_widths: tuple[int, ...] = (7, 9, 11)
    """Sizes of the squares with which strokes are dilated, in pixels; odd."""
    part_cut: float = 0.3
    """Part of the blots that are cut off straight; 0 to 1."""
    cut_distance: Range = (-3, 5)
    """Distance of the cut from the middle, towards what is cut off, in pixels."""
    part_textured: float = 0.6
    """Part of the blots that are textured; 0 to 1."""
    texture_points: tuple[int, int] = (4, 13)
    """Least and greatest number of points along each side of a texture; at least 2."""
    texture_mean: float = 0.7
    """Mean brightness of a texture, as a part of the blot's; 0 to 1."""
    texture_deviation: float = 0.4
    """Standard deviation of a texture, likewise."""
    texture: Range = (0.1, 1)
    """Least and greatest brightness of a texture, likewise."""


AMOUNTS = OutlierAmounts()


def make_outliers(
    images: Float[Tensor, "n 1 h w"],
    targets: Float[Tensor, "n classes"],
    outliers: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 1 h w"], Float[Tensor, "n classes"]]:
    """Turn some images into outliers, with the help of others of the batch.

    Args:
        images: Framed digits, from 0 to 255.
        targets: Probability of each class. (n, classes)
        outliers: Part of the images that become outliers.
        generator: A generator on the CPU.

    Returns:
        The images, and the targets, which are uniform for outliers.
    """
    kind = torch.rand(len(images), generator=generator) / outliers
    others = images.roll(1, 0)
    changed, low = images, 0.0
    for make, part in (
        (_pair, AMOUNTS.part_pairs),
        (_overlay, AMOUNTS.part_overlays),
        (_negative, AMOUNTS.part_negatives),
        (_blot, AMOUNTS.part_blots),
    ):
        high = low + part
        chosen = ((low <= kind) & (kind < high)).nonzero().flatten().to(images.device)
        low = high
        if len(chosen):  # torch resamples no empty batches
            made = make(images[chosen], others[chosen], generator)
            changed = changed.index_copy(0, chosen, made)
    is_outlier = (kind < low).to(targets.device)
    return changed, torch.where(is_outlier[:, None], 1 / targets.shape[1], targets)


def _pair(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Put two digits side by side, so that digits that touch are not taken for one."""
    n, device = len(images), images.device
    scale = uniform(n, AMOUNTS.pair_scale, generator, device)
    apart = uniform(n, AMOUNTS.pair_distance, generator, device) * scale * DIGIT_SIZE / 2
    y1, y2 = (uniform(n, AMOUNTS.pair_offset, generator, device) for _ in range(2))
    return torch.maximum(
        scale_and_shift(images, scale, -apart, y1), scale_and_shift(others, scale, apart, y2)
    )


def _overlay(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Write one digit over another, which lies on its side."""
    n, device = len(images), images.device
    x, y = (uniform(n, AMOUNTS.overlay_offset, generator, device) for _ in range(2))
    lying = others.transpose(2, 3).flip(3)
    return torch.maximum(images, scale_and_shift(lying, torch.ones_like(x), x, y))


def _negative(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Make a black digit in a white box, as when paper is taken for ink."""
    n, device = len(images), images.device
    half_width, half_height = (uniform(n, AMOUNTS.box_half, generator, device) for _ in range(2))
    x, y = pixel_coordinates(images)
    inside = soft_edge(half_width - x.abs()) * soft_edge(half_height - y.abs())
    return (255 - images) * inside


def _blot(
    images: Float[Tensor, "n 1 h w"], others: Float[Tensor, "n 1 h w"], generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Widen strokes until they run into each other; lay some on their side, cut some off."""
    n, device = len(images), images.device
    with_other = uniform(n, UNIT, generator, device) < AMOUNTS.part_doubled
    shape = torch.where(with_other, torch.maximum(images, others), images)
    is_lying = uniform(n, UNIT, generator, device) < AMOUNTS.part_lying
    shape = torch.where(is_lying, shape.transpose(2, 3).flip(3), shape)
    widths = torch.tensor(AMOUNTS.blot_widths)
    drawn = torch.randint(0, len(widths), (n, 1, 1, 1), generator=generator)
    width = widths[drawn].to(device)
    blots = shape
    for size in AMOUNTS.blot_widths:
        dilated = F.max_pool2d(shape, size, stride=1, padding=size // 2)
        blots = torch.where(width == size, dilated, blots)
    centred = torch.zeros(n, 1, 1, 1, device=device)
    blots = scale_and_shift(blots, DIGIT_SIZE / (DIGIT_SIZE + width - 1), centred, centred)
    x, y = pixel_coordinates(images)
    angle = uniform(n, TURN, generator, device)
    cut_at = uniform(n, AMOUNTS.cut_distance, generator, device)
    is_beyond = x * angle.cos() + y * angle.sin() > cut_at
    is_cut = uniform(n, UNIT, generator, device) < AMOUNTS.part_cut
    blots = torch.where(is_beyond & is_cut, 0, blots)
    least, greatest = AMOUNTS.texture_points
    num_points = int(torch.randint(least, greatest + 1, (), generator=generator))
    field = random_field(images, generator, num_points=num_points)[:, :1]
    is_textured = uniform(n, UNIT, generator, device) < AMOUNTS.part_textured
    texture = AMOUNTS.texture_mean + AMOUNTS.texture_deviation * field
    return torch.where(is_textured, blots * texture.clamp(*AMOUNTS.texture), blots)
