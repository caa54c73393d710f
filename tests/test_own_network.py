"""A network that a user brings goes wherever the built-in ones go."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from digits.data import DataSet
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import compare, evaluate, predict, summarize
from digits.models import NETWORKS, build_model, register_network
from digits.recipe import Recipe
from digits.report import write_report
from digits.run import Run
from digits.training import Interrupted, resume, train
from tests.test_models import TwoInTraining
from tests.training.test_training import Silent, train_until_stopped

RECIPE = Recipe(
    name="own", network="own", epochs=2, batch_size=50, validation_size=100, learning_rate=0.01
)


class Own(nn.Module):
    """Two branches, batch normalisation, and layers that no report has names for."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(1, 4, 3, stride=2), nn.Conv2d(1, 4, 7, stride=3)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.LazyLinear(10)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.norm(self.fine(x)).relu().flatten(1)
        coarse = self.coarse(x).relu().flatten(1)
        logits: Tensor = self.last(torch.cat([fine, coarse], dim=1))
        return logits


class Tied(nn.Module):
    """The same weights used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(784, 10), nn.Linear(784, 10)
        self.other.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        total: Tensor = self.one(flat) + self.other(-flat.square())
        return total


class ThreeChannels(nn.Module):
    """Takes the image three times, as networks for photos do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 5), nn.Linear(2304, 10)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x.expand(-1, 3, -1, -1)).relu()
        logits: Tensor = self.last(maps.flatten(1))
        return logits


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> None:
    """`own` is known, and gone after each test."""
    monkeypatch.setattr("digits.models.registry.NETWORKS", dict(NETWORKS))
    monkeypatch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
    monkeypatch.setattr("digits.report.load_set", lambda recipe, **_: blob_set)
    monkeypatch.setattr("digits.plots.to_png", lambda figure: b"rendered")
    register_network("own")(Own)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not registered it."""
    monkeypatch.setattr("digits.models.registry.NETWORKS", dict(NETWORKS))


@pytest.mark.parametrize("make", [Own, Tied, ThreeChannels])
def test_it_is_trained_evaluated_reported_and_loaded(
    make: Callable[[], nn.Module], tmp_path: Path, blob_set: DataSet
) -> None:
    register_network("own")(make)
    run = train(RECIPE, out=tmp_path / "run", progress=Silent())
    assert run.summary["test"]["accuracy"] > 0.95
    assert evaluate(run, blob_set.test).accuracy == run.summary["test"]["accuracy"]
    assert write_report(run).is_file()
    again = Run(tmp_path / "run").model
    images = blob_set.test.images[:5]
    assert torch.equal(predict(again, images), predict(run.model, images))


def test_recipes_with_it_are_compared_with_others(tmp_path: Path) -> None:
    mine, theirs = (
        [
            train(recipe, seed=seed, out=tmp_path / f"{recipe.network}{seed}", progress=Silent())
            for seed in range(2)
        ]
        for recipe in (RECIPE, RECIPE.override(network="compact"))
    )
    difference = compare(mine, theirs)
    assert difference.mean == pytest.approx(summarize(mine).mean - summarize(theirs).mean)
    assert difference.interval[0] <= difference.mean <= difference.interval[1]


def test_a_run_that_was_stopped_says_how_to_resume_it(tmp_path: Path) -> None:
    run = train_until_stopped(tmp_path / "stopped", RECIPE)
    assert str(Interrupted(run)).endswith(f"digits.resume('{run.folder}')")
    whole = train(RECIPE, out=tmp_path / "whole", progress=Silent())
    resume(run.folder, progress=Silent())
    assert run.model_path.read_bytes() == whole.model_path.read_bytes()


def test_a_run_of_a_network_that_is_not_registered_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(RECIPE, out=tmp_path / "run", progress=Silent())
    stopped = train_until_stopped(tmp_path / "stopped", RECIPE)
    forget(monkeypatch)
    assert run.summary, "what is no network can be read"
    with pytest.raises(DigitsError, match=r"No network is called 'own'.*register_network"):
        _ = Run(run.folder).model
    with pytest.raises(InvalidInput, match=r"No network is called 'own'.*register_network"):
        resume(stopped.folder, progress=Silent())


def test_a_run_of_a_network_that_has_changed_says_so(tmp_path: Path) -> None:
    run = train(RECIPE, out=tmp_path / "run", progress=Silent())
    register_network("own")(Tied)
    with pytest.raises(DigitsError, match="does not fit the networks known here") as error:
        _ = Run(run.folder).model
    assert "\n" not in str(error.value)


def test_a_network_that_does_not_fit_leaves_no_run_behind(tmp_path: Path) -> None:
    for misfit in (nn.Linear(28, 10), TwoInTraining()):
        register_network("own")(lambda misfit=misfit: misfit)
        with pytest.raises(InvalidInput, match="Network 'own'"):
            train(RECIPE, out=tmp_path / "run", progress=Silent())
        assert list(tmp_path.iterdir()) == []


def test_the_values_of_weights_of_any_type_are_kept(tmp_path: Path) -> None:
    model = build_model("own", mean=0.5, std=0.5).bfloat16()
    run = Run.create(tmp_path / "run", RECIPE.override(mean=0.5, std=0.5), {})
    run.save_model(model)
    run.save_summary({})
    for name, value in Run(tmp_path / "run").model.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name].to(value.dtype), msg=name)
