"""Search as a whole: trials of settings, and in the end whether the best of them is better.

No test image is looked at: the data set that trials get has none.
"""

import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import optuna
import tomli_w
import torch

from digits.data import DataSet
from digits.data.catalog import find, is_path
from digits.errors import DigitsError, InvalidInput
from digits.files import sync_folder, write_atomic
from digits.hardware import select_device
from digits.plots import importances, to_png
from digits.recipe import Recipe
from digits.run import load_set
from digits.search.places import Places, database_errors, open_storage
from digits.search.ranges import Range
from digits.search.results import IMPORTANCE, Found, Tried, tried_of, write_trials
from digits.search.trials import asker, carry_out, make_pruner
from digits.training.loop import complete
from digits.training.tasks import expect_fitting_set

NUM_SEEDS = 5
"""Number of seeds with which recipe and best are trained in the end, if none is asked for."""

SETTINGS = "settings.toml"
"""Name of the file with the recipe that is searched around, and the ranges."""

DATABASE = "study.db"
"""Name of the database with all trials."""

BEST_PART = 0.25
"""Part of the trials that count as good, where it is asked what makes them so."""

MIN_TRIALS = 8
"""Number of trials trained to the end, below which nothing is said of what mattered."""


def search(
    recipe: Recipe,
    ranges: Mapping[str, Range],
    *,
    num_trials: int,
    num_seeds: int = NUM_SEEDS,
    out: str | Path | None = None,
    device: str = "auto",
    report: Callable[[Tried], None] = lambda tried: None,
) -> Found:
    """Search settings of a recipe by the accuracy on held-out training images.

    What was begun in the folder is gone on with, and ends as it would have anyway. Several
    processes may be at one folder; each takes trials that no other has. The first trial is the
    recipe as it is, if that is within the ranges.

    Args:
        recipe: The recipe.
        ranges: What is tried, by the names of fields, as `load_ranges` or `default_ranges` give it.
        num_trials: Number of trials in all, at least 1.
        num_seeds: Number of other seeds with which recipe and best are trained in the end.
        out: The folder to make, or to go on in; `runs/<recipe>-search` if not given.
        device: The device to train on: auto, cpu, cuda or mps.
        report: Called with each trial that was carried out here.

    Returns:
        What was found; `best.toml`, `trials.csv` and `importance.png` are in the folder.

    Raises:
        InvalidInput: If the recipe does not fit its data, nothing is to be searched or held out, or
            the folder is of another search.
        DigitsError: If the data can't be had, the disk refuses, or no trial could be trained.
    """
    if not ranges:
        raise InvalidInput(
            f"Expected a field to search, found none: {recipe.name} has none with a range of its "
            "own that no flag sets; name some in a table [search] of its file."
        )
    recipe.override(seed=recipe.seed + num_seeds)  # refused now rather than in the end
    if not is_path(recipe.dataset):
        expect_fitting_set(recipe, find(recipe.dataset))  # before anything is downloaded
    data = without_test_images(load_set(replace(recipe, digest=None)))
    # A recipe that has nothing left to choose holds no image out; a search has.
    base = replace(recipe, digest=None, validation_size=recipe.validation_size or None)
    completed = complete(base, data, select_device(device))
    if data.split(completed.validation_size)[1] is None:
        raise InvalidInput(
            f"{data.name}: expected images to hold out, by which settings are compared, found none."
        )
    folder = Path(out) if out is not None else Path("runs", f"{recipe.name}-search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # trials are reported here
    with database_errors(folder / DATABASE):
        _open_folder(folder, completed, ranges)
        searching = _Search(folder, recipe, base, ranges, data, device, report)
        return searching.to_end(num_trials, num_seeds)


def without_test_images(data: DataSet) -> DataSet:
    """Take the test images out of a data set, so that nothing can be chosen by them."""
    none = torch.zeros(len(data.train), dtype=torch.bool, device=data.train.labels.device)
    return replace(data, test=data.train.chosen("test", none))


class _Search:
    """A search in its folder."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        base: Recipe,
        ranges: Mapping[str, Range],
        data: DataSet,
        device: str,
        report: Callable[[Tried], None],
    ) -> None:
        self._folder, self._recipe, self._base, self._ranges = folder, recipe, base, ranges
        self._data, self._device, self._report = data, device, report
        self._storage = open_storage(folder / DATABASE)

    def to_end(self, num_trials: int, num_seeds: int) -> Found:
        """Carry out what is missing, and say what was found."""
        study = self._study("settings")
        self._try_settings(study, num_trials)
        found = replace(self._found(study), importances=self._importances(study))
        _ = found.best  # refused now, if no trial could be trained
        of_recipe = self._try_seeds("seeds-recipe", self._base, num_seeds)
        of_best = of_recipe
        if not found.is_recipe_best:
            best = self._base.override(**found.best_trial.settings)
            of_best = self._try_seeds(f"seeds-trial-{found.best_trial.number}", best, num_seeds)
        if found.importances:
            figure = importances(found.importances, num_trials=len(found.trials))
            write_atomic(self._folder / IMPORTANCE, to_png(figure))
        write_trials(self._found(study))  # others may have been given more trials meanwhile
        return replace(found, recipe_accuracies=of_recipe, best_accuracies=of_best)

    def _study(self, name: str) -> optuna.Study:
        return optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction="maximize",
            pruner=make_pruner(self._base),
            load_if_exists=True,
        )

    def _found(self, study: optuna.Study) -> Found:
        filled = Places(study, self._folder).filled
        trials = [tried_of(place, trial) for place, trial in filled.items()]
        return Found(self._folder, self._recipe, trials)

    def _try_settings(self, study: optuna.Study, num_trials: int) -> None:
        places = Places(study, self._folder)
        ask = asker(study, self._base, self._ranges)
        while (taken := places.take(num_trials, ask)) is not None:
            place, trial = taken
            try:
                settings = self._base.override(**trial.params)
                outcome = carry_out(settings, self._data, self._device, trial)
                places.fill(trial, outcome.accuracy, outcome.attributes)
            finally:
                places.leave()
            found = self._found(study)
            write_trials(found)
            self._report(next(tried for tried in found.trials if tried.number == place + 1))

    def _try_seeds(self, name: str, recipe: Recipe, num_seeds: int) -> list[float]:
        """Train a recipe with seeds that chose nothing; gives the accuracies."""
        study = self._study(name)
        places = Places(study, self._folder)
        while (taken := places.take(num_seeds, lambda place: study.ask())) is not None:
            place, trial = taken
            try:
                seeded = recipe.override(seed=recipe.seed + 1 + place)
                outcome = carry_out(seeded, self._data, self._device, None)
                places.fill(trial, outcome.accuracy, outcome.attributes)
            finally:
                places.leave()
        values = [trial.value for place, trial in places.filled.items() if place < num_seeds]
        return [value for value in values if value is not None]

    def _importances(self, study: optuna.Study) -> dict[str, float]:
        """Ask what tells the good trials from the others.

        Source: Watanabe et al. 2023, arXiv:2304.10255, for PED-ANOVA, which needs no other library.
        """
        done = [t.value for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
        if len(done) < MIN_TRIALS or len(set(done)) == 1 or len(self._ranges) == 1:
            return {}
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_PART)
        return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _open_folder(folder: Path, completed: Recipe, ranges: Mapping[str, Range]) -> None:
    """Make the folder of a search, whole or not at all; or find it, of the same recipe and ranges.

    Raises:
        InvalidInput: If there is something else at `folder`.
        DigitsError: If it can't be written.
    """
    table = {name: tried.to_toml() for name, tried in ranges.items()}
    settings = tomllib.loads(completed.to_toml()) | {"search": table}
    if not folder.exists():
        staged = folder.with_name(f".{folder.name}.{uuid4().hex}")
        try:
            write_atomic(staged / SETTINGS, tomli_w.dumps(settings).encode())
            open_storage(staged / DATABASE).engine.dispose()
            staged.rename(folder)
            sync_folder(folder.parent)
        except OSError as error:
            if not folder.exists():  # another process may have made it just now
                raise DigitsError(f"Can't write {folder}: {error.strerror}.") from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    try:
        begun = tomllib.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{folder} exists already, and holds no search; name another folder with --out."
        ) from error
    changed = [name for name in {**begun, **settings} if begun.get(name) != settings.get(name)]
    if changed:
        name = changed[0]
        raise InvalidInput(
            f"{folder} holds a search with another {name}: expected {begun.get(name)!r}, found "
            f"{settings.get(name)!r}; name another folder with --out."
        )
