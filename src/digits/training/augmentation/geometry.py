"""Geometric transforms: random affine maps, elastic deformation, and framing of the result."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from digits.reading.ink.glyphs import CENTRE, DIGIT_SIZE, SIZE
from digits.recipe import Augmentation
from digits.training.augmentation.drawing import random_field

OFF_CENTRE = CENTRE - (SIZE - 1) / 2
"""Distance along each axis from the middle of an image to MNIST's centre of mass, in pixels."""


@dataclass(frozen=True)
class GeometryAmounts:
    """Amounts of the geometric transforms that are not in the recipe.

    Source: chosen by eye, to bend strokes as a whole and to see faint ends of them.
    """

    bend_points: int = 6
    """Points along each side of an elastic field; at least 2."""
    ink_level: int = 64
    """Grey level above which a pixel counts as ink when a digit is measured; 0 to 255."""


AMOUNTS = GeometryAmounts()


def move(
    images: Float[Tensor, "n 1 h w"], augmentation: Augmentation, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Rotate, scale, shear, stretch, bend and shift each image by its own random amounts.

    One resampling does all, black outside. It is bicubic: bilinear blurs, and a network that
    is trained on blurred strokes reads sharp ones less well (docs/experiments.md).
    """
    maps = random_affine(len(images), augmentation, generator, size=images.shape[-1])
    # MPS knows no bicubic resampling.
    device = torch.device("cpu") if images.device.type == "mps" else images.device
    pixels = images.to(device)
    maps = maps.to(device)
    if augmentation.framing == "anew":
        maps = framed(pixels, maps)
    height, width = images.shape[-2:]
    grid = sampling_grid(maps, height, width)
    if augmentation.elastic_pixels:
        bend = random_field(pixels, generator, num_points=AMOUNTS.bend_points)
        amount = torch.rand(len(images), generator=generator) * augmentation.elastic_pixels
        pixel = torch.tensor([2 / width, 2 / height])
        scale = (amount[:, None] * pixel)[:, None, None, :].to(device)
        grid = grid + bend.permute(0, 2, 3, 1) * scale
    changed = F.grid_sample(pixels, grid, mode="bicubic", align_corners=False)
    return changed.clamp_(0, 255).to(images.device)  # bicubic overshoots at edges


def random_affine(
    n: int, augmentation: Augmentation, generator: torch.Generator, *, size: int
) -> Float[Tensor, "n 2 3"]:
    """Draw affine maps from the new image to the old one, as `grid_sample` takes them.

    Args:
        n: Number of maps.
        augmentation: Largest amounts.
        generator: A generator on the CPU.
        size: Side of the images, in pixels; in the maps' coordinates, from -1 to 1.
    """
    angle, shear, stretch, shift_x, shift_y = 2 * torch.rand(5, n, generator=generator) - 1
    angle = angle * math.radians(augmentation.rotation_degrees)
    slant = torch.tan(shear * math.radians(augmentation.shear_degrees))
    # Twice as large is as likely as half as large; the map shrinks when the picture grows.
    zoom = torch.exp(-stretch * math.log1p(augmentation.scale))
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    pixel = 2 / size
    maps = torch.stack(
        [
            torch.stack([cos, cos * slant - sin, shift_x * augmentation.shift_pixels * pixel], 1),
            torch.stack([sin, sin * slant + cos, shift_y * augmentation.shift_pixels * pixel], 1),
        ],
        dim=1,
    )
    if augmentation.stretch:
        drawn = 2 * torch.rand(n, generator=generator) - 1
        wider = torch.exp(drawn * math.log1p(augmentation.stretch) / 2)
        maps[:, :, 0] *= wider[:, None]
        maps[:, :, 1] /= wider[:, None]
    return maps


def framed(
    images: Float[Tensor, "n 1 h w"], maps: Float[Tensor, "n 2 3"]
) -> Float[Tensor, "n 2 3"]:
    """Adjust affine maps so that each digit comes out framed as MNIST's are.

    The rule is that of `digits.reading.ink.glyphs.frame`, for pictures that are read. The digit's
    longer side is 20 pixels, and its box begins at a whole pixel: the one that brings its centre of
    mass nearest to 14, 14, where the first pixel's centre is at 0, 0. The map's own scale and shift
    are kept on top of that.

    Args:
        images: The old images. (n, 1, h, w)
        maps: Affine maps from the new image to the old one, in coordinates from -1 to 1.
            (n, 2, 3)
    """
    height, width = images.shape[-2:]
    ink = images.flatten(1)
    identity = torch.eye(2, 3, device=images.device)[None]
    points = F.affine_grid(identity, [1, 1, height, width], align_corners=False).view(-1, 2)
    linear, shift = maps[:, :, :2], maps[:, :, 2]
    inverse = torch.linalg.inv(linear)
    moved = (inverse.reshape(-1, 2) @ points.T).view(len(images), 2, -1)
    is_ink = (ink > AMOUNTS.ink_level)[:, None]
    low = torch.where(is_ink, moved, torch.inf).amin(dim=2)
    high = torch.where(is_ink, moved, -torch.inf).amax(dim=2)
    pixel = 2 / width
    # The determinant says by how much the map itself changes areas, and so its own scale.
    own_scale = torch.linalg.det(linear).abs().rsqrt()
    longer = (high - low).amax(dim=1) + pixel
    factor = torch.where(longer.isfinite(), longer / (DIGIT_SIZE * pixel * own_scale), 1.0)
    factor = factor[:, None, None]
    mass = ink.sum(dim=1, keepdim=True).clamp_min(1)
    centre = ((ink @ points) / mass)[:, :, None]
    # From the centre of mass to the box's left and upper edges, in the new image.
    to_edge = (inverse @ centre - low[:, :, None] + pixel / 2) / factor
    edge = (OFF_CENTRE * pixel - to_edge) / pixel
    off_centre = torch.where(edge.isfinite(), edge.round() * pixel + to_edge, OFF_CENTRE * pixel)
    linear = linear * factor
    offset = centre + shift[:, :, None] - linear @ off_centre
    return torch.cat([linear, offset], dim=2)


def sampling_grid(
    maps: Float[Tensor, "n 2 3"], height: int, width: int
) -> Float[Tensor, "n h w 2"]:
    """Map the coordinates of all pixels, as `F.affine_grid` does, in a tenth of its time on a CPU.

    One product of large matrices replaces n products of small ones.

    Args:
        maps: Affine maps from the new image to the old one, in coordinates from -1 to 1.
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.

    Returns:
        For each pixel of the new images, where to sample the old one: x, y. (n, h, w, 2)
    """
    identity = torch.eye(2, 3, device=maps.device)[None]
    points = F.affine_grid(identity, [1, 1, height, width], align_corners=False)
    linear, offset = maps[:, :, :2].reshape(-1, 2), maps[:, :, 2].reshape(-1, 1)
    mapped = torch.addmm(offset, linear, points.view(-1, 2).T)
    return mapped.view(-1, 2, height, width).permute(0, 2, 3, 1)


def scale_and_shift(
    images: Float[Tensor, "n 1 h w"],
    scale: Float[Tensor, "n 1 1 1"],
    x: Float[Tensor, "n 1 1 1"],
    y: Float[Tensor, "n 1 1 1"],
) -> Float[Tensor, "n 1 h w"]:
    """Scale images about their middle, then shift them by x and y pixels; bilinear."""
    pixel = 2 / images.shape[-1]
    across = torch.cat([1 / scale, torch.zeros_like(x), -x * pixel / scale], dim=3)
    down = torch.cat([torch.zeros_like(x), 1 / scale, -y * pixel / scale], dim=3)
    maps = torch.cat([across, down], dim=2)[:, 0]
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
