"""Training loop: from a recipe and a data set to a finished run folder, interrupted or not."""

import itertools
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from digits.data import DataSet
from digits.data.catalog import find, is_path
from digits.errors import DigitsError, InvalidInput
from digits.hardware import (
    describe_machine,
    describe_versions,
    find_commit,
    keep_freed_memory,
    seeded,
    select_device,
    select_precision,
)
from digits.models import BUILT_IN, count_parameters
from digits.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from digits.run import Run, expect_absent, load_set
from digits.training.calibration import find_temperature
from digits.training.processes import ALONE, Processes
from digits.training.progress import TrainingProgress
from digits.training.shards import NUM_SHARDS
from digits.training.signals import stop_signals
from digits.training.tasks import digest_code, evaluate_task, expect_fitting_set
from digits.training.trackers import Trackers, expect_trackers, tracking
from digits.training.trainer import Trainer
from digits.training.watching import Watcher


class Observers(NamedTuple):
    """Those who are told how a run goes."""

    progress: TrainingProgress
    trackers: Trackers
    watcher: Watcher | None


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside and saved; `run` can be resumed."""

    def __init__(self, run: Run) -> None:
        # The command does not know networks that a user registered.
        known = run.recipe.network in BUILT_IN
        how = f"digits train --resume {run.folder}" if known else f"digits.resume('{run.folder}')"
        super().__init__(f"Stopped and saved. Resume with: {how}")
        self.run = run


def train(
    recipe: str | Path | Recipe = DEFAULT_RECIPE,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    progress: TrainingProgress | None = None,
    log: Sequence[str] = (),
    processes: Processes = ALONE,
    watcher: Watcher | None = None,
    **overrides: Any,
) -> Run:
    """Train a network and evaluate it on the test set.

    Args:
        recipe: A recipe's name such as "classic", a TOML file, or a `Recipe`; "balanced" if not
            given.
        out: The run folder to make; `runs/<recipe>-<time>` if not given.
        device: The device to train on: auto, cpu, cuda or mps.
        progress: Where to report progress; standard output if not given.
        log: Trackers to write to as well: "tensorboard", "mlflow".
        processes: The processes to train with, of which this is the first, as
            `digits.training.together` gives them; this one alone if not given.
        watcher: Writes what those see who watch the run; nobody does if not given.
        **overrides: Fields of the recipe to change, such as `epochs=1`.

    Returns:
        The finished run.

    Raises:
        InvalidInput: If the recipe, a field or the device is invalid, or `out` exists.
        DigitsError: If the data can't be had, the disk refuses, or the loss is no longer finite.
        Interrupted: On Ctrl-C or SIGTERM, once the run is saved.

    Examples:
        >>> import digits
        >>> run = digits.train("classic", epochs=1)  # doctest: +SKIP
    """
    expect_trackers(log)
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if isinstance(overrides.get("dataset"), Path):
        overrides["dataset"] = str(overrides["dataset"].absolute())
    # A recipe that a run wrote may be used anew, whatever became of its data set.
    chosen = replace(chosen.override(**overrides), digest=None)
    compute_device = select_device(device)
    if processes.num > 1 or processes.are_elastic:
        chosen = replace(chosen, shards=chosen.shards or max(NUM_SHARDS, processes.num))
    if out is not None:
        expect_absent(Path(out))
    if not is_path(chosen.dataset):
        expect_fitting_set(chosen, find(chosen.dataset))  # before anything is downloaded
    data = load_set(chosen)
    expect_fitting_set(chosen, data)
    if len(data.test) == 0:
        raise InvalidInput(
            f"{data.name}: expected test images, found none, as all pictures are of one writer, or "
            "copies of one; say which test: in folders train and test, or in a column split."
        )
    chosen = complete(chosen, data, compute_device)
    with seeded(chosen.seed, compute_device):
        trainer = Trainer(chosen, data, compute_device, processes)
        run = _create_run(out, chosen, trainer)
        with run.locked(), tracking(run, log) as trackers, closing(watcher or Watcher()):
            observers = Observers(progress or TrainingProgress(), trackers, watcher)
            _train_to_end(run, trainer, data, observers)
    return run


def train_or_resume(
    recipe: Recipe,
    *,
    out: Path,
    device: str | None = None,
    progress: TrainingProgress | None = None,
    log: Sequence[str] = (),
    processes: Processes = ALONE,
    watcher: Watcher | None = None,
) -> Run:
    """Train, or resume the run at `out` if it is of this recipe: it ends with the same bits.

    So processes that are started again, with the words that they were started with, go on.

    Args:
        recipe: The recipe.
        out: The run folder to make, or to go on in.
        device: The device to train on: auto, cpu, cuda or mps.
        progress: Where to report progress; standard output if not given.
        log: Trackers to write to as well.
        processes: The processes to train with, of which this is the first.
        watcher: Tells those how it goes who watch the run.

    Raises:
        InvalidInput: If `out` is something else, or as `train` and `resume` do.
        DigitsError: As `train` and `resume` do.
        Interrupted: On Ctrl-C or SIGTERM, once the run is saved.
    """
    how: dict[str, Any] = {
        "progress": progress,
        "log": log,
        "processes": processes,
        "watcher": watcher,
    }
    if out.exists() and _is_run_of(out, recipe):
        return resume(out, device=device, **how)
    return train(recipe, out=out, device=device or "auto", **how)


def _is_run_of(folder: Path, recipe: Recipe) -> bool:
    """Whether there is a run of a recipe, in which data and machine decided what was left open."""
    found = Run(folder).recipe
    amounts = replace(recipe.augmentation, amounts=found.augmentation.amounts)
    asked = {**vars(recipe), "augmentation": amounts}
    if is_path(recipe.dataset):  # a run names it so
        asked["dataset"] = str(Path(recipe.dataset).resolve())
    decided = {name: value for name, value in asked.items() if value not in (None, "auto")}
    return replace(found, **decided) == found


def resume(
    folder: str | Path,
    *,
    device: str | None = None,
    progress: TrainingProgress | None = None,
    log: Sequence[str] = (),
    processes: Processes = ALONE,
    watcher: Watcher | None = None,
) -> Run:
    """Resume a run that was stopped; it ends with the bits that it would have had anyway.

    Args:
        folder: The run folder. A finished run is returned as it is.
        device: The device to train on; if not given, the one it ran on. Another one may give other
            bits.
        progress: Where to report progress; standard output if not given.
        log: Trackers to write to besides those that it was written to before; a finished run is
            brought to them.
        processes: The processes to train with, of which this is the first. How many there are
            changes no bit.
        watcher: Tells those how it goes who watch the run; so is one that was watched before.

    Returns:
        The finished run.

    Raises:
        InvalidInput: If there is no run at `folder`, its network is not registered here, or it was
            begun with other amounts of augmentation than this code's.
        DigitsError: If it is damaged, of another format, or being trained by another process.
        Interrupted: On Ctrl-C or SIGTERM, once the run is saved.
    """
    run = Run(folder)
    if run.is_finished and not log:  # it may lie where nothing can be written
        processes.release()
        return run
    with run.locked(), tracking(run, log) as trackers:
        if run.is_finished:  # another process may have finished it meanwhile
            processes.release()
            trackers.finish(run.history, run.summary)
        else:
            if watcher is None and run.events_path.exists():
                watcher = Watcher()
            observers = Observers(progress or TrainingProgress(), trackers, watcher)
            with closing(watcher or Watcher()):
                _resume_locked(run, device, observers, processes)
    return run


def _resume_locked(
    run: Run,
    device: str | None,
    observers: Observers,
    processes: Processes,
) -> None:
    checkpoint, recipe = run.load_checkpoint(), run.recipe
    if checkpoint.get("recipe") != recipe.to_toml():
        raise DigitsError(
            f"{run.recipe_path} is not what the run began with; restore it, or train anew with: "
            f"digits train --recipe {run.recipe_path}"
        )
    if "shards" not in checkpoint:
        raise DigitsError(
            f"{run.checkpoint_path} is of an earlier version of digits, which trained otherwise; "
            f"train anew with: digits train --recipe {run.recipe_path}"
        )
    compute_device = select_device(device or str(checkpoint.get("device", "auto")))
    data = load_set(recipe)
    with seeded(recipe.seed, compute_device):
        trainer = Trainer(recipe, data, compute_device, processes)
        try:
            trainer.load_state_dict(checkpoint)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise DigitsError(
                f"{run.checkpoint_path} does not fit its recipe ({reason}); train anew."
            ) from error
        _train_to_end(run, trainer, data, observers)


def complete(recipe: Recipe, data: DataSet, device: torch.device) -> Recipe:
    """Fill in what data, machine and code decide, so that the recipe says everything.

    Args:
        recipe: The recipe as it was asked for.
        data: The data set, whose training images give mean and standard deviation.
        device: The device to train on, which decides the precision.
    """
    changes: dict[str, Any] = {
        "precision": select_precision(recipe.precision, device),
        "amounts": recipe.augmentation.amounts or digest_code(recipe),
    }
    if recipe.validation_size is None:
        changes["validation_size"] = data.validation_size
    if data.own is not None:
        changes |= {"dataset": data.name, "crop": data.own.crop, "digest": data.own.digest}
    if recipe.mean is None or recipe.std is None:
        split, _ = data.split(recipe.validation_size)
        mean, std = pixel_statistics(split.images)
        # Four digits are readable, and as good as all of them.
        changes["mean"] = round(mean, 4) if recipe.mean is None else recipe.mean
        changes["std"] = round(std, 4) if recipe.std is None else recipe.std
    return recipe.override(**changes)


def pixel_statistics(images: UInt8[Tensor, "n h w"]) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, on the scale where white is 1."""
    # A histogram has 256 numbers; a float copy of the set would take 188 MB.
    counts = torch.bincount(images.flatten(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - mean) ** 2).sum() / counts.sum()
    return float(mean), float(variance.sqrt())


def _create_run(out: str | Path | None, recipe: Recipe, trainer: Trainer) -> Run:
    checkpoint = trainer.state_dict()
    if out is not None:
        return Run.create(Path(out), recipe, checkpoint)
    stem = f"{recipe.name}-{datetime.now():%Y%m%d-%H%M%S}"
    for name in itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2))):
        with suppress(InvalidInput):  # another run began in the same second
            return Run.create(Path("runs", name), recipe, checkpoint)
    raise AssertionError("itertools.count never ends")


def _train_to_end(run: Run, trainer: Trainer, data: DataSet, observers: Observers) -> None:
    """Train all remaining epochs, then evaluate on the test set and write the summary."""
    recipe = trainer.recipe
    progress, trackers, watcher = observers
    num_parameters = count_parameters(trainer.model)
    if trainer.processes.num > 1:
        trainer.processes.share_state(trainer.state_dict())
        trainer.processes.expect_ready()
    keep_freed_memory()
    commit = find_commit()  # now, as the checkout may change while this runs
    num_processes = trainer.processes.num
    together = f" of {num_processes} processes" if num_processes > 1 else ""
    progress.start(
        f"{recipe.name}: {num_parameters:,} parameters, {trainer.task.num_images:,} images, "
        f"{trainer.device.type}{together}, {recipe.precision}, seed {recipe.seed} → {run.folder}",
        num_epochs=recipe.epochs,
        num_steps=trainer.num_steps,
        num_steps_done=trainer.num_steps_done,
    )
    try:
        with stop_signals() as stopped:
            trackers.update(trainer.history)
            if watcher is not None:
                watcher.begin(run, trainer, data, progress)
            while not trainer.is_done:
                _train_epoch(run, trainer, stopped, observers)
    finally:
        progress.stop()
    device = trainer.device.type
    temperature = find_temperature(trainer.result, recipe, data, device=device)
    run.save_model(trainer.result, temperature, classes=data.classes, size=data.size)
    test = evaluate_task([run], data.test, device=device)
    summary = {
        "recipe": recipe.name,
        "dataset": recipe.dataset,
        "seed": recipe.seed,
        "temperature": temperature,
        "test": test.to_dict(),
        "training_seconds": sum(record.seconds for record in trainer.history),
        "training_images": trainer.task.num_images,
        "parameters": num_parameters,
        "device": device,
        "processes": num_processes,
        "precision": recipe.precision,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "versions": describe_versions(),
        "machine": describe_machine(),
    }
    trackers.finish(trainer.history, summary)  # before the run is finished: it is not asked again
    run.save_summary(summary)
    if watcher is not None:
        watcher.finish(summary)


def _train_epoch(
    run: Run,
    trainer: Trainer,
    stopped: threading.Event,
    observers: Observers,
) -> None:
    """Train the rest of the running epoch and save; when told to stop, save and raise."""
    progress, trackers, watcher = observers
    is_stopping = False
    while not trainer.is_epoch_over:
        trainer.advance()
        if watcher is not None:
            watcher.step()
        if trainer.is_check_due or stopped.is_set():
            trainer.check_finite()
            progress.step(
                epoch=trainer.epoch,
                num_steps_done=trainer.num_steps_done,
                loss=trainer.mean_loss,
                images_per_second=trainer.images_per_second,
            )
        is_stopping = trainer.processes.any_has(stopped.is_set())
        if is_stopping and not trainer.is_epoch_over:
            trainer.check_finite()  # perhaps another process alone was told to stop
            run.save_checkpoint(trainer.state_dict(), trainer.history)
            raise Interrupted(run)
    record = trainer.end_epoch()
    run.save_checkpoint(trainer.state_dict(), trainer.history)
    progress.epoch(record)
    trackers.update(trainer.history)
    if watcher is not None:
        watcher.end_epoch(record)
    if is_stopping or stopped.is_set():
        raise Interrupted(run)
