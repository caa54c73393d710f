"""Trackers: TensorBoard and MLflow, which get what a run says, from its history.

A tracker asks its library what it has of the run, and writes what is missing: so a run that was
killed and resumed has each epoch once, and a finished one can be brought to a tracker as well.
"""

import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any, NamedTuple
from uuid import uuid4

from digits.errors import DigitsError, InvalidInput, suggest
from digits.extras import TRACKERS, optional_imports
from digits.files import write_atomic
from digits.history import EpochRecord
from digits.recipe import Recipe
from digits.run import Run

SCALARS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
    "seconds": "seconds",
}
"""Fields of an epoch's record, by the names that trackers show; what is before / is one chart."""

MODULES = {
    "tensorboard": ("torch.utils.tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
}
"""What each tracker needs to be imported."""

EXPERIMENT = "digits"
"""Name of the experiment in MLflow, unless MLFLOW_EXPERIMENT_NAME is set."""

TAG = "digits.run"
"""Tag of a run in MLflow, by which it is found again."""


class Scalar(NamedTuple):
    """A number that a tracker gets."""

    name: str
    value: float
    epoch: int
    """Number of the epoch after which it was measured, from 1."""


class Tracker(ABC):
    """What a run is written to, besides its folder; each number once.

    Args:
        known: Epochs of which the tracker has a number, by its name.
    """

    def __init__(self, known: dict[str, set[int]]) -> None:
        self._known = defaultdict(set, known)

    def update(self, history: Sequence[EpochRecord]) -> None:
        """Write the epochs that are missing."""
        self._write_missing(
            Scalar(name, value, record.epoch)
            for record in history
            for name, field in SCALARS.items()
            if (value := getattr(record, field)) is not None
        )

    def finish(self, history: Sequence[EpochRecord], summary: dict[str, Any]) -> None:
        """Write what is missing of a run's epochs, and its results."""
        self.update(history)
        results = {f"test/{name}": value for name, value in summary["test"].items()}
        results |= {name: summary[name] for name in ("training_seconds", "parameters")}
        numbers = {n: v for n, v in results.items() if isinstance(v, int | float)}
        is_new = self._write_missing(Scalar(*item, len(history)) for item in numbers.items())
        self._conclude(numbers, is_new=is_new)

    def _write_missing(self, scalars: Iterator[Scalar]) -> bool:
        missing = [each for each in scalars if each.epoch not in self._known[each.name]]
        if missing:
            self._write(missing)
        for each in missing:
            self._known[each.name].add(each.epoch)
        return bool(missing)

    @abstractmethod
    def _write(self, scalars: list[Scalar]) -> None:
        """Write numbers; they are kept when this returns."""

    @abstractmethod
    def _conclude(self, results: dict[str, float], *, is_new: bool) -> None:
        """Say that the run is finished."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held."""


class TensorBoard(Tracker):
    """Events in the run's folder, which `tensorboard --logdir runs` shows."""

    def __init__(self, run: Run) -> None:
        from tensorboard.backend.event_processing import event_accumulator
        from torch.utils.tensorboard import SummaryWriter

        everything = {event_accumulator.SCALARS: 0}
        folder = str(run.tensorboard_path)
        known = {}
        if run.tensorboard_path.is_dir():
            events = event_accumulator.EventAccumulator(folder, size_guidance=everything).Reload()
            known = {
                name: {event.step for event in events.Scalars(name)}
                for name in events.Tags()["scalars"]
            }
        super().__init__(known)
        self._recipe = run.recipe
        self._writer: Any = SummaryWriter(folder)  # its types say that it writes to nothing
        if not known:
            self._writer.add_text("recipe", f"```\n{self._recipe.to_toml()}```")

    def _write(self, scalars: list[Scalar]) -> None:
        for scalar in scalars:
            self._writer.add_scalar(scalar.name, scalar.value, scalar.epoch)
        self._writer.flush()

    def _conclude(self, results: dict[str, float], *, is_new: bool) -> None:
        if not is_new:
            return
        from torch.utils.tensorboard.summary import hparams

        # As `SummaryWriter.add_hparams`, which would write the results once more.
        for part in hparams(_fields(self._recipe), results):
            self._writer.file_writer.add_summary(part)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class MLflow(Tracker):
    """A run in MLflow, wherever MLFLOW_TRACKING_URI says; by default, `mlflow.db` beside `runs`."""

    def __init__(self, run: Run) -> None:
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table it makes
        from mlflow import MlflowClient

        # First the tag is kept, then the run is made: killed in between, there are no two of them.
        if not run.mlflow_path.exists():
            write_atomic(run.mlflow_path, json.dumps({TAG: uuid4().hex}).encode())
        tag = str(json.loads(run.mlflow_path.read_bytes())[TAG])
        self._client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        found = self._client.search_runs([number], filter_string=f"tags.`{TAG}` = '{tag}'")
        own = found[0] if found else self._create_run(run, number, tag)
        self._id = own.info.run_id
        known = {
            name: {metric.step for metric in self._client.get_metric_history(self._id, name)}
            for name in own.data.metrics
        }
        super().__init__(known)
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in _fields(run.recipe).items()]
        self._client.log_batch(self._id, params=params)  # the same again changes nothing

    def _write(self, scalars: list[Scalar]) -> None:
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        metrics = [Metric(each.name, each.value, now, each.epoch) for each in scalars]
        for begin in range(0, len(metrics), 1000):  # as many as MLflow takes at once
            self._client.log_batch(self._id, metrics=metrics[begin : begin + 1000])

    def _conclude(self, results: dict[str, float], *, is_new: bool) -> None:
        self._client.set_terminated(self._id)

    def _create_run(self, run: Run, experiment: str, tag: str) -> Any:
        tags = {TAG: tag, "digits.folder": str(run.folder.resolve())}
        return self._client.create_run(experiment, tags=tags, run_name=run.folder.name)

    def close(self) -> None:
        """Nothing is held: each call is on its own."""


def _fields(recipe: Recipe) -> dict[str, Any]:
    """Give the fields of a recipe that have a value, its augmentation's among them."""
    fields = asdict(recipe)
    fields |= fields.pop("augmentation")
    return {name: value for name, value in fields.items() if value is not None}


class Trackers:
    """All trackers of a run.

    Args:
        run: The run.
        trackers: Its trackers.
    """

    def __init__(self, run: Run, trackers: Sequence[Tracker]) -> None:
        self._run, self._trackers = run, trackers

    def update(self, history: Sequence[EpochRecord]) -> None:
        """Write the epochs that are missing to all."""
        for tracker in self._trackers:
            with _told(self._run):
                tracker.update(history)

    def finish(self, history: Sequence[EpochRecord], summary: dict[str, Any]) -> None:
        """Write what is missing, and the results, to all."""
        for tracker in self._trackers:
            with _told(self._run):
                tracker.finish(history, summary)


@contextmanager
def tracking(run: Run, names: Sequence[str]) -> Iterator[Trackers]:
    """Open the trackers of a run: those that are named, and those that it was written to before.

    Args:
        run: The run.
        names: Some of `TRACKERS`.

    Raises:
        MissingExtraError: If a tracker's library is not installed.
        DigitsError: If one can't be written to.
    """
    paths = {"tensorboard": run.tensorboard_path, "mlflow": run.mlflow_path}
    kinds: dict[str, type[TensorBoard] | type[MLflow]] = {
        "tensorboard": TensorBoard,
        "mlflow": MLflow,
    }
    chosen = [name for name in TRACKERS if name in names or paths[name].exists()]
    expect_trackers(chosen)
    with ExitStack() as stack:
        trackers = []
        for name in chosen:
            with _told(run):
                trackers.append(kinds[name](run))
            stack.callback(trackers[-1].close)
        yield Trackers(run, trackers)


def expect_trackers(names: Sequence[str]) -> None:
    """Refuse trackers that are unknown, or not installed, before anything is done.

    Raises:
        InvalidInput: If there is none of a name.
        MissingExtraError: If a tracker's library is not installed.
    """
    # MLflow tells its makers of its use, over the network, unless that is off when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in names:
        if name not in TRACKERS:
            raise InvalidInput(f"No tracker is called {name!r}; {suggest(name, TRACKERS)}")
        with optional_imports(f"--log {name}"):
            for module in MODULES[name]:
                import_module(module)


@contextmanager
def _told(run: Run) -> Iterator[None]:
    """Say in one line why a tracker could not be written to, and that the run is saved."""
    try:
        yield
    except DigitsError:
        raise
    except Exception as error:  # a server that is away, a full disk: each library has its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DigitsError(
            f"Can't write to a tracker ({reason}). The run is saved; once that is mended, go on "
            f"with: digits train --resume {run.folder}"
        ) from error
