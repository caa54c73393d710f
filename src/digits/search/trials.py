"""Trials: what the sampler proposes for a place, and a training in memory that tries it."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial, TrialState
from rich.console import Console

from digits.data import DataSet
from digits.errors import DigitsError, is_out_of_memory
from digits.hardware import derive_seed
from digits.history import EpochRecord
from digits.recipe import Recipe
from digits.search.ranges import Range, value_of
from digits.training.in_memory import run_trainer
from digits.training.progress import TrainingProgress
from digits.training.seeds import SEARCH

NUM_BEFORE_PRUNING = 5
"""Number of trials that are trained to the end before any is pruned."""


def make_pruner(recipe: Recipe) -> optuna.pruners.BasePruner:
    """Make what prunes trials: those below the median of the others at the same epoch.

    It begins at half of the epochs. Until then, a high learning rate is behind in any schedule
    that lowers it later, and would be given up for what it is chosen for.
    """
    return optuna.pruners.MedianPruner(
        n_startup_trials=NUM_BEFORE_PRUNING, n_warmup_steps=ceil(recipe.epochs / 2)
    )


def asker(
    study: optuna.Study, recipe: Recipe, ranges: Mapping[str, Range]
) -> Callable[[int], Trial]:
    """Make what begins the trial of a place: first the recipe as it is, then what TPE proposes.

    A place has a seed of its own, so that the trials do not depend on how often one was killed.

    Args:
        study: The study.
        recipe: The recipe that is searched around.
        ranges: What is tried.

    Source: Bergstra et al. 2011, Algorithms for hyper-parameter optimization, for TPE.
    """
    distributions = {name: _distribution(tried) for name, tried in ranges.items()}
    own = {name: value_of(recipe, name) for name in ranges}
    is_within = all(tried.contains(own[name]) for name, tried in ranges.items())

    def ask(place: int) -> Trial:
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if place == 0 and is_within and not waiting:
            study.enqueue_trial(own)
        seed = derive_seed(recipe.seed, SEARCH, place) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=seed)
        return study.ask(distributions)

    return ask


def _distribution(tried: Range) -> BaseDistribution:
    if tried.choices:
        return CategoricalDistribution(tried.choices)
    if isinstance(tried.low, int) and isinstance(tried.high, int):
        return IntDistribution(tried.low, tried.high, log=tried.log)
    return FloatDistribution(tried.low, tried.high, log=tried.log)


class Outcome(NamedTuple):
    """What came of a trial."""

    accuracy: float | None
    """Accuracy on the held-out images after the last epoch; None if it did not come so far."""
    attributes: dict[str, Any]
    """What else there is to say of it: loss, epochs, seconds, and the error, if there was one."""


class _Watch(TrainingProgress):
    """Keeps the epochs' records; with a trial, reports them to it, and gives up where it says so.

    Args:
        trial: The trial; None if it is to be trained to the end.
        num_epochs: Number of epochs.
    """

    def __init__(self, trial: Trial | None, num_epochs: int) -> None:
        super().__init__(Console(quiet=True, force_terminal=False))
        self._trial, self._last = trial, num_epochs
        self.records: list[EpochRecord] = []

    def epoch(self, record: EpochRecord) -> None:
        """Report the accuracy on the held-out images."""
        self.records.append(record)
        if self._trial is None or record.validation_accuracy is None:
            return
        self._trial.report(record.validation_accuracy, record.epoch)
        if record.epoch < self._last and self._trial.should_prune():
            raise optuna.TrialPruned


def carry_out(recipe: Recipe, data: DataSet, device: str, trial: Trial | None) -> Outcome:
    """Train a recipe in memory, and judge it by the held-out images.

    Settings that no training is possible with are an outcome, too.

    Args:
        recipe: The recipe.
        data: The data set.
        device: The device to train on: auto, cpu, cuda or mps.
        trial: The trial that may be pruned; None if it is to be trained to the end.
    """
    watch, error, is_done = _Watch(trial, recipe.epochs), None, False
    try:
        run_trainer(recipe, data, device=device, progress=watch)
        is_done = True
    except optuna.TrialPruned:
        pass
    except Exception as failure:
        if not isinstance(failure, DigitsError) and not is_out_of_memory(failure):
            raise
        error = str(failure)
    last = watch.records[-1] if watch.records else None
    attributes = {
        "loss": last and last.validation_loss,
        "epochs": len(watch.records),
        "seconds": sum(record.seconds for record in watch.records),
        "error": error,
    }
    return Outcome(last.validation_accuracy if last and is_done else None, attributes)
