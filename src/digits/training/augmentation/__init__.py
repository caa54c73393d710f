"""Changed copies of training images, a batch at a time, on the device, from a given generator."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from digits.recipe import Augmentation
from digits.training.augmentation.degradation import surround
from digits.training.augmentation.geometry import move
from digits.training.augmentation.outliers import NO_DIGIT, spoil
from digits.training.augmentation.strokes import redraw
from digits.training.augmentation.styles import rewrite

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
        labels: Digits. (n,)
        augmentation: Largest amounts, and parts of the images that are changed.
        generator: On the CPU; the same state gives the same pictures, on any device.

    Returns:
        New images of the same size, 0 to 255, on the same device; and their labels: a 9 may have
        become a 2, and what was made nonsense is `NO_DIGIT`.
    """
    changed, new_labels = images.float(), labels
    if augmentation.pens:
        changed, new_labels = rewrite(changed, labels, augmentation.pens, generator)
    changed = move(changed, augmentation, generator)
    if augmentation.pens:
        changed = redraw(changed, augmentation.pens, generator)
    if augmentation.nonsense:
        changed, new_labels = spoil(changed, new_labels, augmentation.nonsense, generator)
    if augmentation.surroundings:
        changed = surround(changed, augmentation.surroundings, generator)
    if augmentation.plain:
        is_plain = (torch.rand(len(images), generator=generator) < augmentation.plain).to(
            images.device
        )
        changed = torch.where(is_plain[:, None, None, None], images.float(), changed)
        new_labels = torch.where(is_plain, labels, new_labels)
    return changed, new_labels
