from pathlib import Path

import pytest

from digits.errors import DigitsError, InvalidInput
from digits.evaluation import compare, summarize
from digits.metrics import estimate_difference, estimate_mean
from digits.models import build_model
from digits.recipe import Recipe
from digits.run import Run

RECIPE = Recipe(name="small", network="compact", epochs=1, mean=0.13, std=0.31)


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Three runs of one recipe, with seeds 0 to 2."""
    return [finished(tmp_path / f"run{seed}", seed, 0.99 + seed / 1000) for seed in range(3)]


def finished(folder: Path, seed: int, accuracy: float, epochs: int = 1) -> Run:
    run = Run.create(folder, RECIPE.override(seed=seed, epochs=epochs), {})
    run.save_model(build_model("compact", mean=0.13, std=0.31))
    test = {"accuracy": accuracy, "errors": 1, "images": 10, "interval": [0, 1]}
    run.save_summary({"training_seconds": 1.0, "test": test})
    return run


def test_a_recipe_s_accuracy_is_the_mean_over_its_runs(runs: list[Run]) -> None:
    assert summarize(runs) == estimate_mean([0.99, 0.991, 0.992])
    assert summarize([run.folder for run in runs]) == summarize(runs)


def test_two_recipes_differ_by_their_means(runs: list[Run], tmp_path: Path) -> None:
    longer = [finished(tmp_path / f"long{n}", n, 0.995 + n / 1000, epochs=9) for n in range(2)]
    found = compare(longer, runs)
    assert found == estimate_difference([0.995, 0.996], [0.99, 0.991, 0.992])
    assert found.mean == pytest.approx(0.0045)


def test_one_run_has_no_spread(runs: list[Run]) -> None:
    with pytest.raises(InvalidInput, match="at least 2 values"):
        summarize(runs[:1])


def test_the_same_seed_twice_is_no_second_trial(runs: list[Run]) -> None:
    with pytest.raises(InvalidInput, match=r"a different seed for each run, found \[0, 1, 0\]"):
        summarize([*runs[:2], runs[0]])


def test_runs_of_different_recipes_are_not_averaged(runs: list[Run], tmp_path: Path) -> None:
    other = finished(tmp_path / "other", 7, 0.9, epochs=2)
    with pytest.raises(InvalidInput, match="runs of one recipe that differ in their seed only"):
        summarize([*runs, other])
    with pytest.raises(InvalidInput, match="runs of one recipe"):
        compare(runs, [*runs, other])


def test_an_unfinished_run_has_no_accuracy(runs: list[Run]) -> None:
    runs[1].summary_path.unlink()
    with pytest.raises(DigitsError, match="is not finished"):
        summarize(runs)
