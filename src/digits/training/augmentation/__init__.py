"""Data augmentation: changed copies of a batch, made on its device, from a given generator."""

import hashlib
import json
from dataclasses import asdict

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from digits.recipe import Augmentation
from digits.training.augmentation import (
    degradation,
    drawing,
    geometry,
    outliers,
    strokes,
    styles,
)
from digits.training.targets import one_hot

MODULES = (geometry, styles, strokes, outliers, degradation, drawing)
"""Modules that have amounts which are not in the recipe."""

FIELDS = (
    "elastic_pixels",
    "framing",
    "writing_styles",
    "stroke_variation",
    "outliers",
    "degradation",
)
"""Fields of `Augmentation` whose effects draw with those amounts."""


def augment(
    images: Num[Tensor, "n 1 h w"],
    labels: Int[Tensor, " n"],
    augmentation: Augmentation,
    generator: torch.Generator,
    *,
    num_classes: int = 10,
) -> tuple[Num[Tensor, "n 1 h w"], Float[Tensor, "n classes"]]:
    """Change each image by its own random amounts, and make the targets to train on.

    Args:
        images: Raw pixels, 0 to 255. (n, 1, h, w)
        labels: Classes. (n,)
        augmentation: Largest amounts, and fractions of the images that are changed.
        generator: A generator on the CPU; the same state gives the same pictures, on any device.
        num_classes: Number of classes. Writing styles are of the ten digits.

    Returns:
        New images of the same size, 0 to 255, on the same device; and the probability of each
        class: one-hot for a digit, as which a 9 may have become a 2, uniform for an outlier.
    """
    if not augmentation:
        return images, one_hot(labels, num_classes)
    changed, new_labels = images.float(), labels
    if augmentation.writing_styles:
        changed, new_labels = styles.change_style(
            changed, labels, augmentation.writing_styles, generator
        )
    changed = geometry.move(changed, augmentation, generator)
    if augmentation.stroke_variation:
        changed = strokes.vary_strokes(changed, augmentation.stroke_variation, generator)
    targets = one_hot(new_labels, num_classes)
    if augmentation.outliers:
        changed, targets = outliers.make_outliers(
            changed, targets, augmentation.outliers, generator
        )
    if augmentation.degradation:
        changed = degradation.degrade(changed, augmentation.degradation, generator)
    if augmentation.unchanged:
        drawn = torch.rand(len(images), generator=generator)
        is_unchanged = (drawn < augmentation.unchanged).to(images.device)
        changed = torch.where(is_unchanged[:, None, None, None], images.float(), changed)
        targets = torch.where(is_unchanged[:, None], one_hot(labels, num_classes), targets)
    return changed, targets


def digest_amounts(augmentation: Augmentation) -> str | None:
    """Digest the amounts that decide a run but are not in its recipe.

    Returns:
        The first 12 hexadecimal digits of a SHA-256 of all amounts; None if the augmentation draws
        with none of them.
    """
    without = Augmentation()
    if all(getattr(augmentation, name) == getattr(without, name) for name in FIELDS):
        return None
    amounts = {module.__name__: asdict(module.AMOUNTS) for module in MODULES}
    return hashlib.sha256(json.dumps(amounts, sort_keys=True).encode()).hexdigest()[:12]
