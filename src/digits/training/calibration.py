"""Calibration: the temperature at which a trained network is as sure as it is right.

It is found for the mean over the views of an image, which is what is exported. Images that were
trained on as they are look easier than others, and each is changed a little first.
"""

from collections.abc import Sequence
from math import ceil

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from digits.data import DataSet, Split
from digits.data.catalog import DIGITS
from digits.evaluation.metrics import fit_temperature
from digits.evaluation.prediction import BATCH_SIZE, predict_batches
from digits.hardware import derive_seed
from digits.models import reads_lines
from digits.recipe import Augmentation, Recipe
from digits.run import Run
from digits.training.augmentation import augment
from digits.training.seeds import CALIBRATE
from digits.views import VIEWS, Views

NUM_IMAGES = 10_000
"""Images to find the temperature on, 1,000 to 60,000. With half as many, one draw of their
changes differs from another by a tenth. Source: docs/experiments.md, "Calibration"."""

MIN_HELD_OUT = 2500
"""Held-out images, at least, for the temperature to be found on them, 300 to 5,000: fewer have too
few mistakes to tell. Source: docs/experiments.md, "Calibration"."""

CHANGES = Augmentation(rotation_degrees=8, shift_pixels=1, scale=0.08, shear_degrees=5)
"""Changes after which an image that was trained on is about as hard as a new one; each amount 0 to
about 10. Source: docs/experiments.md, "Calibration"."""


def find_temperature(
    model: nn.Module, recipe: Recipe, data: DataSet, *, device: str = "auto"
) -> float:
    """Find the temperature by which a trained network's logits are to be divided.

    It is found on the held-out images, if there are enough of them; else on training images, each
    changed a little. Of a small set, there are too few of either for a network to be made surer
    than it is: the temperature is 1 then, or more. The recipe's own augmentation may have
    outliers, or be harder than any handwriting, and is not used.

    Args:
        model: The trained network.
        recipe: The recipe that it was trained by.
        data: The set that it was trained on.
        device: Device to compute on: auto, cpu, cuda or mps.

    Returns:
        The temperature, at which the labels are likeliest; 1 for a network that reads lines.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    if reads_lines(recipe.network):
        return 1.0
    split, validation = data.split(recipe.validation_size)
    if validation is not None and len(validation) >= MIN_HELD_OUT:
        images, labels = _some(validation)
    else:
        images, labels = _some(split)
        generator = torch.Generator().manual_seed(derive_seed(recipe.seed, CALIBRATE))
        images, _ = augment(images, labels, CHANGES, generator, num_classes=len(data.classes))
    num_views = count_views(data.classes)
    found = fit_temperature(_logits_of_views(model, images, num_views, device), labels)
    # So few images are read right to the last, and say nothing of how sure to be of new ones.
    return found if len(labels) >= MIN_HELD_OUT else max(found, 1.0)


def count_views(classes: Sequence[str]) -> int:
    """Count the views of an image, over which probabilities are averaged where a network is used.

    The views were chosen for digits, of which people write narrow and slanted ones. An image of
    anything else has one view, itself.
    """
    return len(VIEWS) if tuple(classes) == DIGITS else 1


def temperature_of(run: Run, data: DataSet, *, device: str = "auto") -> float:
    """Look up the temperature of a finished run, or find it, if the run is of before it was kept.

    Raises:
        DigitsError: If the run is unfinished or damaged.
    """
    kept = run.temperature
    return find_temperature(run.model, run.recipe, data, device=device) if kept is None else kept


def _some(split: Split) -> tuple[Num[Tensor, "n 1 h w"], Int[Tensor, " n"]]:
    """Take at most `NUM_IMAGES` of a split's images, spread over it, or all if it has fewer."""
    every = ceil(len(split) / NUM_IMAGES)
    return split.images[::every, None], split.labels[::every]


def _logits_of_views(
    model: nn.Module, images: Num[Tensor, "n 1 h w"], num_views: int, device: str
) -> Float[Tensor, "views n classes"]:
    """Compute the logits of each image's views, in float32 as they are exported."""
    # The network follows in a step of its own, as it is quicker on images laid out for it.
    views = map(Views(images.shape[-1], num_views), images.split(BATCH_SIZE // num_views))
    batches = predict_batches(model, views, device=device, precision="float32")
    return torch.cat([batch.unflatten(0, (num_views, -1)) for batch in batches], dim=1)
