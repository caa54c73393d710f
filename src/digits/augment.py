"""Changed copies of training images, a batch at a time, on the device, from a given generator."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor

from digits.recipe import Augmentation


def augment(
    images: Num[Tensor, "n 1 h w"], augmentation: Augmentation, generator: torch.Generator
) -> Float[Tensor, "n 1 h w"]:
    """Rotate, scale, shear and shift each image by its own random amounts, about its centre.

    One resampling does all four, black outside. It is bicubic: bilinear blurs, and a network that
    is trained on blurred strokes reads sharp ones less well (docs/experiments.md).

    Args:
        images: Raw pixels, 0 to 255. (n, 1, h, w)
        augmentation: Largest amounts; each image draws uniformly from ± its limit.
        generator: On the CPU; the same state gives the same pictures, on any device.

    Returns:
        New images of the same size, 0 to 255, on the same device. (n, 1, h, w)
    """
    transforms = random_affine(len(images), augmentation, generator, size=images.shape[-1])
    # MPS knows no bicubic resampling.
    device = torch.device("cpu") if images.device.type == "mps" else images.device
    height, width = images.shape[-2:]
    grid = sampling_grid(transforms.to(device), height, width)
    pixels = images.to(device, torch.float32)
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
    return torch.stack(
        [
            torch.stack([cos, cos * slant - sin, shift_x * augmentation.shift_pixels * pixel], 1),
            torch.stack([sin, sin * slant + cos, shift_y * augmentation.shift_pixels * pixel], 1),
        ],
        dim=1,
    )


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
