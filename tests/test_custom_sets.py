"""Commands on labelled pictures of one's own: looked at, trained on, measured, changed since."""

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import digits
from digits import Reader, evaluate, load, train
from digits.data.custom import load_custom
from digits.errors import DigitsError, InvalidInput
from digits.evaluation.runs import choose_unseen
from digits.export import convert
from digits.reading.network import Network
from digits.reading.scoring import score_pictures
from digits.report import write_report
from digits.run import Run
from tests.bulk.records import PIXEL
from tests.data.test_custom import drawn, write

Call = Callable[..., tuple[int, str, str]]

SHAPES = ("circle", "cross", "square")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path_factory.mktemp("cache")))


def shape(name: str, seed: int) -> np.ndarray:
    """A drawn shape, large or small, in noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(200, 256, (40, 50), dtype=np.uint8)
    y, x = (
        np.mgrid[:40, :50]
        - np.array([20, 25])[:, None, None]
        + rng.integers(-4, 5, 2)[:, None, None]
    )
    size = rng.integers(8, 14)
    inside = {
        "circle": x**2 + y**2 < size**2,
        "cross": (abs(abs(x) - abs(y)) < 3) & (abs(x) < size),
        "square": (abs(x) < size) & (abs(y) < size) & ((abs(x) > size - 4) | (abs(y) > size - 4)),
    }[name]
    image[inside] = 20
    return image


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Thirty pictures of each of three shapes."""
    for name in SHAPES:
        for number in range(30):
            write(tmp_path / "shapes" / name / f"{number}.png", shape(name, seed=number))
    return tmp_path / "shapes"


@pytest.fixture
def run(shapes: Path, tmp_path: Path) -> Run:
    return train(
        "fast",
        dataset=str(shapes),
        batch_size=12,
        epochs=8,
        learning_rate=0.02,
        out=tmp_path / "run",
    )


def test_a_run_on_a_folder_keeps_what_it_was_trained_on(
    run: Run, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.classes == SHAPES
    assert (run.recipe.dataset, run.recipe.crop) == (str(shapes), "none")
    assert run.recipe.digest == load_custom(shapes).digest
    assert run.summary["test"]["images"] == 18
    assert run.summary["test"]["accuracy"] > 0.8
    monkeypatch.setattr("digits.plots.to_png", lambda figure: b64decode(PIXEL))  # not on the page
    report = write_report(run).read_text()
    assert "3 classes of shapes" in report
    assert "cross" in report
    network = Network(convert(run).content)
    assert network.metadata["dataset"] == "./shapes", "not the folders of this machine"
    assert str(shapes.parent) not in network.metadata["recipe"]
    with pytest.raises(InvalidInput, match="digits"):
        Reader(run)


def test_what_a_run_has_seen_does_not_measure_it(run: Run, shapes: Path, tmp_path: Path) -> None:
    data = load(shapes)
    assert choose_unseen(data, [run]) is data.test
    for name in SHAPES[1:]:
        for number in range(5):
            write(tmp_path / "other" / name / f"{number}.png", shape(name, seed=100 + number))
    other = choose_unseen(load(tmp_path / "other"), [run])
    assert (len(other), other.classes) == (10, SHAPES)
    assert sorted(other.labels.unique().tolist()) == [1, 2], "by the run's classes"
    assert evaluate(run, other).num_images == 10
    write(shapes / "cross" / "new.png", shape("cross", seed=200))
    with pytest.raises(InvalidInput, match=r"shapes has changed since .*run was trained on it"):
        choose_unseen(load(shapes), [run])
    with pytest.raises(DigitsError, match=r"is no longer what the run was trained on"):
        write_report(run)
    write(tmp_path / "strange" / "triangle" / "a.png", shape("cross", seed=0))
    with pytest.raises(InvalidInput, match=r"3 classes \(circle, .*, found .*triangle"):
        choose_unseen(load(tmp_path / "strange"), [run])


def test_a_stopped_run_is_not_resumed_on_other_pictures(run: Run, shapes: Path) -> None:
    run.summary_path.unlink()
    run.model_path.unlink()
    (shapes / "cross" / "0.png").unlink()
    with pytest.raises(DigitsError, match=r"is no longer what the run was trained on.*train anew"):
        digits.resume(run.folder)


def test_commands_take_a_folder(shapes: Path, tmp_path: Path, call: Call) -> None:
    status, out, _ = call("data", str(shapes))
    assert status == 0
    assert "90 pictures, 40 × 50 to 40 × 50 pixels" in out
    assert "72 training and 18 test images: of each class a fifth, or nearly" in out
    facts = json.loads(call("data", str(shapes), "--json")[1])
    assert [row["name"] for row in facts["classes"]] == list(SHAPES)
    folder = str(tmp_path / "run")
    status, out, errors = call("train", "--data", str(shapes), "--recipe", "fast", "--batch-size",
                               "12", "--out", folder)  # fmt: skip
    assert (status, errors) == (0, "")
    status, out, _ = call("evaluate", folder)
    assert f"18 images of {shapes}: its test images" in out
    found = json.loads(call("evaluate", folder, "--data", str(shapes), "--json")[1])
    assert (found["split"], found["test"]["images"]) == ("test", 18)
    status, out, _ = call("summary", folder)
    assert status == 0
    assert "28×28" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--data", "."), "expected labelled pictures, found none"),
        (("train", "--data", "x", "--dataset", "mnist"), "each name a data set; give one"),
        (("train", "--data", "missing"), "No folder or file of labelled pictures at"),
        (("train", "--crop", "ink"), "crop: expected none for mnist"),
        (("data", "x", "--dataset", "mnist"), "are for published sets; leave them away"),
        (("data", "--crop", "ink"), "--crop is for pictures of your own"),
        (("evaluate", "reader"), "--data PATH"),
        (("evaluate", "r", "--crop", "ink"), "name them with --data"),
        (("evaluate", "r", "--model", "m"), "--model is for the reader"),
        (("evaluate", "r", "--data", "x", "--dataset", "mnist"), "each name a data set"),
    ],
)
def test_what_does_not_fit_is_one_line(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = call(*arguments)
    assert status == 2
    assert message in errors
    assert errors.count("\n") == 1


def test_the_reader_is_measured_on_pictures_with_labels(tmp_path: Path, call: Call) -> None:
    for label in ("2", "47", "1 234"):
        for number in range(3):
            image = drawn(label, width=60 + 30 * len(label), seed=number)
            write(tmp_path / label / f"{number}.png", image)
    (tmp_path / "2" / "broken.png").write_bytes(b"nothing")
    found = json.loads(call("evaluate", "reader", "--data", str(tmp_path), "--json")[1])["test"]
    assert found["pictures"] == 10
    assert found["failed"] == 1
    assert found["right"] >= 6
    assert sum(found[verdict] for verdict in ("right", "refused", "wrong", "failed")) == 10
    assert len(found["not_right"]) == 10 - found["right"]
    out = call("evaluate", "reader", "--data", str(tmp_path))[1]
    assert "broken.png" in out
    write(tmp_path / "cat" / "0.png", drawn("2"))
    status, _, errors = call("evaluate", "reader", "--data", str(tmp_path))
    assert status == 2
    assert "Expected digits as a label, to compare what is read, found 'cat'" in errors


def test_refused_is_not_wrong_and_wrong_is_counted() -> None:
    strict, usual = Reader(threshold=1.0), Reader()
    picture = drawn("2")
    assert score_pictures(usual, [("a", "2", picture)]).counts["right"] == 1
    assert score_pictures(usual, [("a", "3", picture)]).counts["wrong"] == 1
    assert score_pictures(strict, [("a", "3", picture)]).counts["refused"] == 1
    blank = np.full((50, 50), 255, np.uint8)
    assert score_pictures(usual, [("a", "3", blank)]).counts["refused"] == 1
