"""Where the pixels of a changed image come from: turned, stretched, slanted, bent, shifted."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from digits.recipe import Augmentation

DIGIT_SIZE = 20
"""Of MNIST's digits, in their images of 28, along the longer side, in pixels."""

OFF_CENTRE = 0.5
"""From the middle of an image to where MNIST's makers put the centre of mass, in pixels."""

BENDS = 6
"""Points along each side of an elastic field, between which it is smooth."""


def move(
    images: Float[Tensor, "n 1 h w"], augmentation: Augmentation, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Rotate, scale, shear, stretch, bend and shift each image by its own random amounts.

    One resampling does all, black outside. It is bicubic: bilinear blurs, and a network that
    is trained on blurred strokes reads sharp ones less well (docs/experiments.md).
    """
    transforms = random_affine(len(images), augmentation, generator, size=images.shape[-1])
    # MPS knows no bicubic resampling.
    device = torch.device("cpu") if images.device.type == "mps" else images.device
    pixels = images.to(device)
    transforms = transforms.to(device)
    if augmentation.framing == "anew":
        transforms = framed(pixels, transforms)
    height, width = images.shape[-2:]
    grid = sampling_grid(transforms, height, width)
    if augmentation.elastic_pixels:
        bend = random_field(pixels, generator, num_points=BENDS)
        amount = torch.rand(len(images), generator=generator) * augmentation.elastic_pixels
        pixel = torch.tensor([2 / width, 2 / height])
        scale = (amount[:, None] * pixel)[:, None, None, :].to(device)
        grid = grid + bend.permute(0, 2, 3, 1) * scale
    changed = F.grid_sample(pixels, grid, mode="bicubic", align_corners=False)
    return changed.clamp_(0, 255).to(images.device)  # bicubic overshoots at edges


def random_affine(
    n: int, augmentation: Augmentation, generator: torch.Generator, *, size: int
) -> Float[Tensor, "n 2 3"]:
    """Draw maps from places in the new image to places in the old one, as `grid_sample` takes them.

    Args:
        n: How many.
        augmentation: Largest amounts.
        generator: On the CPU.
        size: Of the images, in pixels; their own coordinates run from -1 to 1.
    """
    angle, shear, stretch, shift_x, shift_y = 2 * torch.rand(5, n, generator=generator) - 1
    angle = angle * math.radians(augmentation.rotation_degrees)
    slant = torch.tan(shear * math.radians(augmentation.shear_degrees))
    # Twice as large is as likely as half as large; places shrink when pictures grow.
    zoom = torch.exp(-stretch * math.log1p(augmentation.scale))
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    pixel = 2 / size
    transforms = torch.stack(
        [
            torch.stack([cos, cos * slant - sin, shift_x * augmentation.shift_pixels * pixel], 1),
            torch.stack([sin, sin * slant + cos, shift_y * augmentation.shift_pixels * pixel], 1),
        ],
        dim=1,
    )
    if augmentation.stretch:
        drawn = 2 * torch.rand(n, generator=generator) - 1
        wider = torch.exp(drawn * math.log1p(augmentation.stretch) / 2)
        transforms[:, :, 0] *= wider[:, None]
        transforms[:, :, 1] /= wider[:, None]
    return transforms


def framed(
    images: Float[Tensor, "n 1 h w"], transforms: Float[Tensor, "n 2 3"]
) -> Float[Tensor, "n 2 3"]:
    """Change maps so that what they make is framed as MNIST is, and as pictures are for reading.

    The digit's longer side, as it comes out, is 20 pixels times the map's own scale, and its centre
    of mass where the map puts the middle.

    Args:
        images: The old ones; a pixel above 64 is ink.
        transforms: From places in the new image to places in the old one, from -1 to 1.
    """
    height, width = images.shape[-2:]
    ink = images.flatten(1)
    identity = torch.eye(2, 3, device=images.device)[None]
    places = F.affine_grid(identity, [1, 1, height, width], align_corners=False).view(-1, 2)
    linear, shift = transforms[:, :, :2], transforms[:, :, 2]
    moved = (torch.linalg.inv(linear).reshape(-1, 2) @ places.T).view(len(images), 2, -1)
    is_ink = (ink > 64)[:, None]
    low = torch.where(is_ink, moved, torch.inf).amin(dim=2)
    high = torch.where(is_ink, moved, -torch.inf).amax(dim=2)
    pixel = 2 / width
    # `linear` shrinks by its scale itself: what it does to areas tells by how much.
    own = torch.linalg.det(linear).abs().rsqrt()
    longer = (high - low).amax(dim=1) + pixel
    factor = torch.where(longer.isfinite(), longer / (DIGIT_SIZE * pixel * own), 1.0)
    centre = (ink @ places) / ink.sum(dim=1, keepdim=True).clamp_min(1)
    linear = linear * factor[:, None, None]
    off_centre = torch.full((2,), OFF_CENTRE * pixel, device=images.device)
    offset = centre + shift - linear @ off_centre
    return torch.cat([linear, offset[:, :, None]], dim=2)


def sampling_grid(
    transforms: Float[Tensor, "n 2 3"], height: int, width: int
) -> Float[Tensor, "n h w 2"]:
    """Map the places of all pixels, as `F.affine_grid` does, in a tenth of its time on a CPU.

    One product of large matrices takes the place of n products of small ones.

    Args:
        transforms: From places in the new image to places in the old one, both from -1 to 1.
        height: Of the images, in pixels.
        width: Of the images, in pixels.

    Returns:
        For each pixel of the new images, where in the old one to look: x, y. (n, h, w, 2)
    """
    identity = torch.eye(2, 3, device=transforms.device)[None]
    places = F.affine_grid(identity, [1, 1, height, width], align_corners=False)
    linear, offset = transforms[:, :, :2].reshape(-1, 2), transforms[:, :, 2].reshape(-1, 1)
    mapped = torch.addmm(offset, linear, places.view(-1, 2).T)
    return mapped.view(-1, 2, height, width).permute(0, 2, 3, 1)


def random_field(
    images: Float[Tensor, "n 1 h w"], generator: torch.Generator, *, num_points: int
) -> Float[Tensor, "n 2 h w"]:
    """Smooth random fields, two an image, of about unit variance, on the images' device."""
    points = torch.randn(len(images), 2, num_points, num_points, generator=generator)
    size = images.shape[-2:]
    fields = F.interpolate(points, size=size, mode="bicubic", align_corners=True)
    return fields.to(images.device)
