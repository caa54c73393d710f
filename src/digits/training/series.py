"""Series: runs of one recipe that differ in their seed, in one folder; trained, or gone on with."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

from digits.errors import InvalidInput
from digits.models import BUILT_IN
from digits.recipe import Recipe
from digits.run import SEED, Run, expect_absent, runs_by_seed
from digits.training.loop import resume, train
from digits.training.progress import TrainingProgress


class SeriesInterrupted(KeyboardInterrupt):
    """Training of a series was stopped from outside; what was trained is saved."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        num_seeds: int,
        device: str | None,
        log: Sequence[str] = (),
    ) -> None:
        if recipe.network in BUILT_IN:
            on = f" --device {device}" if device else ""
            on += "".join(f" --log {name}" for name in log)
            how = f"digits train --resume {folder} --seeds {num_seeds}{on}"
        else:  # the command does not know networks that a user registered
            on = f", device={device!r}" if device else ""
            on += f", log={[*log]!r}" if log else ""
            how = f"digits.training.resume_series('{folder}', {num_seeds}{on})"
        super().__init__(f"Stopped and saved. Resume with: {how}")


def train_series(
    recipe: Recipe,
    num_seeds: int,
    *,
    out: str | Path | None = None,
    device: str | None = None,
    progress: TrainingProgress | None = None,
    log: Sequence[str] = (),
) -> list[Run]:
    """Train a recipe with its seed and the seeds that follow it, one run after the other.

    Args:
        recipe: The recipe.
        num_seeds: Number of runs.
        out: The folder to make, for one run folder each; `runs/<recipe>-<time>` if not given.
        device: The device to train on: auto, cpu, cuda or mps; auto if not given.
        progress: Where to report progress; standard output if not given.
        log: Trackers to write to as well: "tensorboard", "mlflow".

    Returns:
        The finished runs, by seed.

    Raises:
        InvalidInput: If the recipe, a seed or the device is invalid, or `out` is not empty.
        DigitsError: If one can't be trained; those before it are kept.
        SeriesInterrupted: On Ctrl-C or SIGTERM, once all is saved.
    """
    folder = _unused_folder(recipe) if out is None else Path(out)
    if not _is_empty(folder):
        expect_absent(folder)
    return _train_missing(folder, recipe, num_seeds, device, progress or TrainingProgress(), log)


def resume_series(
    folder: str | Path,
    num_seeds: int,
    *,
    device: str | None = None,
    progress: TrainingProgress | None = None,
    log: Sequence[str] = (),
) -> list[Run]:
    """Resume a series that was stopped, or add seeds to it; finished runs stay as they are.

    Args:
        folder: The folder of the series, in which at least one run was begun.
        num_seeds: Number of runs that it is to have.
        device: The device to train on; if not given, the one that a run began on, auto for those
            that have not.
        progress: Where to report progress; standard output if not given.
        log: Trackers to write to as well: "tensorboard", "mlflow".

    Returns:
        The finished runs, by seed.

    Raises:
        InvalidInput: If there is no series at `folder`, or a run in it can't be resumed.
        DigitsError: If one can't be trained; those before it are kept.
        SeriesInterrupted: On Ctrl-C or SIGTERM, once all is saved.
    """
    runs = runs_by_seed(Path(folder))
    if not runs:
        raise InvalidInput(
            f"{folder} holds no runs of several seeds: expected {SEED}0 or the like in it, "
            "found none; to resume a single run, leave --seeds away."
        )
    recipe, last = runs[0].recipe, runs[-1].recipe.seed
    if last >= recipe.seed + num_seeds:
        raise InvalidInput(
            f"{folder} holds {runs[-1].folder.name}: expected at least {last - recipe.seed + 1} "
            f"seeds, so that none is left out, found {num_seeds}."
        )
    return _train_missing(
        Path(folder), recipe, num_seeds, device, progress or TrainingProgress(), log
    )


def _train_missing(
    folder: Path,
    recipe: Recipe,
    num_seeds: int,
    device: str | None,
    progress: TrainingProgress,
    log: Sequence[str],
) -> list[Run]:
    """Train the runs that are not there, and finish those that are."""
    # All are made first, so that a seed out of range is refused before hours of training.
    recipes = [recipe.override(seed=recipe.seed + number) for number in range(num_seeds)]
    try:
        return [_train_one(folder, recipe, device, progress, log) for recipe in recipes]
    except KeyboardInterrupt as stopped:
        if not runs_by_seed(folder):  # stopped before the first run began
            raise
        raise SeriesInterrupted(folder, recipe, num_seeds, device, log) from stopped


def _train_one(
    folder: Path,
    recipe: Recipe,
    device: str | None,
    progress: TrainingProgress,
    log: Sequence[str],
) -> Run:
    path = folder / f"{SEED}{recipe.seed}"
    if path.exists():
        return resume(path, device=device, progress=progress, log=log)
    return train(recipe, out=path, device=device or "auto", progress=progress, log=log)


def _is_empty(folder: Path) -> bool:
    """Whether there is a folder with nothing in it, but for a run that was about to begin.

    A power cut, or `kill -9`, leaves such a folder.
    """
    return folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())


def _unused_folder(recipe: Recipe) -> Path:
    stem = f"{recipe.name}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(path for name in names if not (path := Path("runs", name)).exists())
