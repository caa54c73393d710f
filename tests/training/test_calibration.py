import json
import shutil
from dataclasses import replace
from math import hypot, sqrt
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from digits import evaluate
from digits.data import DataSet, Split
from digits.errors import DigitsError
from digits.evaluation.metrics import committee, expected_calibration_error, negative_log_likelihood
from digits.models import build_model
from digits.recipe import Recipe
from digits.run import Run
from digits.training import calibration, train
from digits.training.calibration import find_temperature, temperature_of
from digits.training.progress import TrainingProgress
from digits.views import Views
from tests.older_runs import without_sums

RECIPE = Recipe(
    name="small", network="fast", epochs=2, batch_size=50, validation_size=0, label_smoothing=0.1
)


@pytest.fixture(scope="module")
def noisy_set(blob_set: DataSet) -> DataSet:
    """A set of which no network reads all images right: each ninth label is another."""

    def noisy(split: Split) -> Split:
        labels = split.labels.clone()
        labels[::9] = (labels[::9] + 1) % 10
        return replace(split, labels=labels)

    return replace(blob_set, train=noisy(blob_set.train), test=noisy(blob_set.test))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, noisy_set: DataSet) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: noisy_set)
        patch.setattr(calibration, "MIN_HELD_OUT", 100)  # else the set is too small to say much
        return train(RECIPE, out=tmp_path_factory.mktemp("calibrated") / "run")


@pytest.fixture
def enough_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small set says how sure to be, as in the run."""
    monkeypatch.setattr(calibration, "MIN_HELD_OUT", 100)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Images on which temperatures are found."""
    images: list[Tensor] = []
    compute = calibration._logits_of_views

    def noted(model: nn.Module, given: Tensor, num_views: int, device: str) -> Tensor:
        images.append(given)
        return compute(model, given, num_views, device)

    monkeypatch.setattr(calibration, "_logits_of_views", noted)
    return images


class Half(nn.Linear):
    """A layer that costs little."""

    def __init__(self) -> None:
        super().__init__(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float() / 255)


def loss_at(temperature: float, model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Negative log-likelihood of the mean over the views, image by image."""
    with torch.inference_mode():
        logits = torch.stack([model(Views()(image[None])) for image in images], dim=1)
    return negative_log_likelihood(committee(list(logits / temperature)), labels)


@pytest.mark.usefixtures("enough_images")
def test_the_labels_are_likeliest_at_the_temperature_for_the_mean_over_the_views(
    run: Run, noisy_set: DataSet, seen: list[Tensor]
) -> None:
    found = find_temperature(run.model, run.recipe, noisy_set)
    (images,) = seen
    labels = noisy_set.train.labels
    best = loss_at(found, run.model, images, labels)
    for factor in (0.97, 1.03):
        assert best < loss_at(factor * found, run.model, images, labels)


def test_without_held_out_images_training_images_are_changed_a_little(
    run: Run, noisy_set: DataSet, seen: list[Tensor]
) -> None:
    find_temperature(run.model, run.recipe, noisy_set)
    (images,) = seen
    originals = noisy_set.train.images[:, None].float()
    assert images.shape == originals.shape
    assert not torch.equal(images, originals)


def changed(blob_set: DataSet, image: Tensor, seen: list[Tensor]) -> Tensor:
    """One image as many times as it is changed for calibration."""
    pixels = (255 * image).to(torch.uint8).repeat(2000, 1, 1)
    split = Split("train", pixels, torch.arange(2000) % 10)
    find_temperature(build_model("fast", mean=0.1, std=0.3), RECIPE, replace(blob_set, train=split))
    return seen[0][:, 0] / 255


def test_images_are_changed_as_much_as_was_measured(blob_set: DataSet, seen: list[Tensor]) -> None:
    x = torch.arange(28.0) - 13.5
    bar = torch.exp(-(x[:, None] ** 2) / 72 - x**2 / 4)  # 6 pixels high, 1.4 wide
    images = changed(blob_set, bar, seen)
    totals = images.sum(dim=(1, 2))
    column = (images.sum(dim=1) * x).sum(dim=1) / totals
    row = (images.sum(dim=2) * x).sum(dim=1) / totals
    across, down = x - column[:, None], x - row[:, None]
    variance = (images.sum(dim=2) * down**2).sum(dim=1) / totals
    covariance = (images * down[:, :, None] * across[:, None]).sum(dim=(1, 2)) / totals
    leaning = (covariance / variance).atan().rad2deg()
    height = variance.sqrt() / 6
    # An even spread from -a to a has the standard deviation a / √3.
    assert float(column.std()) == pytest.approx(1 / sqrt(3), abs=0.05), "shifted by up to a pixel"
    assert float(leaning.std()) == pytest.approx(hypot(8, 5) / sqrt(3), abs=0.5), "8° and 5°"
    assert float(height.std()) == pytest.approx(0.08 / sqrt(3), abs=0.015), "scaled by up to 8 %"


@pytest.mark.parametrize(("num", "expected"), [(2499, 10_000), (2500, 2500)])
def test_held_out_images_are_used_from_2500_on(
    blob_set: DataSet, seen: list[Tensor], num: int, expected: int
) -> None:
    pixels = torch.zeros(30_000, 28, 28, dtype=torch.uint8)
    large = replace(blob_set, train=Split("train", pixels, torch.arange(30_000) % 10))
    model = nn.Sequential(nn.Flatten(), Half())
    find_temperature(model, RECIPE.override(validation_size=num), large)
    assert len(seen[0]) == pytest.approx(expected, rel=0.1)
    assert len(seen[0]) <= expected


@pytest.mark.parametrize(("enough", "expected"), [(100, "as they are"), (101, "too few")])
def test_held_out_images_are_used_as_they_are_if_there_are_enough(
    run: Run,
    noisy_set: DataSet,
    seen: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    enough: int,
    expected: str,
) -> None:
    monkeypatch.setattr(calibration, "MIN_HELD_OUT", enough)
    find_temperature(run.model, run.recipe.override(validation_size=100), noisy_set)
    (images,) = seen
    _, validation = noisy_set.split(100)
    assert validation is not None
    if expected == "as they are":
        assert torch.equal(images, validation.images[:, None])
    else:
        assert len(images) == 500


@pytest.mark.parametrize(("enough", "is_surer"), [(100, True), (2500, False)])
def test_a_small_set_makes_no_network_surer_than_it_is(
    run: Run, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch, enough: int, is_surer: bool
) -> None:
    """All of its training images are read right, which the test images of its kind need not be."""
    monkeypatch.setattr(calibration, "MIN_HELD_OUT", enough)
    found = find_temperature(run.model, run.recipe, blob_set)
    assert found < 1 if is_surer else found == 1


def test_a_large_set_is_thinned_out(
    run: Run, noisy_set: DataSet, seen: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "NUM_IMAGES", 200)
    find_temperature(run.model, run.recipe, noisy_set)
    assert len(seen[0]) == 200


@pytest.mark.usefixtures("enough_images")
def test_a_finished_run_keeps_its_temperature(run: Run, noisy_set: DataSet) -> None:
    kept = run.temperature
    assert kept == pytest.approx(find_temperature(run.model, run.recipe, noisy_set), rel=1e-3)
    assert run.summary["temperature"] == kept
    assert temperature_of(run, noisy_set) == kept


def test_metrics_are_those_of_the_calibrated_network(run: Run, noisy_set: DataSet) -> None:
    assert run.temperature is not None
    metrics = evaluate(run, noisy_set.test)
    with torch.inference_mode():
        logits = run.model(noisy_set.test.images[:, None]) / run.temperature
    expected = negative_log_likelihood(logits, noisy_set.test.labels)
    assert metrics.negative_log_likelihood == pytest.approx(expected, rel=0.02)
    test = run.summary["test"]
    assert test["expected_calibration_error"] == metrics.expected_calibration_error
    assert metrics.expected_calibration_error == pytest.approx(
        expected_calibration_error(logits.softmax(dim=1), noisy_set.test.labels), abs=0.01
    )


def test_a_network_that_reads_lines_has_the_temperature_one(noisy_set: DataSet) -> None:
    recipe = Recipe(name="lines", network="line-recognizer", epochs=1, batch_size=10)
    assert find_temperature(nn.Identity(), recipe, noisy_set) == 1


def test_a_network_stays_where_and_as_it_was(run: Run, noisy_set: DataSet) -> None:
    model = build_model("fast", mean=0.1, std=0.3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    find_temperature(model, run.recipe, noisy_set)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def rewritten(run: Run, folder: Path, temperature: object) -> Run:
    """A copy of a run whose weights file says that its temperature is another."""
    shutil.copytree(run.folder, folder)
    without_sums(folder)
    found = json.dumps(run.temperature).encode()
    content = run.model_path.read_bytes()
    assert content.count(found) == 1
    # Of the same length, as the file's header says how long it is.
    other = json.dumps(temperature).replace('"', '\\"').encode().rjust(len(found))
    (folder / run.model_path.name).write_bytes(content.replace(found, other))
    return Run(folder)


@pytest.mark.parametrize("temperature", [0, -1, "warm", [1]])
def test_a_damaged_temperature_is_reported_in_one_line(
    run: Run, tmp_path: Path, temperature: object
) -> None:
    damaged = rewritten(run, tmp_path / "damaged", temperature)
    with pytest.raises(DigitsError, match=r"model\.safetensors is damaged") as caught:
        _ = damaged.temperature
    assert "\n" not in str(caught.value)


def test_a_run_of_before_there_were_temperatures_is_evaluated_as_it_is(
    run: Run, tmp_path: Path, noisy_set: DataSet
) -> None:
    older = rewritten(run, tmp_path / "older", None)
    assert older.temperature is None
    with torch.inference_mode():
        logits = older.model(noisy_set.test.images[:, None])
    expected = negative_log_likelihood(logits, noisy_set.test.labels)
    metrics = evaluate(older, noisy_set.test)
    assert metrics.negative_log_likelihood == pytest.approx(expected, rel=0.02)


def test_a_network_of_one_s_own_is_calibrated_too(
    tmp_path: Path, with_blobs: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    import digits
    from digits.models import registry

    monkeypatch.setattr(registry, "NETWORKS", dict(registry.NETWORKS))

    @digits.register_network("flat")
    class Flat(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Flatten(), nn.Linear(784, 10))

    monkeypatch.setattr(calibration, "MIN_HELD_OUT", 100)
    mine = digits.train(RECIPE, network="flat", out=tmp_path / "mine", progress=TrainingProgress())
    assert mine.temperature is not None
    assert mine.temperature != 1
