"""What is told of a run that is watched; and that it comes to the same bits as one that is not."""

import base64
import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from digits.data import DataSet
from digits.errors import DigitsError
from digits.evaluation import predict
from digits.events import EventLog
from digits.models import register_network
from digits.models.registry import NETWORKS
from digits.recipe import Recipe
from digits.run import Run
from digits.training import resume, train
from digits.training.progress import TrainingProgress
from digits.training.watching import NUM_POINTS, NUM_SHOWN, Watcher
from tests.training.test_training import SMALL, Silent, train_until_stopped, weights

FAST = SMALL.override(network="fast", batch_size=32)

pytestmark = pytest.mark.usefixtures("with_blobs")


def events_of(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.events_path.read_text().splitlines()]


def watched(folder: Path, recipe: Recipe = FAST) -> Run:
    return train(recipe, out=folder, progress=Silent(), watcher=Watcher())


class Moody(nn.Module):
    """A network that draws a random number whenever it is called, also in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(784)
        self.linear = nn.Linear(784, 10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        noise: torch.Tensor = torch.rand(())
        logits: torch.Tensor = self.linear(self.norm(pixels.flatten(1).float() / 255)) + noise
        return logits


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.models.registry.NETWORKS", dict(NETWORKS))
    register_network("moody")(Moody)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "fast"},
        {"network": "compact", "average_weights": 0.9, "shards": 1},
        {"network": "tiny", "precision": "bfloat16"},
        {"network": "moody"},
    ],
)
@pytest.mark.usefixtures("moody")
def test_a_run_has_the_same_bits_whether_it_is_watched_or_not(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe = FAST.override(**changes)
    alone = train(recipe, out=tmp_path / "alone", progress=Silent())
    run = watched(tmp_path / "watched", recipe)
    assert sum("read" in event for event in events_of(run)) >= 2, "digits were read meanwhile"
    assert weights(run) == weights(alone)
    kept = [each.load_checkpoint() for each in (run, alone)]
    assert torch.equal(kept[0]["losses"], kept[1]["losses"])
    assert not alone.events_path.exists()


def test_digits_are_read_for_a_hundredth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, step_seconds, state_seconds = 0.0, 10.0, 0.5
    step, state = Watcher.step, Watcher._state

    def slow_step(watcher: Watcher) -> None:
        nonlocal seconds
        seconds += step_seconds
        step(watcher)

    def slow_state(watcher: Watcher, first: int, last: int | None) -> dict[str, Any]:
        nonlocal seconds
        seconds += state_seconds
        return state(watcher, first, last)

    clock = SimpleNamespace(perf_counter=lambda: seconds)
    monkeypatch.setattr("digits.training.watching.time", clock)
    monkeypatch.setattr(Watcher, "step", slow_step)
    monkeypatch.setattr(Watcher, "_state", slow_state)
    events = events_of(watched(tmp_path / "run", FAST.override(epochs=8)))
    points = [event for event in events if event["kind"] == "point" and event["step"]]
    num_reads = sum("read" in event for event in points)
    allowed = 0.01 * step_seconds * events[0]["steps"] / state_seconds
    assert 0.5 * allowed < num_reads <= allowed < 0.7 * len(points)


def test_the_digits_that_are_watched_are_held_out_and_as_many_of_each_class(
    tmp_path: Path, with_blobs: DataSet
) -> None:
    run = watched(tmp_path / "run")
    began = events_of(run)[0]
    _, held_out = with_blobs.split(100)
    assert held_out is not None
    images = np.frombuffer(base64.b64decode(began["images"]), np.uint8).reshape(-1, 28, 28)
    assert len(images) == began["shown"] == NUM_SHOWN
    known = {image.numpy().tobytes() for image in held_out.images}
    assert {image.tobytes() for image in images} <= known
    labels = began["labels"][:NUM_SHOWN]
    assert labels == sorted(labels)
    assert max(map(labels.count, set(labels))) - min(map(labels.count, set(labels))) <= 1
    assert len(began["labels"]) == len(held_out), "the others are counted"
    assert began["held_out"]


def test_what_is_told_in_the_end_is_what_the_finished_network_reads(
    tmp_path: Path, with_blobs: DataSet
) -> None:
    run = watched(tmp_path / "run")
    began, *others, finished = events_of(run)
    assert finished["kind"] == "finished"
    assert finished["test_accuracy"] == run.summary["test"]["accuracy"]
    _, held_out = with_blobs.split(100)
    assert held_out is not None
    shown = np.frombuffer(base64.b64decode(began["images"]), np.uint8).reshape(-1, 28, 28)
    logits = predict(run.model, torch.from_numpy(shown.copy()), precision="float32")
    assert finished["read"] == logits.argmax(dim=1).tolist()
    assert len(finished["read"]) + len(finished["counted"]) == len(began["labels"])
    weights = dict(run.model.named_parameters())["conv1.weight"].detach()
    drawn = np.frombuffer(base64.b64decode(finished["filters"]), np.uint8).astype(float) - 128
    scaled = (127 * weights / weights.abs().max()).flatten().numpy()
    assert np.abs(drawn - scaled).max() <= 1
    epochs = [event for event in others if event["kind"] == "epoch"]
    assert [event["validation_accuracy"] for event in epochs] == [
        pytest.approx(record.validation_accuracy, abs=1e-5) for record in run.history
    ]


def test_a_run_has_few_points_however_long_it_is(tmp_path: Path) -> None:
    points = [
        event["step"]
        for event in events_of(watched(tmp_path / "run", FAST.override(batch_size=8)))
        if event["kind"] == "point" and "loss" in event
    ]
    assert NUM_POINTS / 2 < len(points) < 2 * NUM_POINTS
    assert points == sorted(set(points))


def test_a_recipe_that_holds_nothing_out_is_watched_at_its_training_images(tmp_path: Path) -> None:
    run = watched(tmp_path / "run", FAST.override(validation_size=0))
    began = events_of(run)[0]
    assert not began["held_out"]
    assert began["shown"] == NUM_SHOWN


def test_a_stopped_run_is_told_on_from_the_step_at_which_it_goes_on(tmp_path: Path) -> None:
    run = train_until_stopped(tmp_path / "run", FAST, watcher=Watcher())
    before = events_of(run)
    resume(run.folder, progress=Silent())  # as it was watched before, it is again
    events = events_of(run)
    assert events[: len(before)] == before, "what was told stays"
    assert events[len(before)] == {"kind": "resumed", "step": run_step(before)}
    assert [event["kind"] for event in events].count("began") == 1
    assert events[-1]["kind"] == "finished"
    steps = [event["step"] for event in events[1:]]
    assert steps == sorted(steps)
    straight = watched(tmp_path / "straight")
    assert weights(run) == weights(straight)


def test_a_disk_without_room_for_events_ends_no_run_and_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = EventLog.write
    told: list[dict[str, Any]] = []

    def write_some(log: EventLog, event: dict[str, Any]) -> None:
        if len(told) == 3:
            raise DigitsError("Can't write events.jsonl: No space left on device.")
        told.append(event)
        write(log, event)

    monkeypatch.setattr(EventLog, "write", write_some)
    failures: list[str] = []
    watcher = Watcher(on_failure=failures.append)
    console = Console(file=StringIO(), width=200)
    run = train(FAST, out=tmp_path / "run", progress=TrainingProgress(console), watcher=watcher)
    assert run.summary["test"]
    assert len(events_of(run)) == 3
    [reason] = failures
    assert reason.endswith("left on device. The run goes on, but can't be watched any more.")
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines().count(reason) == 1


def run_step(events: list[dict[str, Any]]) -> int:
    """The step of the last event of a run that stopped itself after its first check."""
    step: int = events[-1]["step"]
    return step
