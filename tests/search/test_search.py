"""Searches: the same trials however often they are stopped, and never a look at test images."""

import csv
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")

from digits.cli import main  # noqa: E402
from digits.data import DataSet, Split  # noqa: E402
from digits.errors import DigitsError, InvalidInput  # noqa: E402
from digits.recipe import Recipe, load_recipe  # noqa: E402
from digits.search import Found, Range, search  # noqa: E402
from digits.search.places import Places, open_storage  # noqa: E402
from digits.search.results import Tried  # noqa: E402
from digits.search.trials import carry_out, make_pruner  # noqa: E402
from digits.training.in_memory import train_in_memory  # noqa: E402
from digits.training.trainer import Trainer  # noqa: E402
from tests.conftest import blobs  # noqa: E402

Call = Callable[..., tuple[int, str, str]]

QUICK = Recipe(
    name="quick",
    network="fast",
    epochs=1,
    batch_size=100,
    learning_rate=0.005,
    validation_size=100,
    precision="float32",
)
RANGES = {
    "learning_rate": Range(1e-4, 0.1, log=True),
    "batch_size": Range(50, 200),
    "optimizer": Range(choices=("adam", "sgd")),
}


class Unseen(Split):
    """A split whose images and labels nobody may look at."""

    def __getattribute__(self, name: str) -> object:
        if name in ("images", "labels", "groups") and "sealed" in object.__getattribute__(
            self, "__dict__"
        ):
            raise AssertionError(f"the {name} of the test set were looked at")
        return object.__getattribute__(self, name)


@pytest.fixture(autouse=True)
def sealed_set(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> DataSet:
    """Searches get the small set; a look at its test images fails."""
    test = Unseen(**{f: getattr(blob_set.test, f) for f in ("name", "images", "labels")})
    test.__dict__["sealed"] = True
    data = replace(blob_set, test=test)
    monkeypatch.setattr("digits.search.loop.load_set", lambda recipe, **_: data)
    return data


def quick_search(folder: Path, *, num_trials: int = 4, recipe: Recipe = QUICK) -> Found:
    return search(recipe, RANGES, num_trials=num_trials, num_seeds=2, out=folder, device="cpu")


def trials_in(folder: str) -> list[dict[str, str]]:
    """Read the table of trials, without their times."""
    rows = csv.DictReader(Path(folder, "trials.csv").read_text().splitlines())
    return [{**row, "seconds": ""} for row in rows]


def without_time(trials: list[Tried]) -> list[Tried]:
    return [replace(tried, seconds=0.0) for tried in trials]


def test_the_seal_holds(sealed_set: DataSet) -> None:
    with pytest.raises(AssertionError, match="looked at"):
        _ = len(sealed_set.test)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> Found:
    """A search that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.search.loop.load_set", lambda recipe, **_: blob_set)
        return quick_search(tmp_path_factory.mktemp("search") / "whole", num_trials=8)


def test_a_search_never_looks_at_test_images(tmp_path: Path) -> None:
    assert len(quick_search(tmp_path / "s", num_trials=2).trials) == 2


def test_the_first_trial_is_the_recipe_and_trials_are_its_trainings(
    whole: Found, blob_set: DataSet
) -> None:
    first, second = whole.trials[:2]
    assert first.settings == {name: getattr(QUICK, name) for name in RANGES}
    trained = train_in_memory(QUICK.override(**second.settings), blob_set, device="cpu")
    assert second.accuracy == trained.history[-1].validation_accuracy
    assert second.loss == trained.history[-1].validation_loss


def test_the_files_say_what_was_found(whole: Found) -> None:
    with (whole.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == [*range(1, 9)]
    assert [float(row["validation_accuracy"]) for row in rows] == [
        tried.accuracy for tried in whole.trials
    ]
    best = load_recipe(whole.folder / "best.toml")
    assert best == QUICK.override(name="quick-best", **whole.best_trial.settings)
    most = max(tried.accuracy or 0 for tried in whole.trials)
    assert whole.best_trial.accuracy == most
    assert (whole.folder / "importance.png").read_bytes().startswith(b"\x89PNG")
    assert math.isclose(sum(whole.importances.values()), 1)
    assert whole.importances.keys() == RANGES.keys()
    assert len(whole.recipe_accuracies) == len(whole.best_accuracies) == 2


def test_seeds_in_the_end_are_others_than_the_one_that_chose(
    whole: Found, blob_set: DataSet
) -> None:
    trained = [
        train_in_memory(QUICK.override(seed=seed), blob_set, device="cpu") for seed in (1, 2)
    ]
    expected = [each.history[-1].validation_accuracy for each in trained]
    assert whole.recipe_accuracies == expected


def test_a_stopped_search_goes_on_to_the_trials_that_it_would_have_had(
    whole: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    advance = Trainer.advance

    def stop_at_some(trainer: Trainer) -> None:
        nonlocal calls
        calls += 1
        if calls in (3, 17, 35):
            raise KeyboardInterrupt
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", stop_at_some)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            quick_search(tmp_path / "cut", num_trials=8)
    found = quick_search(tmp_path / "cut", num_trials=8)
    assert without_time(found.trials) == without_time(whole.trials)
    assert (tmp_path / "cut/best.toml").read_bytes() == (whole.folder / "best.toml").read_bytes()
    assert found.best_accuracies == whole.best_accuracies


def test_a_search_can_be_given_more_trials(whole: Found, tmp_path: Path) -> None:
    quick_search(tmp_path / "s", num_trials=2)
    found = quick_search(tmp_path / "s", num_trials=5)
    assert without_time(found.trials) == without_time(whole.trials[:5])


def test_a_folder_of_another_search_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    quick_search(tmp_path / "s", num_trials=1)
    with pytest.raises(InvalidInput, match="holds a search with another momentum"):
        quick_search(tmp_path / "s", recipe=QUICK.override(momentum=0.8))
    (tmp_path / "s" / "study.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DigitsError, match=r"Can't use .*study\.db .*; restore it") as damaged:
        quick_search(tmp_path / "s", num_trials=1)
    assert "\n" not in str(damaged.value)
    (tmp_path / "other").mkdir()
    with pytest.raises(InvalidInput, match="exists already, and holds no search"):
        quick_search(tmp_path / "other")


def test_what_can_not_be_trained_is_a_failed_trial_with_its_reason(tmp_path: Path) -> None:
    ranges = {"batch_size": Range(choices=(100, 501))}  # more than the 500 images
    found = search(QUICK, ranges, num_trials=4, num_seeds=2, out=tmp_path / "s", device="cpu")
    failed = [tried for tried in found.trials if tried.state == "failed"]
    assert failed
    assert all("batch_size: expected at most the 500" in str(tried.error) for tried in failed)
    none = {"batch_size": Range(choices=(501, 502))}
    with pytest.raises(DigitsError, match="No trial could be trained to the end"):
        search(QUICK, none, num_trials=2, num_seeds=2, out=tmp_path / "none", device="cpu")


def test_a_bad_trial_is_pruned_at_half_of_its_epochs_at_the_earliest(blob_set: DataSet) -> None:
    recipe = QUICK.override(epochs=4, learning_rate=1e-8)
    study = optuna.create_study(direction="maximize", pruner=make_pruner(recipe))
    good = dict.fromkeys(range(1, 5), 0.99)
    for _ in range(5):
        study.add_trial(optuna.create_trial(value=0.99, intermediate_values=good))
    outcome = carry_out(recipe, blob_set, "cpu", study.ask())
    assert outcome.accuracy is None
    assert (outcome.attributes["epochs"], outcome.attributes["error"]) == (2, None)
    assert carry_out(recipe, blob_set, "cpu", None).attributes["epochs"] == 4


def test_processes_share_places_and_those_of_the_dead_are_taken_anew(tmp_path: Path) -> None:
    def open_places() -> Places:
        storage = open_storage(tmp_path / "study.db")
        study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
        return Places(study, tmp_path)

    def take(places: Places) -> tuple[int, Any]:
        taken = places.take(2, lambda place: places.study.ask())
        assert taken is not None
        return taken

    one, other, third = open_places(), open_places(), open_places()
    assert take(one)[0] == 0
    place, trial = take(other)
    assert place == 1
    one.leave()  # as the system does for a process that ends
    place, again = take(third)
    assert place == 0
    third.fill(again, 0.5, {})
    waiting = threading.Thread(target=lambda: found.append(one.take(2, lambda place: again)))
    found: list[object] = []
    waiting.start()
    other.fill(trial, None, {})
    waiting.join()
    assert found == [None], "all places are filled"
    assert [*one.filled] == [0, 1]
    assert not [*tmp_path.glob(".s-*")], "locks are removed"


def test_a_killed_process_s_trial_is_carried_out_anew_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unchecked: None
) -> None:
    monkeypatch.undo()  # both take the set from a file
    monkeypatch.chdir(tmp_path)
    images, labels = blobs(200)
    np.savez("set.npz", images=images.numpy(), labels=labels.numpy())
    Path("quick.toml").write_text(
        QUICK.override(epochs=2, validation_size=50, batch_size=50).to_toml()
    )
    options = ("--trials", "2", "--seeds", "2", "--device", "cpu", "--data", "./set.npz")
    command = ("search", "quick.toml", *options, "--out")
    process = subprocess.Popen(
        [sys.executable, "-m", "digits", *command, "cut"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("trial 1/2 ")  # the next one begins
    process.kill()
    process.communicate()
    for folder in ("cut", "whole"):
        monkeypatch.setattr("sys.argv", ["digits", *command, folder])
        with pytest.raises(SystemExit, match="0"):
            main()
    cut, whole = map(trials_in, ("cut", "whole"))
    assert cut == whole
    assert Path("cut/best.toml").read_bytes() == Path("whole/best.toml").read_bytes()


def test_the_command_searches_and_best_toml_is_a_recipe_that_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call, with_blobs: DataSet
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quick.toml").write_text(QUICK.to_toml() + "[search]\nlearning_rate = [0.005, 0.01]\n")
    command = ("search", "quick.toml", "--trials", "2", "--seeds", "2", "--device", "cpu")
    status, shown, _ = call(*command)
    assert status == 0
    lines = shown.splitlines()
    assert lines[0].startswith("trial 1/2  validation loss ")
    assert "the highest of 2 trials: high by luck, too" in shown
    assert lines[-1].split(maxsplit=2)[2] == ("digits train --recipe runs/quick-search/best.toml")
    status, shown, errors = call(*command, "--json")
    document = json.loads(shown)
    assert (status, errors) == (0, "")
    assert document["best"]["settings"].keys() == {"learning_rate"}
    assert [tried["state"] for tried in document["trials"]] == ["complete", "complete"]
    assert call("train", "--recipe", "runs/quick-search/best.toml", "--out", "run")[0] == 0
    status, _, errors = call(*command, "--learning-rate", "0.01")
    assert status == 2
    assert "Expected a field to search, found none" in errors
