"""Runs of one recipe with several seeds: trained, stopped, gone on with, compared."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

import pytest

from digits.errors import InvalidInput
from digits.evaluation import summarize
from digits.recipe import Augmentation, Recipe
from digits.run import Run, runs_by_seed
from digits.training import SeriesInterrupted, resume_series, train, train_series
from tests.training.test_training import Silent, weights

Call = Callable[..., tuple[int, str, str]]

QUICK = Recipe(
    name="quick",
    network="fast",
    epochs=1,
    batch_size=100,
    learning_rate=0.005,
    validation_size=0,
    precision="float32",
    seed=8,
)

pytestmark = pytest.mark.usefixtures("with_blobs")


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the recipe."""
    monkeypatch.chdir(tmp_path)
    Path("quick.toml").write_text(QUICK.to_toml())
    return tmp_path


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_series_has_a_run_for_each_seed_like_one_trained_alone(tmp_path: Path) -> None:
    runs = train_series(QUICK, 3, out=tmp_path / "series", progress=Silent())
    assert [run.folder.name for run in runs] == ["seed-8", "seed-9", "seed-10"]
    assert [run.folder for run in runs_by_seed(tmp_path / "series")] == [r.folder for r in runs]
    alone = train(QUICK, out=tmp_path / "alone", progress=Silent(), seed=9)
    assert weights(runs[1]) == weights(alone)


def test_a_stopped_series_says_how_to_go_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = train_series(QUICK, 3, out=tmp_path / "whole", progress=Silent())
    stop = Silent(2, press_ctrl_c)  # at the only check of the second run
    with pytest.raises(SeriesInterrupted) as stopped:
        train_series(QUICK, 3, out=tmp_path / "cut", device="cpu", progress=stop)
    assert str(stopped.value) == (
        "Stopped and saved. Resume with: "
        f"digits train --resume {tmp_path / 'cut'} --seeds 3 --device cpu"
    )
    first, second = runs_by_seed(tmp_path / "cut")
    assert first.is_finished
    assert not second.is_finished
    before = first.summary_path.stat().st_mtime_ns
    resumed = resume_series(tmp_path / "cut", 3, device="cpu", progress=Silent())
    assert [weights(run) for run in resumed] == [weights(run) for run in whole]
    assert first.summary_path.stat().st_mtime_ns == before, "it was finished"


def test_seeds_can_be_added_to_a_series(tmp_path: Path) -> None:
    train_series(QUICK, 2, out=tmp_path / "series", progress=Silent())
    runs = resume_series(tmp_path / "series", 3, progress=Silent())
    assert [run.recipe.seed for run in runs] == [8, 9, 10]
    assert summarize(runs).num_values == 3


def test_a_seed_out_of_range_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    last = QUICK.override(seed=2**63 - 2)
    with pytest.raises(InvalidInput, match="seed: expected 0 to"):
        train_series(last, 3, out=tmp_path / "series", progress=Silent())
    assert not (tmp_path / "series").exists()


def test_a_folder_without_runs_is_no_series(tmp_path: Path) -> None:
    train(QUICK, out=tmp_path / "run", progress=Silent())
    for folder in (tmp_path / "run", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidInput, match="expected seed-0 or the like in it, found none"):
            resume_series(folder, 2, progress=Silent())
    (tmp_path / "run" / "seed-x").mkdir()
    assert runs_by_seed(tmp_path / "run") == []


def test_a_series_that_was_cut_off_before_its_first_run_is_begun_anew(tmp_path: Path) -> None:
    leftover = tmp_path / "series" / (".seed-8." + 32 * "a")
    leftover.mkdir(parents=True)
    runs = train_series(QUICK, 2, out=tmp_path / "series", progress=Silent())
    assert all(run.is_finished for run in runs)
    with pytest.raises(InvalidInput, match="exists already"):
        train_series(QUICK, 2, out=tmp_path / "series", progress=Silent())


def test_the_command_shows_each_seed_and_the_mean_with_its_spread(
    workshop: Path, call: Call
) -> None:
    status, shown, _ = call("train", "--recipe", "quick.toml", "--seeds", "2", "--out", "both")
    assert status == 0
    accuracies = [run.summary["test"]["accuracy"] for run in runs_by_seed(Path("both"))]
    for seed, accuracy in zip((8, 9), accuracies, strict=True):
        assert re.search(rf"^ +{seed} +{accuracy:.2%} .* both/seed-{seed} *$", shown, re.MULTILINE)
    expected = f"test accuracy {mean(accuracies):.2%} ± {stdev(accuracies):.2%}  (mean ± "
    assert shown.splitlines()[-1].startswith(expected)
    assert "over 2 seeds" in shown
    status, shown, _ = call("train", "--resume", "both", "--seeds", "2", "--json")
    document = json.loads(shown)
    assert document["accuracy_mean"] == mean(accuracies)
    assert document["accuracy_std"] == stdev(accuracies)
    assert [run["test"]["accuracy"] for run in document["runs"]] == accuracies


@pytest.mark.usefixtures("compared")
def test_an_interval_ends_where_accuracies_do(call: Call) -> None:
    document = json.loads(call("train", "--resume", "wide", "--seeds", "2", "--json")[1])
    assert document["interval"][1] == 1
    assert "– 100.00%)" in call("train", "--resume", "wide", "--seeds", "2")[1]


@pytest.mark.usefixtures("compared")
def test_no_run_of_a_series_is_left_out(call: Call) -> None:
    status, output, errors = call("train", "--resume", "good", "--seeds", "2")
    assert (status, output) == (2, "")
    assert "good holds seed-2: expected at least 3 seeds" in errors


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("arguments", [["lines/seed-0"], ["lines", "--seeds", "2"]])
def test_a_report_of_lines_is_refused_before_they_are_trained(
    call: Call, arguments: list[str]
) -> None:
    status, output, errors = call("train", "--report", "--resume", *arguments)
    assert (status, output) == (2, "")
    assert "'line-recognizer' reads lines" in errors


def test_an_interrupted_series_of_a_network_of_one_s_own_is_resumed_in_python() -> None:
    mine = QUICK.override(network="mine")
    told = str(SeriesInterrupted(Path("runs/a"), mine, 3, "cpu"))
    assert told.endswith("digits.training.resume_series('runs/a', 3, device='cpu')")


def test_series_without_a_name_have_folders_of_their_own(workshop: Path, call: Call) -> None:
    for _ in range(2):
        assert call("train", "--recipe", "quick.toml", "--seeds", "2", "--json")[0] == 0
    first, second = Path("runs").iterdir()
    assert first.name.startswith("quick-")
    assert len(runs_by_seed(first)) == len(runs_by_seed(second)) == 2


def finished(
    folder: Path, accuracies: list[float], network: str = "compact", amounts: str = "a"
) -> Path:
    """A series of runs that have these test accuracies, without training."""
    for seed, accuracy in enumerate(accuracies):
        recipe = Recipe(
            name=folder.name, network=network, epochs=1, mean=0.1, std=0.3, seed=seed,
            augmentation=Augmentation(amounts=amounts),
        )  # fmt: skip
        run = Run.create(folder / f"seed-{seed}", recipe, {})
        run.model_path.touch()
        test = {"accuracy": accuracy, "errors": 1, "images": 10, "interval": [0, 1]}
        run.save_summary({"seed": seed, "training_seconds": 1.0, "test": test})
    return folder


@pytest.fixture
def compared(workshop: Path) -> Path:
    """Four series to compare, and two whose networks read lines."""
    finished(Path("good"), [0.99, 0.991, 0.992])
    finished(Path("bad"), [0.97, 0.971, 0.973])
    finished(Path("wide"), [0.93, 0.999])
    finished(Path("flat"), [0.98, 0.98])
    finished(Path("level"), [0.97, 0.97])
    finished(Path("lines"), [0.9, 0.91], network="line-recognizer")
    finished(Path("other-lines"), [0.8, 0.81], network="line-recognizer", amounts="b")
    return workshop


VERDICTS = {
    "better": "The first are better than the second, as far as 3 and 3 seeds tell.",
    "worse": "The first are worse than the second, as far as 3 and 3 seeds tell.",
    "unclear": "With 3 and 2 seeds it can't be told which is better",
}


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("good", "bad", "better"), ("bad", "good", "worse"), ("good", "wide", "unclear")],
)
@pytest.mark.usefixtures("compared")
def test_the_first_runs_are_better_worse_or_it_cant_be_told(
    call: Call, first: str, second: str, verdict: str
) -> None:
    status, shown, errors = call("compare", first, "--", second)
    assert (status, errors) == (0, "")
    assert shown.splitlines()[-1].startswith(VERDICTS[verdict])
    members = [str(path) for path in sorted(Path(second).iterdir())]
    status, shown, _ = call("compare", first, "--", *members, "--json")
    document = json.loads(shown)
    low, high = document["interval"]
    assert document["verdict"] == verdict
    assert low < document["difference"] < high
    assert (low > 0, high < 0) == (verdict == "better", verdict == "worse")
    assert document["first"]["recipe"] == first
    assert call("compare", "--json", first, "--", second)[1] == shown


def test_seeds_that_are_all_alike_tell_nothing(compared: Path, call: Call) -> None:
    status, shown, _ = call("compare", "flat", "--", "level")
    assert status == 0
    assert "can't be told which is better: those of a group are all equally" in shown
    shown = call("compare", "flat", "--", "level", "--json")[1]
    assert json.loads(shown)["verdict"] == "unclear"


WRONG = [
    (["good"], "Expected two groups of runs with one -- between them"),
    (["good", "bad"], "Expected two groups of runs with one -- between them"),
    (["good", "--", "bad", "--", "wide"], "Expected two groups of runs with one -- between them"),
    (["--", "bad"], "Expected at least 2 runs before -- and after it"),
    (["good", "--"], "found 3 and 0"),
    (["good/seed-0", "--", "bad/seed-0"], "found 1 and 1"),
    (["good", "--", "nowhere"], "No run folder at nowhere"),
    (["good", "--", "quick.toml"], "No run folder at quick.toml"),
    (["good", "--", "."], "expected a recipe.toml in it, found none"),
    (["good", "--", "lines"], "found lines and single digits"),
    (["lines", "--", "other-lines"], "on the same lines"),
    (["good", "--", "good/seed-0", "bad/seed-1"], "differ in their seed only, found name"),
    (["good", "--", "good/seed-0", "good/seed-1"], "in both"),
    (["good", "good/seed-0", "--", "bad"], "a different seed for each run"),
    (["good", "--", "bad", "--colour"], "--colour"),
    ([], "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.usefixtures("compared")
def test_a_comparison_that_cant_be_made_is_refused_in_a_line(
    call: Call, arguments: list[str], message: str
) -> None:
    status, output, errors = call("compare", *arguments)
    assert (status, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.usefixtures("compared")
def test_where_a_run_is_expected_a_series_is_told_apart(call: Call) -> None:
    for command in (["evaluate", "good"], ["train", "--resume", "good"]):
        _, _, errors = call(*command)
        assert errors == (
            "digits: good is not a run folder: expected a recipe.toml in it, found none; name a "
            f"run in it, such as {Path('good/seed-0')}, or resume all of them with: "
            "digits train --resume good --seeds 3.\n"
        )


def test_a_summary_shows_layers_and_totals_of_a_recipe_a_file_and_a_run(
    workshop: Path, call: Call
) -> None:
    train(QUICK, out=Path("run"), progress=Silent())
    status, shown, errors = call("summary", "fast")
    assert (status, errors) == (0, "")
    assert re.search(r"^conv1 +Conv2d +32 × 10 × 10 +800 +80,000 *$", shown, re.MULTILINE)
    assert re.search(r"^all +208,746 +287,360 *$", shown, re.MULTILINE)
    for name in ("quick.toml", "run"):
        assert call("summary", name)[1] == shown
    document = json.loads(call("summary", "lines", "--json")[1])
    assert document["image"] == [1, 40, 200]
    assert document["parameters"] == 624_084
    assert document["layers"][-1]["shape"] == [20, 100]
    for key in ("parameters", "multiply_adds"):
        assert sum(layer[key] for layer in document["layers"]) == document[key]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fsat", "No recipe and no run folder is called 'fsat'; did you mean 'fast'?"),
        ("none.toml", "No recipe file at none.toml."),
        (".", ". is not a run folder: expected a recipe.toml in it, found none."),
        ("quick.txt", "No run folder at quick.txt."),
        ("other.toml", "No network is called 'resnet'"),
    ],
)
def test_what_has_no_summary_is_refused_in_a_line(
    workshop: Path, call: Call, name: str, message: str
) -> None:
    Path("quick.txt").touch()
    Path("other.toml").write_text('network = "resnet"\nepochs = 1\n')
    status, output, errors = call("summary", name)
    assert (status, output) == (2, "")
    assert errors.startswith(f"digits: {message}")
    assert errors.count("\n") == 1
