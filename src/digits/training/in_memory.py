"""Training on a data set in memory: a network comes out, and nothing is left on the disk."""

from dataclasses import dataclass

from rich.console import Console
from torch import nn

from digits.data import DataSet
from digits.hardware import keep_freed_memory, seeded, select_device
from digits.history import History
from digits.models import count_parameters
from digits.recipe import Recipe
from digits.training.calibration import find_temperature
from digits.training.loop import complete
from digits.training.progress import TrainingProgress
from digits.training.tasks import expect_fitting_set
from digits.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that was trained, with how it came about."""

    model: nn.Module
    """The network, in evaluation mode: raw pixels, 0 to 255, to logits."""
    recipe: Recipe
    """The recipe exactly as it ran, but for the name of its data set."""
    temperature: float
    """Temperature by which the logits are to be divided."""
    history: History
    """What came of each epoch."""


def train_in_memory(
    recipe: Recipe,
    data: DataSet,
    *,
    device: str = "auto",
    progress: TrainingProgress | None = None,
) -> Trained:
    """Train a network on the training images of a data set; its test images are not looked at.

    The same recipe, images and machine give the same bits, those of `train`.

    Args:
        recipe: The recipe; the data set that it names is not loaded.
        data: The data set.
        device: The device to train on: auto, cpu, cuda or mps.
        progress: Where to report progress; nowhere if not given.

    Raises:
        InvalidInput: If the recipe or the device does not fit, or the network reads lines.
        DigitsError: If the loss is no longer finite.
    """
    trainer = run_trainer(recipe, data, device=device, progress=progress)
    recipe, device = trainer.recipe, trainer.device.type
    temperature = find_temperature(trainer.result, recipe, data, device=device)
    return Trained(trainer.result.cpu().eval(), recipe, temperature, History(trainer.history))


def run_trainer(
    recipe: Recipe,
    data: DataSet,
    *,
    device: str = "auto",
    progress: TrainingProgress | None = None,
) -> Trainer:
    """Run a trainer to its end, as `train_in_memory` does; the network is not calibrated.

    Args:
        recipe: The recipe; the data set that it names is not loaded.
        data: The data set, whose test images are not looked at.
        device: The device to train on: auto, cpu, cuda or mps.
        progress: Where to report progress; nowhere if not given.

    Raises:
        InvalidInput: If the recipe or the device does not fit.
        DigitsError: If the loss is no longer finite.
    """
    progress = progress or TrainingProgress(Console(quiet=True, force_terminal=False))
    compute_device = select_device(device)
    expect_fitting_set(recipe, data)
    recipe = complete(recipe, data, compute_device)
    keep_freed_memory()
    with seeded(recipe.seed, compute_device):
        trainer = Trainer(recipe, data, compute_device)
        progress.start(
            f"{recipe.name}: {count_parameters(trainer.model):,} parameters, "
            f"{trainer.task.num_images:,} images, {compute_device.type}, seed {recipe.seed}",
            num_epochs=recipe.epochs,
            num_steps=trainer.num_steps,
            num_steps_done=0,
        )
        try:
            while not trainer.is_done:
                _train_epoch(trainer, progress)
        finally:
            progress.stop()
    return trainer


def _train_epoch(trainer: Trainer, progress: TrainingProgress) -> None:
    while not trainer.is_epoch_over:
        trainer.advance()
        if trainer.is_check_due:
            trainer.check_finite()
            progress.step(
                epoch=trainer.epoch,
                num_steps_done=trainer.num_steps_done,
                loss=trainer.mean_loss,
                images_per_second=trainer.images_per_second,
            )
    progress.epoch(trainer.end_epoch())
