from pathlib import Path

import pytest
from torch import nn

from digits.errors import DigitsError, InvalidInput
from digits.evaluation import compare, summarize
from digits.evaluation.intervals import estimate_difference, estimate_mean
from digits.recipe import Recipe
from digits.run import Run

RECIPE = Recipe(name="small", network="compact", epochs=1, mean=0.13, std=0.31)


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Three runs of one recipe, with seeds 0 to 2."""
    return [finished(tmp_path / f"run{seed}", seed, 0.99 + seed / 1000) for seed in range(3)]


def finished(
    folder: Path, seed: int, accuracy: float, epochs: int = 1, parameters: int = 100
) -> Run:
    run = Run.create(folder, RECIPE.override(seed=seed, epochs=epochs), {})
    run.save_model(nn.Linear(1, 1))
    test = {"accuracy": accuracy, "errors": 1, "images": 10, "interval": [0, 1]}
    run.save_summary({"training_seconds": 1.0, "parameters": parameters, "test": test})
    return run


def test_a_recipe_s_accuracy_is_the_mean_over_its_runs(runs: list[Run]) -> None:
    assert summarize(runs) == estimate_mean([0.99, 0.991, 0.992])
    assert summarize([run.folder for run in runs]) == summarize(runs)


def test_two_recipes_differ_by_their_means(runs: list[Run], tmp_path: Path) -> None:
    longer = [finished(tmp_path / f"long{n}", n, 0.995 + n / 1000, epochs=9) for n in range(2)]
    found = compare(longer, runs)
    assert found == estimate_difference([0.995, 0.996], [0.99, 0.991, 0.992])
    assert found.mean == pytest.approx(0.0045)


@pytest.mark.usefixtures("unchecked")
def test_one_run_has_no_spread(runs: list[Run]) -> None:
    for one in (runs[:1], runs[0], runs[0].folder):
        with pytest.raises(InvalidInput, match=r"at least 2 values.*found 1"):
            summarize(one)  # type: ignore[arg-type]


def test_the_same_seed_twice_is_no_second_trial(runs: list[Run]) -> None:
    with pytest.raises(InvalidInput, match=r"a different seed for each run, found \[0, 1, 0\]"):
        summarize([*runs[:2], runs[0]])


def test_runs_of_different_recipes_are_not_averaged(runs: list[Run], tmp_path: Path) -> None:
    other = finished(tmp_path / "other", 7, 0.9, epochs=2)
    with pytest.raises(InvalidInput, match="differ in their seed only, found epochs 1 and 2"):
        summarize([*runs, other])
    with pytest.raises(InvalidInput, match="runs of one recipe"):
        compare(runs, [*runs, other])


def test_a_registered_network_that_changed_between_runs_is_noticed(
    runs: list[Run], tmp_path: Path
) -> None:
    changed = finished(tmp_path / "changed", 7, 0.9, parameters=101)
    with pytest.raises(InvalidInput, match="found parameters 100 and 101"):
        summarize([*runs, changed])


def test_an_unfinished_run_has_no_accuracy(runs: list[Run]) -> None:
    runs[1].summary_path.unlink()
    with pytest.raises(DigitsError, match="is not finished"):
        summarize(runs)
