"""Results of a search: its trials, the best of them, and what tells whether it is better."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from digits.errors import DigitsError
from digits.evaluation.intervals import Estimate, estimate_difference
from digits.files import write_atomic
from digits.recipe import Recipe

BEST = "best.toml"
"""Name of the file with the best settings, as a recipe."""

TRIALS = "trials.csv"
"""Name of the table of trials."""

IMPORTANCE = "importance.png"
"""Name of the figure of what mattered."""

SUFFIX = "-best"
"""What the name of the best recipe ends in."""


@dataclass(frozen=True)
class Tried:
    """A trial that was carried out."""

    number: int
    """Number of the trial, from 1."""
    settings: dict[str, Any]
    """Values of the fields that are searched."""
    accuracy: float | None
    """Accuracy on the held-out images, 0 to 1; None if it was not trained to the end."""
    loss: float | None
    """Mean loss on the held-out images after its last epoch, in nats."""
    epochs: int
    """Number of epochs that it was trained for."""
    seconds: float
    """Time of training."""
    error: str | None
    """Why it could not be trained to the end; None if it was, or was pruned."""

    @property
    def state(self) -> str:
        """How it ended: `complete`, `pruned` or `failed`."""
        return "failed" if self.error else "pruned" if self.accuracy is None else "complete"


@dataclass(frozen=True)
class Found:
    """What a search found."""

    folder: Path
    """Folder of the search."""
    recipe: Recipe
    """The recipe that was searched around."""
    trials: list[Tried]
    """All trials, in order."""
    importances: dict[str, float] = field(default_factory=dict)
    """Share of each field in what tells good trials from others; empty if there are too few."""
    recipe_accuracies: list[float] = field(default_factory=list)
    """Accuracy of the recipe on the held-out images, with each of some other seeds."""
    best_accuracies: list[float] = field(default_factory=list)
    """The same of the best settings; the same numbers, if the recipe is the best."""

    @property
    def best_trial(self) -> Tried:
        """The trial of the highest accuracy; among equals, that of the lowest loss.

        Raises:
            DigitsError: If none was trained to the end.
        """
        done = [tried for tried in self.trials if tried.accuracy is not None]
        if not done:
            reason = next((tried.error for tried in self.trials if tried.error), "")
            raise DigitsError(f"No trial could be trained to the end. The first error: {reason}")
        return max(done, key=lambda tried: (tried.accuracy, -(tried.loss or 0.0)))

    @property
    def best(self) -> Recipe:
        """The recipe with the best settings; it holds out as many images as it did."""
        name = self.recipe.name[: 60 - len(SUFFIX)] + SUFFIX
        return self.recipe.override(name=name, **self.best_trial.settings)

    @property
    def is_recipe_best(self) -> bool:
        """Whether the best settings are those that the recipe has."""
        return self.best == replace(self.recipe, name=self.best.name)

    @property
    def difference(self) -> Estimate | None:
        """Mean accuracy of the best minus that of the recipe, over seeds that chose nothing.

        None, if the recipe is the best, or too few could be trained to the end.
        """
        first, second = self.best_accuracies, self.recipe_accuracies
        if self.is_recipe_best or min(len(first), len(second)) < 2:
            return None
        return estimate_difference(first, second)


def tried_of(place: int, trial: FrozenTrial) -> Tried:
    """Describe the trial that filled a place."""
    facts = trial.user_attrs
    is_done = trial.state == TrialState.COMPLETE
    return Tried(
        number=place + 1,
        settings=dict(trial.params),
        accuracy=trial.value if is_done else None,
        loss=facts["loss"],
        epochs=facts["epochs"],
        seconds=facts["seconds"],
        error=facts["error"],
    )


def write_trials(found: Found) -> None:
    """Write the table of trials, and the best of them as a recipe.

    Raises:
        DigitsError: If they can't be written.
    """
    write_atomic(found.folder / TRIALS, _table(found.trials).encode())
    if any(tried.accuracy is not None for tried in found.trials):
        write_atomic(found.folder / BEST, found.best.to_toml().encode())


def _table(trials: Sequence[Tried]) -> str:
    names = list(trials[0].settings) if trials else []
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    own = ("validation_accuracy", "validation_loss", "epochs", "seconds")
    table.writerow(("trial", "state", *own, *names, "error"))
    for tried in trials:
        values = (tried.accuracy, tried.loss, tried.epochs, round(tried.seconds, 3))
        settings = (tried.settings[name] for name in names)
        table.writerow((tried.number, tried.state, *values, *settings, tried.error))
    return text.getvalue()
