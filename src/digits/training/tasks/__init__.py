"""Tasks: what networks are trained for. A recipe's network decides which one a run has.

A task makes batches of images with their targets, computes the loss of each image, and says which
were read right. The recipe, the epoch and the step decide its batches. Several threads may ask for
parts of one.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from digits.data import DataSet, Split
from digits.data.catalog import DIGITS, Published, listed
from digits.errors import InvalidInput
from digits.evaluation import evaluate
from digits.evaluation.lines import LineMetrics, Lines
from digits.evaluation.metrics import Metrics
from digits.evaluation.runs import evaluate_lines
from digits.models import SMALLEST, reads_lines
from digits.recipe import Augmentation, Recipe
from digits.run import Run
from digits.training.augmentation import FIELDS, digest_amounts
from digits.training.composition import compose_from_split, digest_composition
from digits.training.tasks.glyphs import GlyphTask
from digits.training.tasks.lines import LineTask


@runtime_checkable  # for the checks of signatures while the tests run
class Task(Protocol):
    """What a network is trained for."""

    num_images: int
    """Number of images in an epoch."""

    def batch(
        self, indices: Int[Tensor, " n"], *, epoch: int, step: int, first: int
    ) -> tuple[Num[Tensor, "n 1 h w"], Any]:
        """Make a part of a batch: the images of these indices, 0 to `num_images` - 1, and targets.

        Args:
            indices: Indices of the images, on the device.
            epoch: Number of the epoch, from 1.
            step: Number of the batch in it, from 0.
            first: Place of the first of these images in the batch, from 0.

        Returns:
            Raw pixels, 0 to 255, on the device, and the targets that `judge` takes.
        """

    def judge(
        self, outputs: Float[Tensor, "n ..."], targets: Any
    ) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
        """Compute the loss of each image, in nats, and whether it was read right."""

    def validate(self, model: nn.Module) -> tuple[float, float] | None:
        """Compute mean loss and accuracy on the held-out images; None if there are none.

        The loss is not finite if an output is not.
        """


def build_task(
    recipe: Recipe, split: Split, validation: Split | None, device: torch.device
) -> Task:
    """Build the task of a recipe's network.

    Args:
        recipe: A complete recipe.
        split: The training images.
        validation: The held-out images.
        device: The device to train on.

    Raises:
        InvalidInput: If the recipe has fields that its task has no use for.
    """
    kind = LineTask if reads_lines(recipe.network) else GlyphTask
    return kind(recipe, split, validation, device)


def expect_fitting_set(recipe: Recipe, data: DataSet | Published) -> None:
    """Refuse a recipe that is made for digits of 28×28 pixels, where its data set has no such ones.

    Args:
        recipe: The recipe.
        data: Its data set, or what the catalogue says of it.

    Raises:
        InvalidInput: If its network reads lines, or a field changes how digits are written.
    """
    if data.classes == DIGITS and data.size == SMALLEST:
        return
    if reads_lines(recipe.network):
        raise InvalidInput(_no_lines(data.name))
    made_for_digits = {
        name: getattr(recipe.augmentation, name) for name in FIELDS if name != "elastic_pixels"
    }
    for name, value in made_for_digits.items():
        expected = getattr(Augmentation(), name)
        if value != expected:
            raise InvalidInput(
                f"{name}: expected {expected}, as it is made for digits of 28×28 pixels, and "
                f"{data.name} has others; choose another recipe than {recipe.name!r}."
            )


def _no_lines(dataset: str) -> str:
    return (
        "dataset: expected one of digits of 28×28 pixels, as lines are composed of them; "
        f"found {dataset}."
    )


def digest_code(recipe: Recipe) -> str | None:
    """Digest what decides a run's images but is not in its recipe; None if nothing does."""
    if reads_lines(recipe.network):
        return digest_composition()
    return digest_amounts(recipe.augmentation)


def compose_lines(split: Split) -> Lines:
    """Compose lines of a split's digits, always the same ones, to evaluate a network on."""
    batches = compose_from_split(split)
    symbols = [line for batch in batches for line in batch.symbols]
    return Lines([batch.images for batch in batches], symbols)


def evaluate_task(
    runs: Sequence[Run], split: Split, *, device: str = "auto"
) -> Metrics | LineMetrics:
    """Compute the metrics of runs at what they were trained for.

    Args:
        runs: A run, or several as a committee.
        split: Images; a network that reads lines is evaluated on lines composed of them.
        device: Device to compute on: auto, cpu, cuda or mps.

    Raises:
        InvalidInput: If a network of a committee reads lines, or the images do not fit.
    """
    if len(runs) == 1 and reads_lines(runs[0].recipe.network):
        if split.classes != DIGITS or split.size != SMALLEST:
            raise InvalidInput(_no_lines(f"{listed(split.classes)} of {split.size} pixels"))
        return evaluate_lines(runs[0], compose_lines(split), device=device)
    return evaluate(runs, split, device=device)
