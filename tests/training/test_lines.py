"""Networks that read lines: composed batches, targets and loss, runs, their evaluation, export."""

import json
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from digits import export as exporting
from digits.data import DataSet, Split
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import evaluate
from digits.evaluation.runs import evaluate_lines
from digits.export import Export, export
from digits.models import LineRecognizer
from digits.reading.network import Network
from digits.reading.symbols import DIGIT_HEIGHT, LINE_HEIGHT, NUM_CLASSES, SYMBOLS
from digits.recipe import load_recipe
from digits.report import write_report
from digits.run import Run
from digits.training import Interrupted, resume, train
from digits.training.composition import (
    LineBatch,
    Writers,
    compose_batches,
    compose_from_split,
)
from digits.training.line_targets import box_losses, ctc_losses, judge_lines, make_targets
from digits.training.optimization import WeightAverage
from digits.training.tasks import compose_lines, digest_code
from digits.training.tasks.lines import GROUP
from digits.training.trainer import Trainer
from tests.training.drawn_digits import draw_digits
from tests.training.test_training import Silent, weights

RECIPE = load_recipe("lines").override(
    epochs=2, batch_size=8, validation_size=40, precision="float32"
)
"""Twice 60 lines: in each epoch a group of four batches, and one whose last batch is smaller."""


@pytest.fixture(scope="module")
def drawn() -> DataSet:
    train, test = Split("train", *draw_digits(100)), Split("test", *draw_digits(30))
    return DataSet(name="mnist", train=train, test=test, source="drawn by the tests")


@pytest.fixture
def with_drawn(monkeypatch: pytest.MonkeyPatch, drawn: DataSet) -> None:
    """Everything takes the small set for MNIST."""
    monkeypatch.setattr("digits.run.load_set", lambda recipe, **_: drawn)
    for module in ("digits.training.loop", "digits.export"):
        monkeypatch.setattr(f"{module}.load_set", lambda recipe, **_: drawn)


@pytest.fixture(scope="module")
def writers(drawn: DataSet) -> Writers:
    return Writers(drawn.train.images, drawn.train.labels, seed=0)


@pytest.fixture(scope="module")
def batches(writers: Writers) -> list[LineBatch]:
    return compose_batches(writers, [16, 16, 16, 5], (1,))


def test_the_same_seed_composes_the_same_batches(
    writers: Writers, batches: list[LineBatch]
) -> None:
    for one, other in zip(batches, compose_batches(writers, [16, 16, 16, 5], (1,)), strict=True):
        assert np.array_equal(one.images, other.images)
        assert (one.symbols, one.boxes) == (other.symbols, other.boxes)
    (another,) = compose_batches(writers, [53], (2,))
    assert another.symbols != [line for batch in batches for line in batch.symbols]


def test_batches_have_their_sizes_and_lines_of_about_one_width(batches: list[LineBatch]) -> None:
    assert [len(batch.images) for batch in batches] == [16, 16, 16, 5]
    widths = [batch.images.shape[2] for batch in batches]
    assert widths != sorted(widths), "wide and narrow ones take turns"
    by_width = sorted(batches, key=lambda batch: batch.images.shape[2])
    for narrower, wider in pairwise(by_width):
        widest = max(box[2] for line in narrower.boxes for box in line)
        assert max(box[2] for line in wider.boxes for box in line) >= widest
    assert all(batch.images.shape[1] == LINE_HEIGHT for batch in batches)
    assert all(batch.images.shape[2] % 2 == 0 for batch in batches)


def test_every_symbol_has_a_box_with_ink_and_columns_enough(batches: list[LineBatch]) -> None:
    for batch in batches:
        width = batch.images.shape[2]
        for image, line, boxes in zip(batch.images, batch.symbols, batch.boxes, strict=True):
            assert set(line) <= set(SYMBOLS)
            assert len(boxes) == len(line)
            repeats = sum(one == other for one, other in pairwise(line))
            assert len(line) + repeats <= width // 2, "CTC needs a column for each, and for gaps"
            for left, top, right, bottom in boxes:
                assert left < right <= width
                assert top < bottom
                rows = slice(max(0, int(top)), int(bottom) + 1)
                assert image[rows, max(0, int(left)) : int(right) + 1].any()


def test_lines_of_a_split_are_as_many_as_its_digits_and_always_the_same(
    drawn: DataSet,
) -> None:
    once, twice = (compose_from_split(drawn.test) for _ in range(2))
    assert sum(len(batch.images) for batch in once) == 30
    assert [batch.symbols for batch in once] == [batch.symbols for batch in twice]


def test_targets_of_boxes_lead_from_a_column_to_the_edges_of_its_symbol() -> None:
    boxes = [(2.0, 10.0, 12.0, 30.0), (20.0, 14.0, 30.0, 34.0)]
    targets = make_targets(LineBatch(np.zeros((1, 40, 40), np.uint8), ["17"], [boxes]))
    assert targets.distances.shape == (1, 4, 20)
    inside = targets.is_inside[0].nonzero()[:, 0].tolist()
    assert inside == [0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15]
    for column in inside:
        left, top, right, bottom = boxes[column > 8]
        middle, distances = 2 * column + 1, targets.distances[0, :, column] * DIGIT_HEIGHT
        expected = [middle - left, right - middle, top - 20, bottom - 20]
        torch.testing.assert_close(distances, torch.tensor(expected))


def test_the_loss_of_symbols_is_their_likelihood_over_all_ways_to_place_them() -> None:
    """Three columns have room for 1 in six ways: 1, 11, 111 with blanks at the ends."""
    torch.manual_seed(0)
    logits = torch.randn(1, NUM_CLASSES, 3)
    p = logits[0].softmax(dim=0)
    one, blank = p[SYMBOLS.index("1") + 1], p[0]
    ways = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1)]
    likelihood = sum(
        torch.stack([one[i] if is_one else blank[i] for i, is_one in enumerate(way)]).prod()
        for way in ways
    )
    assert isinstance(likelihood, torch.Tensor)
    torch.testing.assert_close(ctc_losses(logits, ["1"])[0], -likelihood.log())
    assert ctc_losses(logits, ["11,5"])[0] == 0, "what can't fit has no loss"


def test_a_line_without_symbols_has_no_box_and_a_loss_where_anything_is_read() -> None:
    targets = make_targets(LineBatch(np.zeros((1, 40, 40), np.uint8), [""], [[]]))
    assert not bool(targets.is_inside.any())
    outputs = torch.zeros(1, NUM_CLASSES + 4, 20)
    outputs[:, 0] = 20
    losses, right = judge_lines(outputs, targets)
    assert float(losses[0]) < 1e-3
    assert bool(right[0])
    outputs[0, SYMBOLS.index("1") + 1, 7] = 40
    losses, right = judge_lines(outputs, targets)
    assert float(losses[0]) > 10
    assert not bool(right[0])


def test_a_perfect_output_has_little_loss_and_is_right(batches: list[LineBatch]) -> None:
    targets = make_targets(batches[0])
    num, _, num_columns = targets.distances.shape
    scores = torch.zeros(num, NUM_CLASSES, num_columns)
    scores[:, 0] = 20
    for line, symbols, boxes in zip(scores, targets.symbols, batches[0].boxes, strict=True):
        for column, symbol in zip(
            np.linspace(0, num_columns - 1, len(boxes)), symbols, strict=True
        ):
            line[SYMBOLS.index(symbol) + 1, int(column)] = 40
    outputs = torch.cat([scores, targets.distances], dim=1)
    losses, right = judge_lines(outputs, targets)
    assert bool(right.all())
    assert float(losses.max()) < 1e-3
    outputs[:, NUM_CLASSES] += 0.5
    has_boxes = torch.tensor([bool(symbols) for symbols in targets.symbols])
    assert torch.equal(box_losses(outputs[:, NUM_CLASSES:], targets) > 0.4, has_boxes)
    outputs[:, 0] += 100
    assert torch.equal(judge_lines(outputs, targets)[1], ~has_boxes)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"shift_pixels": 1.0}, "augmentation: expected none for network 'line-recognizer'"),
        ({"hard_fraction": 0.5}, "hard_fraction: expected none"),
        ({"label_smoothing": 0.1}, "label_smoothing: expected none"),
    ],
)
@pytest.mark.usefixtures("with_drawn")
def test_fields_that_do_not_fit_are_refused_before_anything_is_written(
    tmp_path: Path, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        train(RECIPE, out=tmp_path / "run", progress=Silent(), **overrides)
    assert not (tmp_path / "run").exists()


def test_the_average_follows_the_weights_and_is_what_is_evaluated(drawn: DataSet) -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = WeightAverage(model, 0.5)
    names = ("0.weight", "1.running_mean")
    expected = {name: float(model.state_dict()[name]) for name in names}
    for step in (1, 2, 30):
        decay = min(0.5, (1 + step) / (10 + step))
        for name in names:
            value = model.state_dict()[name].add_(1)
            expected[name] = decay * expected[name] + (1 - decay) * float(value)
        average.update(model, step)
    for name in names:
        assert float(average.model.state_dict()[name]) == pytest.approx(expected[name])
    assert not average.model.training

    recipe = RECIPE.override(amounts=digest_code(RECIPE))
    trainer = Trainer(recipe, drawn, torch.device("cpu"))
    trainer.advance()
    assert trainer.result is not trainer.model
    other = Trainer(recipe.override(average_weights=0.0), drawn, torch.device("cpu"))
    assert other.result is other.model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, drawn: DataSet) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: drawn)
        return train(RECIPE, out=tmp_path_factory.mktemp("lines") / "run", progress=Silent())


def test_a_run_learns_and_says_how_much_it_reads(run: Run, drawn: DataSet) -> None:
    first, second = run.history
    assert second.train_loss < 0.8 * first.train_loss
    assert second.validation_loss is not None
    assert (first.images, second.images) == (60, 60)
    assert isinstance(run.model, LineRecognizer)
    assert evaluate_lines(run, compose_lines(drawn.test)).to_dict() == run.summary["test"]
    assert run.summary["test"]["images"] == 30


@pytest.mark.usefixtures("with_drawn")
def test_a_run_that_was_killed_goes_on_to_the_same_bits(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second epoch, within a group of batches that are composed together."""
    monkeypatch.setattr("digits.training.trainer.CHECK_EVERY", 1)
    stop = Silent(8 + GROUP + 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        train(RECIPE, out=tmp_path / "cut", progress=stop)
    cut = Run(tmp_path / "cut")
    assert (len(cut.history), cut.load_checkpoint()["step"]) == (1, GROUP + 2)
    resumed = resume(cut.folder, progress=Silent())
    assert weights(resumed) == weights(run)
    assert resumed.summary["test"] == run.summary["test"]


@pytest.mark.usefixtures("with_drawn")
def test_a_run_of_another_composition_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.training.tasks.digest_composition", lambda: "0123456789ab")
    with pytest.raises(InvalidInput, match="amounts: expected '0123456789ab'"):
        train(run.recipe, out=tmp_path / "run", progress=Silent())


def test_evaluation_and_report_say_what_they_can_do_with_lines(
    run: Run, drawn: DataSet, tmp_path: Path
) -> None:
    for runs in (run, [run, run]):
        with pytest.raises(InvalidInput, match="reads lines, not single digits; evaluate it alone"):
            evaluate(runs, drawn.test)
    with pytest.raises(InvalidInput, match="reads lines; the report draws") as refused:
        write_report(run)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("with_drawn")
def test_the_command_shows_a_run_of_lines(
    run: Run, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, shown, _ = call("evaluate", str(run.folder))
    assert status == 0
    assert "lines read exactly" in shown
    assert "digit error rate" in shown
    status, shown, _ = call("evaluate", str(run.folder), "--json")
    assert json.loads(shown)["test"] == run.summary["test"]
    status, shown, _ = call("train", "--resume", str(run.folder))
    assert "digit errors" in shown
    status, _, errors = call("train", "--recipe", "lines", "--report")
    assert (status, errors.count("\n")) == (2, 1)
    assert "'line-recognizer' reads lines" in errors


@pytest.fixture(scope="module")
def converted() -> list[bytes]:
    """The run's network in ONNX, before its weights were rounded."""
    return []


@pytest.fixture(scope="module")
def written(run: Run, drawn: DataSet, converted: list[bytes]) -> Export:
    convert = exporting._lines_to_onnx

    def convert_and_note(model: nn.Module) -> bytes:
        converted.append(convert(model))
        return converted[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.export.load_set", lambda recipe, **_: drawn)
        patch.setattr("digits.export._lines_to_onnx", convert_and_note)
        return export(run, run.folder / "lines.onnx")


def test_the_exported_network_gives_torch_s_columns_for_any_number_and_width(
    run: Run, written: Export
) -> None:
    session = onnxruntime.InferenceSession(written.path)
    random = np.random.default_rng(0)
    for num, width in ((1, 16), (3, 90), (2, 402)):
        images = random.integers(0, 256, (num, 1, 40, width)).astype(np.float32)
        logs, boxes = session.run(["log_probabilities", "boxes"], {"images": images})
        with torch.inference_mode():
            outputs = run.model.float().eval()(torch.from_numpy(images))
        assert (logs.shape, boxes.shape) == ((num, 16, width // 2), (num, 4, width // 2))
        expected = outputs[:, :NUM_CLASSES].softmax(dim=1).numpy()
        np.testing.assert_allclose(np.exp(logs), expected, atol=5e-3)
        np.testing.assert_allclose(boxes, outputs[:, NUM_CLASSES:].numpy(), atol=2e-2)


def test_the_exported_file_is_half_as_large_and_says_what_it_is(run: Run, written: Export) -> None:
    assert written.temperature == 1
    assert written.largest_difference < exporting.HALF_TOLERANCE
    assert written.num_bytes < 1.35e6
    document = onnx.load(written.path)
    onnx.checker.check_model(document, full_check=True)
    facts = {entry.key: entry.value for entry in document.metadata_props}
    assert facts["task"] == "lines"
    assert facts["recipe"] == run.recipe.to_toml()
    assert facts["test_accuracy"] == f"{run.summary['test']['accuracy']:.4f}"
    assert b".py" not in written.path.read_bytes()
    with pytest.raises(InvalidInput, match="expected a network made by digits export, which takes"):
        Network(written.path)


@pytest.mark.usefixtures("with_drawn", "written")
def test_weights_that_rounding_would_change_too_much_stay_as_they_are(
    run: Run, converted: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_lines_to_onnx", lambda model: converted[0])
    monkeypatch.setattr(exporting, "HALF_TOLERANCE", 0.0)
    made = export(run, tmp_path / "whole.onnx")
    assert made.num_bytes > 2.4e6
    assert made.largest_difference < exporting.TOLERANCE
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(DigitsError, match="expected ONNX to agree with torch"):
        export(run, tmp_path / "none.onnx")
    assert not (tmp_path / "none.onnx").exists()
