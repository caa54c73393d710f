"""Glyphs: a training set's images, changed by augmentation, each to be read as one digit."""

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from digits.data import Split
from digits.evaluation.metrics import compute_metrics
from digits.evaluation.prediction import predict
from digits.hardware import derive_seed
from digits.recipe import Recipe
from digits.training.augmentation import augment
from digits.training.seeds import AUGMENT
from digits.training.targets import cross_entropy, is_right, smooth_labels


class GlyphTask:
    """Batches of glyphs, taken by index from a set that lies on the device.

    Args:
        recipe: A complete recipe.
        split: The training images; they are moved to the device.
        validation: The held-out images.
        device: The device to train on.
    """

    def __init__(
        self, recipe: Recipe, split: Split, validation: Split | None, device: torch.device
    ) -> None:
        self._recipe, self._device = recipe, device
        self._split, self._validation = split.to(device), validation
        self.num_images = len(split)

    def batch(
        self, indices: Int[Tensor, " n"], *, epoch: int, step: int, first: int
    ) -> tuple[Num[Tensor, "n 1 h w"], Float[Tensor, "n classes"]]:
        """Take images by index, change them, and make their targets; see `Task.batch`."""
        # Indexing with [] takes fifteen times as long.
        images = self._split.images.index_select(0, indices)[:, None]
        labels = self._split.labels.index_select(0, indices)
        seed = derive_seed(self._recipe.seed, AUGMENT, epoch, step, first)
        generator = torch.Generator().manual_seed(seed)
        images, targets = augment(
            images,
            labels,
            self._recipe.augmentation,
            generator,
            num_classes=len(self._split.classes),
        )
        return images, smooth_labels(targets, self._recipe.label_smoothing)

    def judge(
        self, outputs: Float[Tensor, "n classes"], targets: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
        """Compute the cross-entropy of each image, and whether it was read right."""
        return judge_glyphs(outputs, targets)

    def validate(self, model: nn.Module) -> tuple[float, float] | None:
        """Compute mean loss and accuracy on the held-out images; see `Task.validate`."""
        if self._validation is None:
            return None
        logits = predict(
            model,
            self._validation.images,
            device=self._device.type,
            precision=self._recipe.precision,
        )
        metrics = compute_metrics(logits, self._validation.labels)
        return metrics.negative_log_likelihood, metrics.accuracy


def judge_glyphs(
    logits: Float[Tensor, "n classes"], targets: Float[Tensor, "n classes"]
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Compute the cross-entropy of each image in nats, and whether it was read right."""
    return cross_entropy(logits, targets), is_right(logits.detach(), targets)
