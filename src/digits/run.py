"""Run folder: recipe, history, checkpoint, weights and results of a training run, on disk.

Only this module knows its file names:

| file | content |
| --- | --- |
| `recipe.toml` | the recipe exactly as it ran |
| `history.jsonl` | a line for each epoch |
| `checkpoint.pt` | all that is needed to resume |
| `model.safetensors` | the trained weights, with how to rebuild the network and its temperature |
| `summary.json` | results, temperature, machine, versions, time |
| `SHA256SUMS` | sums of all of these, since the run is finished |
| `figures/`, `report.html` | made by `digits report` |
| `tensorboard/` | events, with `--log tensorboard` |
| `mlflow.json` | what the run is found by in MLflow, with `--log mlflow` |
| `events.jsonl` | what those see who watch the run, with `--watch`; lines are added to it |

Every other file is whole or absent. Loading executes nothing.
"""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from digits.data import DataSet, load
from digits.data.catalog import DIGITS
from digits.errors import DigitsError, InvalidInput
from digits.events import NAME as EVENTS
from digits.files import remove, sync_folder, write_atomic
from digits.history import EpochRecord, History, parse_history
from digits.models import BUILT_IN, build_model
from digits.recipe import Recipe, RenamedFields, parse_recipe
from digits.sums import NAME as SUMS
from digits.sums import expect_sum, write_sums

SHOWN = ("accuracy", "errors", "images")
"""Numbers of the test set's evaluation that a summary must have."""

SEED = "seed-"
"""Beginning of the names of the run folders in a series: one recipe, trained with several seeds."""

SUMMARY = "summary.json"
"""Name of the file that makes a run finished."""

DAMAGE = (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError)
"""Errors that reading a damaged weights file raises."""

MAX_SIZE, MAX_CLASSES = 64, 1000
"""Largest height and width of the images that a network may take, and number of its classes: the
metadata of a run could ask for any."""

FORMAT = 3
"""Version of the run folder's format. A folder of another format is refused, not misread."""

FINISHED = (2, FORMAT)
"""Formats whose weights and results are read. Format 2 had other names for four fields of a recipe,
and checkpoints of a training that went otherwise."""


class Run:
    """A training run in its folder; files are read when asked for.

    Args:
        folder: An existing run folder.

    Attributes:
        folder: The run folder.
        report_path: Where `write_report` writes the report.
        figures_path: The folder of its figures.

    Raises:
        InvalidInput: If there is no run at `folder`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.recipe_path = self.folder / "recipe.toml"
        self.history_path = self.folder / "history.jsonl"
        self.checkpoint_path = self.folder / "checkpoint.pt"
        self.model_path = self.folder / "model.safetensors"
        self.summary_path = self.folder / SUMMARY
        self.figures_path = self.folder / "figures"
        self.report_path = self.folder / "report.html"
        self.tensorboard_path = self.folder / "tensorboard"
        self.mlflow_path = self.folder / "mlflow.json"
        self.events_path = self.folder / EVENTS
        if not self.folder.is_dir():
            raise InvalidInput(f"No run folder at {self.folder}.")
        if not self.recipe_path.is_file():
            series = runs_by_seed(self.folder)
            inside = (
                f"; name a run in it, such as {series[0].folder}, or resume all of them with: "
                f"digits train --resume {self.folder} --seeds {max(2, len(series))}"
                if series
                else ""
            )
            raise InvalidInput(
                f"{self.folder} is not a run folder: expected a recipe.toml in it, found none"
                f"{inside}."
            )

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def is_finished(self) -> bool:
        """Whether training is finished and evaluated; the summary is written last."""
        return self.summary_path.is_file() and self.model_path.is_file()

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe exactly as it ran.

        Raises:
            DigitsError: If it is missing, damaged, or of an older format.
        """
        try:
            text = _read_checked(self.recipe_path)
            return parse_recipe(text.decode(), name=self.folder.name, source="it")
        except RenamedFields as error:
            names = " and ".join(map(repr, error.fields))
            verb = "means" if len(error.fields) == 1 else "mean"
            older = f"an older format, with {names}, which no longer {verb} the same"
            raise DigitsError(_other_format(self.recipe_path, older)) from error
        except ValueError as error:
            raise DigitsError(_damaged(self.recipe_path, error)) from error

    @property
    def history(self) -> History:
        """The epochs' records, first to last."""
        return _read_history(self.history_path)

    @property
    def summary(self) -> dict[str, Any]:
        """The results, with machine, versions and time; as in the file `summary.json`."""
        self._expect_finished(self.summary_path)
        return _read_summary(self.summary_path)

    @cached_property
    def model(self) -> nn.Module:
        """The trained network, on the CPU, in evaluation mode."""
        self._expect_finished(self.model_path)
        return _read_model(self.model_path)

    @property
    def temperature(self) -> float | None:
        """The temperature by which to divide the network's logits, so that they are calibrated.

        A run that was finished before runs were calibrated has none.
        """
        self._expect_finished(self.model_path)
        return _read_temperature(self.model_path)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's logits."""
        return self._task[0]

    @property
    def size(self) -> int:
        """Height and width of the images that the network takes, in pixels."""
        return self._task[1]

    @cached_property
    def _task(self) -> tuple[tuple[str, ...], int]:
        self._expect_finished(self.model_path)
        return _read_task(self.model_path)

    @classmethod
    def create(cls, folder: Path, recipe: Recipe, checkpoint: dict[str, Any]) -> "Run":
        """Create the folder of a run that is about to start.

        It appears whole, with recipe and first checkpoint, or not at all, so that a run that is
        killed at any later moment can be resumed.

        Raises:
            InvalidInput: If something exists at `folder`.
            DigitsError: If it can't be written.
        """
        expect_absent(folder)
        staged = folder.with_name(f".{folder.name}.{uuid4().hex}")
        try:
            write_atomic(staged / "recipe.toml", recipe.to_toml().encode())
            write_atomic(staged / "checkpoint.pt", _serialize(checkpoint))
            write_atomic(staged / "history.jsonl", b"")
            staged.rename(folder)
            sync_folder(folder.parent)
        except OSError as error:
            expect_absent(folder)  # another process may have created it just now
            raise DigitsError(f"Can't write {folder}: {error.strerror}.") from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return cls(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against training by other processes; a killed process's lock is free.

        Raises:
            DigitsError: If another process holds it.
        """
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise DigitsError(f"{self.folder} is being trained by another process.") from error
        except (OSError, NotImplementedError) as error:  # or the file system has no locks
            raise DigitsError(f"Can't write {self.folder}: {error}.") from error
        try:
            # Files that a killed process was writing when it died.
            for leftover in self.folder.glob(".*." + 32 * "[0-9a-f]"):
                leftover.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def save_checkpoint(self, checkpoint: dict[str, Any], history: list[EpochRecord]) -> None:
        """Save what is needed to resume from here; `checkpoint` holds tensors and plain data."""
        # History first: a run killed in between repeats that epoch, and writes its line again.
        write_atomic(self.history_path, History(history).to_jsonl().encode())
        write_atomic(self.checkpoint_path, _serialize(checkpoint))

    def load_checkpoint(self) -> dict[str, Any]:
        """Load what `save_checkpoint` saved last.

        Raises:
            DigitsError: If it is missing, damaged, or of another format.
        """
        try:
            content = _read_checked(self.checkpoint_path)
            # torch does not check the checksums in its zip files.
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
            checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            found = checkpoint["format"]
        except DigitsError:
            raise
        except Exception as error:  # a damaged file makes torch.load raise almost anything
            raise DigitsError(_damaged(self.checkpoint_path, error)) from error
        _expect_format(self.checkpoint_path, found)
        assert isinstance(checkpoint, dict)
        return checkpoint

    def save_model(
        self,
        model: nn.Module,
        temperature: float | None = None,
        *,
        classes: tuple[str, ...] = DIGITS,
        size: int = 28,
    ) -> None:
        """Save the weights, with what is needed to rebuild the network in the metadata.

        Args:
            model: The trained network.
            temperature: The temperature by which its logits are to be divided, if it is known.
            classes: Names of the classes, in the order of its logits.
            size: Height and width of the images that it takes, in pixels.
        """
        # Copies, as safetensors refuses layers that share weights.
        tensors = {
            name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, t in model.state_dict().items()
        }
        recipe = self.recipe
        facts = {
            "format": FORMAT,
            "network": recipe.network,
            "mean": recipe.mean,
            "std": recipe.std,
            "classes": list(classes),
            "size": size,
            "temperature": temperature,
            "recipe": recipe.to_toml(),
            "sha256": _digest(tensors),
        }
        # One entry, as safetensors writes several in random order, and the same seed should give
        # the same file.
        metadata = {"digits": json.dumps(facts)}
        # A run that lost its weights has a summary, which says that there are sums: it goes first.
        remove(self.summary_path)
        remove(self.folder / SUMS)  # a process that was killed before the summary leaves them, too
        write_atomic(self.model_path, save(tensors, metadata))
        for cached in ("model", "_task"):
            self.__dict__.pop(cached, None)

    def save_summary(self, summary: dict[str, Any]) -> None:
        """Save the results; this comes last, as it makes the run finished."""
        facts = {"format": FORMAT, "sums": SUMS, **summary}
        content = (json.dumps(facts, indent=2, allow_nan=False) + "\n").encode()
        finished = (self.recipe_path, self.history_path, self.checkpoint_path, self.model_path)
        sums = {path.name: _read(path) for path in finished}
        write_sums(self.folder, {**sums, self.summary_path.name: content})
        write_atomic(self.summary_path, content)

    def _expect_finished(self, path: Path) -> None:
        if not path.is_file():
            raise DigitsError(
                f"{self.folder} is not finished: it has no {path.name}. "
                f"Resume with: digits train --resume {self.folder}"
            )


def load_set(recipe: Recipe, *, is_same: bool = True) -> DataSet:
    """Load the data set that a recipe names; of one's own, the same as when its run began.

    Args:
        recipe: The recipe.
        is_same: Whether it has to be the same.

    Raises:
        InvalidInput: If there is no such set.
        DigitsError: If it can't be had, or is no longer what the run was trained on.
    """
    data = load(recipe.dataset, crop=recipe.crop)
    found = None if data.own is None else data.own.digest
    if is_same and recipe.digest is not None and found != recipe.digest:
        raise DigitsError(
            f"{recipe.dataset} is no longer what the run was trained on (expected digest "
            f"{recipe.digest}, found {found}); restore it, or train anew."
        )
    return data


def runs_by_seed(folder: Path) -> list[Run]:
    """Open the runs of a series, in the order of their seeds; none if the folder holds none."""
    paths = {
        path.parent.name.removeprefix(SEED): path.parent
        for path in folder.glob(f"{SEED}*/recipe.toml")
    }
    return [Run(paths[seed]) for seed in sorted(filter(str.isdecimal, paths), key=int)]


def open_runs(paths: Sequence[str | Path]) -> list[Run]:
    """Open run folders; the folder of a series stands for all runs in it.

    Raises:
        InvalidInput: If there is no run at a path.
    """
    return [run for path in paths for run in runs_by_seed(Path(path)) or [Run(path)]]


def expect_absent(folder: Path) -> None:
    """Refuse a run folder that exists.

    Raises:
        InvalidInput: If there is a file or folder of this name.
    """
    if folder.exists():
        raise InvalidInput(f"{folder} exists already; name another folder, or --resume it.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DigitsError(_incomplete(path)) from error
    except OSError as error:
        raise DigitsError(f"Can't read {path}: {error.strerror}.") from error


def _read_checked(path: Path) -> bytes:
    """Read a file of a run, and compare it with its sum; a finished run has one of each file.

    A run that was finished before summaries said so is taken without sums.

    Raises:
        DigitsError: If it can't be read, or the sums are lost.
        ValueError: If its sum is another.
    """
    content = _read(path)
    if not expect_sum(path, content) and _names_sums(path.with_name(SUMMARY)):
        raise DigitsError(_incomplete(path.with_name(SUMS)))
    return content


def _names_sums(path: Path) -> bool:
    """Whether a run has a summary, and it says that there are sums."""
    try:
        return path.is_file() and "sums" in json.loads(_read(path))
    except (ValueError, TypeError, RecursionError) as error:
        raise DigitsError(_damaged(path, error)) from error


def _read_history(path: Path) -> History:
    try:
        return parse_history(_read_checked(path).decode())
    except (ValueError, TypeError, RecursionError) as error:
        raise DigitsError(_damaged(path, error)) from error


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(_read_checked(path))
        _expect_format(path, summary["format"], FINISHED)
        shown = [summary["training_seconds"], *(summary["test"][name] for name in SHOWN)]
        if not all(isinstance(value, int | float) for value in shown):
            raise TypeError("expected numbers")
        low, high = summary["test"]["interval"]
        if not 0 <= low <= high <= 1:
            raise ValueError(f"the interval is {low} to {high}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DigitsError(_damaged(path, error)) from error
    assert isinstance(summary, dict)
    return summary


def _read_model(path: Path) -> nn.Module:
    try:
        _read_checked(path)
        with safe_open(path, framework="pt") as file:
            facts = _facts_of(path, file)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts["sha256"] != _digest(tensors):
            raise ValueError("the weights do not match their checksum")
        name, mean, std = str(facts["network"]), float(facts["mean"]), float(facts["std"])
        classes, size = _task_in(facts)
    except DAMAGE as error:
        raise DigitsError(_damaged(path, error)) from error
    try:
        model = build_model(name, mean=mean, std=std, num_classes=len(classes), size=size)
        model.load_state_dict(tensors)
    except InvalidInput as error:  # a user's network that is not registered
        raise DigitsError(f"{path} does not fit the networks known here: {error}") from error
    except RuntimeError as error:  # torch would list each layer that differs
        remedy = "Use the version" if name in BUILT_IN else "Register the network"
        raise DigitsError(
            f"{path} does not fit the networks known here: {name!r} has other layers now. {remedy} "
            "that made it (summary.json names version and commit), or train anew."
        ) from error
    return model.eval()


def _read_temperature(path: Path) -> float | None:
    try:
        _read_checked(path)
        with safe_open(path, framework="pt") as file:
            found = _facts_of(path, file).get("temperature")
        if found is None:
            return None
        if not 0 < float(found) < inf:
            raise ValueError(f"the temperature is {found}")
        return float(found)
    except DAMAGE as error:
        raise DigitsError(_damaged(path, error)) from error


def _read_task(path: Path) -> tuple[tuple[str, ...], int]:
    try:
        _read_checked(path)
        with safe_open(path, framework="pt") as file:
            return _task_in(_facts_of(path, file))
    except DAMAGE as error:
        raise DigitsError(_damaged(path, error)) from error


def _task_in(facts: dict[str, Any]) -> tuple[tuple[str, ...], int]:
    """Classes and size of the images in the metadata; older runs are of digits, and name none."""
    classes, size = facts.get("classes", DIGITS), facts.get("size", 28)
    is_list = isinstance(classes, list | tuple) and 0 < len(classes) <= MAX_CLASSES
    if not is_list or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"the classes are {classes!r}")
    if type(size) is not int or not 0 < size <= MAX_SIZE:
        raise ValueError(f"the size is {size!r}")
    return tuple(classes), size


def _facts_of(path: Path, file: Any) -> dict[str, Any]:
    """Read what the metadata of an open weights file says."""
    facts = json.loads((file.metadata() or {})["digits"])
    _expect_format(path, facts["format"], FINISHED)
    assert isinstance(facts, dict)
    return facts


def _digest(tensors: dict[str, Tensor]) -> str:
    """Compute the SHA-256 of the weights, as safetensors would not notice a flipped bit."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _serialize(checkpoint: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **checkpoint}, buffer)
    return buffer.getvalue()


def _expect_format(path: Path, found: object, readable: tuple[int, ...] = (FORMAT,)) -> None:
    if found not in readable:
        raise DigitsError(_other_format(path, f"format {found}"))


def _other_format(path: Path, found: str) -> str:
    return (
        f"{path} is of {found}; this version of digits reads format {FORMAT}. "
        "Use the version that wrote it (a finished run's summary.json names it), or train anew "
        f"with: digits train --recipe {path.with_name('recipe.toml')}"
    )


def _incomplete(path: Path) -> str:
    return (
        f"{path.parent} is incomplete: it has no {path.name}; "
        "restore it from a copy, or train anew."
    )


def _damaged(path: Path, error: Exception) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return f"{path} is damaged ({reason}); restore it from a copy, or train anew."
