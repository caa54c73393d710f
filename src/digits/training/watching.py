"""Watching: a run as it goes, told in events, for a page that shows it.

What a run comes to does not depend on whether it is watched, down to the bit. The digits that are
watched are held-out images; where a recipe holds none out, they are training images. No test image
is among them.
"""

import time
from base64 import b64encode
from collections.abc import Callable
from itertools import islice
from math import isfinite, sqrt
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from digits.data import DataSet, Split
from digits.errors import DigitsError
from digits.events import EventLog
from digits.hardware import (
    autocast,
    limited_threads,
    memory_format,
    random_state,
    set_random_state,
)
from digits.history import EpochRecord
from digits.models import reads_lines
from digits.models.copies import copy_sharing_weights
from digits.run import Run
from digits.training.progress import TrainingProgress
from digits.training.trainer import Trainer

NUM_POINTS = 40
"""Points of a run's curves, at even intervals; each takes some tenths of a millisecond."""

LONGEST_WAIT, GROWTH = 2.0, 0.02
"""Seconds until there is a point in any case, and the part of the time so far by which they grow: a
run of hours has two hundred more, most of them early on."""

SHARE = 0.01
"""Largest part of the time of training for watching, 0 to 1; digits are read at fewer points
instead. Source: benchmarks/watching.py, by which watching takes a hundredth."""

NUM_SHOWN = 40
"""Digits that are shown one by one, and read at each point that there is time for."""

NUM_SEARCHED = 2000
"""Images among which these are found, as many of each class."""

NUM_COUNTED = 960
"""Further digits, which a confusion matrix counts as well."""

NUM_AT_ONCE = 60
"""Number of these that are read at a point; the next ones are read at the next."""

MAX_FILTERS = 64
"""Filters of the first layer that are shown."""


class Watcher:
    """Tells how a run goes, in the events of its folder.

    Args:
        on_begin: Called with the file of events, once it is there.
        on_failure: Called with the reason if nothing more can be told; training goes on.
    """

    def __init__(
        self,
        on_begin: Callable[[Path], None] = lambda path: None,
        on_failure: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._on_begin, self._on_failure = on_begin, on_failure
        self._log: EventLog | None = None

    def begin(self, run: Run, trainer: Trainer, data: DataSet, progress: TrainingProgress) -> None:
        """Tell what is trained, or that it goes on.

        Raises:
            DigitsError: If there can't be a file of events.
        """
        self._trainer, self._progress = trainer, progress
        self._log = EventLog(run.events_path)
        self._stride = -(-trainer.num_steps // NUM_POINTS)
        self._first_step = trainer.num_steps_done
        self._num_steps = trainer.num_steps - self._first_step
        self._last_step, self._next_counted = self._first_step, 0
        self._spent, self._reading_seconds = 0.0, 0.0
        self._network = self._images = None
        split = data.train if trainer.validation is None else trainer.validation
        watched = _choose(split, len(data.classes))
        self._num_watched = len(watched)
        if not reads_lines(trainer.recipe.network):
            self._network = copy_sharing_weights(trainer.result)  # a user's may not be copied
            self._images = split.images[watched].to(trainer.device)
        if self._log.is_empty:
            self._tell(self._describe(run, data, split, watched))
        else:
            self._tell({"kind": "resumed", "step": trainer.num_steps_done})
        self._on_begin(run.events_path)
        self._started = time.perf_counter()
        self._next_seconds = LONGEST_WAIT
        if trainer.num_steps_done == 0:
            self._tell({"kind": "point", "step": 0, **self._read_some()})

    def step(self) -> None:
        """Tell how it goes, if that is due after this step; how digits are read, if time allows."""
        if self._log is None:
            return
        trainer = self._trainer
        started = time.perf_counter()
        elapsed = started - self._started
        num_new = trainer.num_steps_done - self._last_step
        if num_new < self._stride and elapsed < self._next_seconds:
            return
        self._last_step = trainer.num_steps_done
        self._next_seconds = elapsed * (1 + GROWTH) + LONGEST_WAIT
        # Most changes early on: so a larger part of the time is allowed then, SHARE in the end.
        part_done = (trainer.num_steps_done - self._first_step) / self._num_steps
        allowed = SHARE * elapsed / sqrt(part_done)
        loss, accuracy = trainer.recent(num_new)
        if isfinite(loss):  # the trainer stops a run whose loss is not
            told = {"kind": "point", "step": trainer.num_steps_done, "loss": _rounded(loss)}
            told["accuracy"] = _rounded(accuracy)
            if self._spent + self._reading_seconds <= allowed:
                told |= self._read_some()
            self._tell(told)
        self._spent += time.perf_counter() - started

    def end_epoch(self, record: EpochRecord) -> None:
        """Tell what came of an epoch."""
        told = {
            "kind": "epoch",
            "step": self._trainer.num_steps_done,
            "epoch": record.epoch,
            "loss": _rounded(record.train_loss),
            "accuracy": _rounded(record.train_accuracy),
        }
        if record.validation_loss is not None and record.validation_accuracy is not None:
            told["validation_loss"] = _rounded(record.validation_loss)
            told["validation_accuracy"] = _rounded(record.validation_accuracy)
        self._tell(told)

    def finish(self, summary: dict[str, Any]) -> None:
        """Tell how all digits that are watched are read in the end, and what came of the run."""
        self._tell(
            {
                "kind": "finished",
                "step": self._trainer.num_steps_done,
                "test_accuracy": summary["test"]["accuracy"],
                "test_images": summary["test"]["images"],
                "seconds": _rounded(summary["training_seconds"]),
                **self._state(0, None),
            }
        )

    def close(self) -> None:
        """Close the file of events, if it is open."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _tell(self, event: dict[str, Any]) -> None:
        if self._log is None:
            return
        try:
            self._log.write(event)
        except DigitsError as error:  # a full disk
            self.close()
            reason = f"{error} The run goes on, but can't be watched any more."
            self._progress.note(reason)
            self._on_failure(reason)

    def _describe(
        self, run: Run, data: DataSet, split: Split, watched: list[int]
    ) -> dict[str, Any]:
        recipe, layer = self._trainer.recipe, _first_convolution(self._trainer.model)
        shown = split.images[watched[:NUM_SHOWN]] if self._network is not None else None
        return {
            "kind": "began",
            "run": uuid4().hex,
            "folder": str(run.folder),
            "recipe": recipe.name,
            "dataset": data.name,
            "epochs": recipe.epochs,
            "steps": self._trainer.num_steps,
            "training_images": self._trainer.task.num_images,
            "held_out": self._trainer.validation is not None,
            "reads_lines": reads_lines(recipe.network),
            "classes": list(data.classes),
            "size": data.size,
            "shown": 0 if shown is None else len(shown),
            "labels": [] if shown is None else split.labels[watched].tolist(),
            "images": "" if shown is None else _base64(shown),
            "filter_size": list(layer.kernel_size) if layer is not None else None,
        }

    def _read_some(self) -> dict[str, Any]:
        """Read the digits that are shown, and the next ones that are counted."""
        started = time.perf_counter()
        first = NUM_SHOWN + self._next_counted
        state = self._state(first, first + NUM_AT_ONCE)
        self._next_counted += NUM_AT_ONCE
        if NUM_SHOWN + self._next_counted >= self._num_watched:
            self._next_counted = 0
        self._reading_seconds = time.perf_counter() - started
        return state

    def _state(self, first: int, last: int | None) -> dict[str, Any]:
        """Describe the filters, and how the digits are read that are shown, and from `first` on."""
        state: dict[str, Any] = {}
        layer = _first_convolution(self._trainer.result)
        if layer is not None:
            weights = layer.weight.detach()[:MAX_FILTERS, 0].float().cpu()
            scaled = weights * (127 / weights.abs().max().clamp(min=1e-12))
            state["filters"] = _base64((scaled.round() + 128).to(torch.uint8))
        if self._network is None or self._images is None:
            return state
        images = self._images[:NUM_SHOWN]
        # Any operation on more values than fit one thread would wake the others.
        with limited_threads(1):
            images = torch.cat([images, self._images[first:last]]) if first else self._images
            classes = self._read(images)
        state["read"] = classes[:NUM_SHOWN]
        state["counted"] = classes[NUM_SHOWN:]
        state["from"] = first or NUM_SHOWN
        return state

    def _read(self, images: UInt8[Tensor, "n h w"]) -> list[int]:
        """Read images as the network would if training ended now, and leave it as it is."""
        trainer, network = self._trainer, self._network
        assert network is not None
        if trainer.average is None:
            trainer.shards.copy_statistics_to(network)
        else:
            _copy_buffers(trainer.average.model, network)
        network.eval()
        before = random_state(trainer.device)
        with torch.inference_mode(), autocast(trainer.device, trainer.recipe.precision):
            pixels = images[:, None].contiguous(memory_format=memory_format(trainer.device))
            classes: list[int] = network(pixels).argmax(dim=1).tolist()
        set_random_state(before)  # a user's network may draw numbers whenever it is called
        return classes


def _choose(split: Split, num_classes: int) -> list[int]:
    """Choose the digits that are watched: first, as many of each class; by class. Then others."""
    labels = split.labels[:NUM_SEARCHED].tolist()
    by_class: list[list[int]] = [[] for _ in range(num_classes)]
    for index, label in enumerate(labels):
        by_class[label].append(index)
    turns = max(map(len, by_class))
    in_turn = [of[turn] for turn in range(turns) for of in by_class if turn < len(of)]
    shown = sorted(in_turn[:NUM_SHOWN], key=lambda index: (labels[index], index))
    taken = set(shown)
    others = (index for index in range(len(split)) if index not in taken)
    return shown + list(islice(others, NUM_COUNTED))


def _first_convolution(model: nn.Module) -> nn.Conv2d | None:
    """Find the layer whose filters can be drawn, as its input is the image itself."""
    layers = (m for m in model.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 1)
    return next(layers, None)


@torch.no_grad()
def _copy_buffers(source: nn.Module, model: nn.Module) -> None:
    for mine, its in zip(model.buffers(), source.buffers(), strict=True):
        mine.copy_(its)


def _base64(values: UInt8[Tensor, "..."]) -> str:
    return b64encode(values.contiguous().cpu().numpy().tobytes()).decode("ascii")


def _rounded(value: float) -> float:
    return round(value, 5)
