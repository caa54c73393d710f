"""Cross-validation: what networks say of each image of a set that were not trained on it."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from digits.data import DataSet, Split
from digits.data.splitting import hold_out
from digits.errors import InvalidInput
from digits.evaluation import predict
from digits.recipe import Recipe
from digits.training.in_memory import train_in_memory
from digits.training.progress import TrainingProgress

NUM_FOLDS = 5
"""Number of parts of a set, each of which is left out of one training."""


class CrossValidated(NamedTuple):
    """What was said of each image by a network that had not seen it."""

    probabilities: Float64[Tensor, "n classes"]
    """Calibrated probabilities. (n, classes)"""
    folds: Int64[Tensor, " n"]
    """Number of the part that each image is of. (n,)"""

    def accuracy(self, labels: Int64[Tensor, " n"]) -> float:
        """Share of the images that were read as they are labelled."""
        return float((self.probabilities.argmax(dim=1) == labels).double().mean())


def cross_validate(
    recipe: Recipe,
    split: Split,
    *,
    num_folds: int = NUM_FOLDS,
    device: str = "auto",
    progress: TrainingProgress | None = None,
) -> CrossValidated:
    """Train a recipe on all parts of a split but one, predict that one, and so with each.

    Parts have each class in proportion, and images of one group are in one.

    Args:
        recipe: The recipe; it trains on all of its images, as nothing is chosen by others.
        split: The images.
        num_folds: Number of parts, at least 2.
        device: The device to compute on: auto, cpu, cuda or mps.
        progress: Where to report progress; nowhere if not given.

    Raises:
        InvalidInput: If there are fewer images than parts, or the recipe does not fit them.
    """
    folds = _assign_folds(split, num_folds)
    recipe = recipe.override(validation_size=0)
    probabilities = torch.zeros(len(split), len(split.classes), dtype=torch.float64)
    for fold in range(num_folds):
        left_out = folds == fold
        train, test = split.chosen("train", ~left_out), split.chosen("test", left_out)
        data = DataSet(f"part {fold + 1} of {num_folds} left out", train, test, "memory")
        trained = train_in_memory(recipe, data, device=device, progress=progress)
        logits = predict(
            trained.model, test.images, device=device, precision=trained.recipe.precision
        )
        probabilities[left_out] = (logits.double() / trained.temperature).softmax(dim=1)
    return CrossValidated(probabilities, folds)


def _assign_folds(split: Split, num_folds: int) -> Int64[Tensor, " n"]:
    """Part the images: each part is held out of those that are in none yet."""
    if not 2 <= num_folds <= len(split):
        raise InvalidInput(f"folds: expected 2 to the {len(split):,} images, found {num_folds}.")
    labels = split.labels.cpu().numpy()
    groups = None if split.groups is None else split.groups.cpu().numpy()
    folds = np.full(len(labels), num_folds - 1)
    rest = np.arange(len(labels))
    for fold in range(num_folds - 1):
        size = round(len(rest) / (num_folds - fold))
        some = None if groups is None else groups[rest]
        chosen = hold_out(labels[rest], size, len(split.classes), some)
        folds[rest[chosen]] = fold
        rest = rest[~chosen]
    if len(np.unique(folds)) < num_folds:
        raise InvalidInput(
            f"folds: expected images of {num_folds} writers at least, or that are no copies, for "
            f"as many parts, found fewer; name fewer parts."
        )
    return torch.from_numpy(folds)
