"""Changed copies of training images, a batch at a time, on the device, from a given generator."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from digits.augment.geometry import move
from digits.augment.nonsense import NO_DIGIT, spoil
from digits.augment.pens import redraw, write_european
from digits.augment.surroundings import surround
from digits.recipe import Augmentation

__all__ = ["NO_DIGIT", "augment"]


def augment(
    images: Num[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    augmentation: Augmentation,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "n 1 h w"], Int[Tensor, " n"]]:
    """Change each image by its own random amounts: what pens, hands, paper and cameras do.

    Args:
        images: Raw pixels, 0 to 255. (n, 1, h, w)
        labels: Digits; a 1 or a 7 may get the strokes that it has in some countries. (n,)
        augmentation: Largest amounts, and parts of the images that are changed.
        generator: On the CPU; the same state gives the same pictures, on any device.

    Returns:
        New images of the same size, 0 to 255, on the same device; and their labels, `NO_DIGIT` for
        what was made nonsense.
    """
    pixels = images.float()
    if augmentation.pens:
        pixels = write_european(pixels, labels, augmentation.pens, generator)
    changed = move(pixels, augmentation, generator)
    new_labels = labels
    if augmentation.pens:
        changed = redraw(changed, augmentation.pens, generator)
    if augmentation.nonsense:
        changed, new_labels = spoil(changed, labels, augmentation.nonsense, generator)
    if augmentation.surroundings:
        changed = surround(changed, augmentation.surroundings, generator)
    if augmentation.plain:
        is_plain = (torch.rand(len(images), generator=generator) < augmentation.plain).to(
            images.device
        )
        changed = torch.where(is_plain[:, None, None, None], images.float(), changed)
        new_labels = torch.where(is_plain, labels, new_labels)
    return changed, new_labels
