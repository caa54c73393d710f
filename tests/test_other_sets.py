"""Sets of other classes and sizes than MNIST's, on all their way: files, report, ONNX, C."""

import hashlib
import json
import re
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from digits import Reader, compare, evaluate, load, register_network, train
from digits.data import DataSet
from digits.data.catalog import CATALOG, Part, listed
from digits.data.checksums import DataFile
from digits.data.idx import write_idx
from digits.errors import DigitsError, InvalidInput
from digits.evaluation import predict
from digits.export import export, export_c
from digits.reading.network import Network
from digits.recipe import load_recipe
from digits.report import write_report
from digits.run import Run
from digits.training.tasks import evaluate_task
from tests.bulk.records import PIXEL
from tests.older_runs import with_facts, without_classes

Call = Callable[..., tuple[int, str, str]]

LETTERS, SMALL = "emnist-letters", "usps"


def squares(num: int, classes: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright square at a place that depends on the class, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % classes
    images = rng.integers(0, 40, (num, size, size), dtype=np.uint8)
    per_row = int(np.ceil(np.sqrt(classes)))
    step = (size - 4) // per_row
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), per_row)
        top, left = 2 + row * step, 2 + column * step
        image[top : top + step, left : left + step] += 200
    return images, labels.astype(np.uint8)


def put_into_cache(name: str, root: Path) -> None:
    """Fill the cache with a small set in place of a published one, and describe it so."""
    published = CATALOG[name]
    parts = {}
    for split, num in (("train", 520), ("test", 104)):
        images, labels = squares(num, len(published.classes), published.size, seed=num)
        files = []
        for kind, array in (("images", images), ("labels", labels)):
            content = write_idx(array)
            path = root / published.folder / f"{split}-{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            files.append(DataFile(path.name, len(content), sha256=sha256))
        parts[split] = Part(files[0], files[1])
    CATALOG[name] = replace(
        published,
        train=parts["train"],
        test=parts["test"],
        archive=None,
        is_transposed=False,
        first_label=0,
    )


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    root = tmp_path_factory.mktemp("cache")
    before = dict(CATALOG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_DATA", str(root))
        for name in (LETTERS, SMALL):
            put_into_cache(name, root)
        yield
    CATALOG.update(before)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory, cache: None) -> Run:
    """A run that tells 26 letters apart."""
    out = tmp_path_factory.mktemp("runs") / "letters"
    return train("balanced", dataset=LETTERS, epochs=4, batch_size=40, out=out)


@pytest.fixture(scope="module")
def network(letters: Run) -> Network:
    """The network of letters, in ONNX."""
    return Network(export(letters).path)


def test_a_network_learns_as_many_classes_as_the_set_has(letters: Run) -> None:
    assert letters.summary["test"]["accuracy"] > 0.9
    assert letters.summary["dataset"] == LETTERS
    assert letters.classes == CATALOG[LETTERS].classes
    assert Run(letters.folder).model.state_dict()["fc2.bias"].shape == (26,)
    metrics = evaluate(letters, load(LETTERS).test)
    assert len(metrics.classes) == len(metrics.confusion_matrix) == 26


def test_the_command_measures_on_the_run_s_own_set_and_names_its_classes(
    letters: Run, call: Call
) -> None:
    status, output, _ = call("evaluate", str(letters.folder))
    assert status == 0
    table = [line.split()[0] for line in output.splitlines() if line.count("%") == 3]
    assert table == list(CATALOG[LETTERS].classes)
    assert "read as" in output
    status, output, _ = call("evaluate", str(letters.folder), "--json")
    assert json.loads(output)["dataset"] == LETTERS


def test_a_set_of_other_classes_is_refused_in_a_line(letters: Run, call: Call) -> None:
    status, _, errors = call("evaluate", str(letters.folder), "--dataset", SMALL)
    assert status == 2
    assert "tells apart 26 classes (a, b, c, …) on images of 28 pixels" in errors
    assert "expected the ten digits on images of 16" in errors
    assert errors.count("\n") == 1


def test_what_is_no_digit_is_seen_in_one_view_and_calibrated_for_it(
    letters: Run, network: Network
) -> None:
    test = load(LETTERS).test
    logits = predict(letters.model, test.images, precision="float32")
    logits = logits / (letters.temperature or 1.0)
    found = network.probabilities(test.images.numpy())
    np.testing.assert_allclose(found, logits.softmax(dim=1).numpy(), atol=1e-4)


def test_the_report_is_of_classes(letters: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.plots.to_png", lambda figure: b64decode(PIXEL))  # not on the page
    text = write_report(letters).read_text()
    assert "tells apart the 26 classes of EMNIST Letters" in text
    assert '<th scope="row">z</th>' in text
    assert "Metrics by class" in text
    body = text.partition("<body>")[2].partition('id="reproduction"')[0]
    assert "digit" not in re.sub("<code>.*?</code>", "", body)  # the command's name


def test_onnx_has_the_classes_and_reads_no_pictures(
    letters: Run, network: Network, call: Call
) -> None:
    assert network.classes == CATALOG[LETTERS].classes
    test = load(LETTERS).test
    found = network.probabilities(test.images.numpy())
    assert found.shape == (104, 26)
    assert (found.argmax(axis=1) == test.labels.numpy()).mean() > 0.9
    with pytest.raises(InvalidInput, match=r"expected a network that tells the ten digits apart"):
        Reader(letters.folder / "model.onnx")
    status, _, errors = call("serve", "--model", str(letters.folder), "--port", "0")
    assert status == 2
    assert "found one of 26 classes (a, b, c, …)" in errors
    assert errors.count("\n") == 1


def test_ten_classes_that_are_no_digits_are_not_read_as_digits(
    tmp_path: Path, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fashion-MNIST has the shape of MNIST: only the names of its classes tell."""
    clothes = CATALOG["fashion-mnist"].classes
    train_split, test = (
        replace(split, classes=clothes) for split in (blob_set.train, blob_set.test)
    )
    data = DataSet("fashion-mnist", train_split, test, "made by the tests")
    monkeypatch.setattr("digits.training.loop.load_set", lambda recipe, **_: data)
    monkeypatch.setattr("digits.export.load_set", lambda recipe, **_: data)
    run = train("fast", dataset="fashion-mnist", batch_size=50, out=tmp_path / "run")
    assert Network(export(run).path).classes == clothes
    with pytest.raises(InvalidInput, match=r"found one of 10 classes \(T-shirt/top, trouser"):
        Reader(run)
    with pytest.raises(InvalidInput, match="tells apart 10 classes"):
        evaluate(run, blob_set.test)


def test_images_of_another_size_are_learned(tmp_path: Path) -> None:
    run = train("fast", dataset=SMALL, epochs=4, batch_size=40, out=tmp_path / "run")
    assert run.size == 16
    assert run.summary["test"]["accuracy"] > 0.9
    network = Network(export(run).path)
    assert (network.size, network.num_classes) == (16, 10)
    with pytest.raises(InvalidInput, match=r"found one of 10 classes .* on 16×16"):
        Reader(run)


def test_c_has_as_many_pixels_and_logits(tmp_path: Path) -> None:
    run = train("tiny", dataset=LETTERS, epochs=1, batch_size=40, out=tmp_path / "run")
    text = export_c(run).path.read_text()
    assert "digits_read(const uint8_t pixels[28 * 28], float logits[26])" in text
    assert "label < 26" in text
    small = train("tiny", dataset=SMALL, epochs=1, batch_size=40, out=tmp_path / "small")
    with pytest.raises(InvalidInput, match=r"at least 28 pixels, .* found one on 16"):
        export_c(small)


@pytest.mark.parametrize(
    ("recipe", "dataset", "message"),
    [
        ("reader", LETTERS, "framing: expected keep, as it is made for digits"),
        ("reader", SMALL, "framing: expected keep, as it is made for digits of 28×28"),
        ("lines", LETTERS, "dataset: expected one of digits of 28×28 pixels"),
    ],
)
def test_what_does_not_fit_a_set_is_refused_before_anything_is_fetched_or_made(
    recipe: str, dataset: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "digits.training.loop.load_set", lambda recipe, **_: pytest.fail("was loaded")
    )
    chosen = load_recipe(recipe).override(dataset=dataset, batch_size=20, validation_size=0)
    with pytest.raises(InvalidInput, match=message):
        train(chosen, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("recipe", "dataset"),
    [
        *((recipe, LETTERS) for recipe in ("fast", "classic", "compact", "deep", "tiny")),
        ("accurate", SMALL),
        *((recipe, SMALL) for recipe in ("balanced", "classic", "compact", "deep", "tiny")),
    ],
)
def test_every_other_recipe_trains(recipe: str, dataset: str, tmp_path: Path) -> None:
    chosen = load_recipe(recipe).override(
        dataset=dataset, epochs=1, batch_size=40, validation_size=0
    )
    assert train(chosen, out=tmp_path / "run").is_finished


def test_a_network_of_one_s_own_is_tried_with_the_set_s_classes(tmp_path: Path) -> None:
    @register_network("for-letters")
    class ForLetters(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Flatten(), nn.Linear(784, 26))

    chosen = load_recipe("compact").override(network="for-letters", epochs=1, batch_size=40)
    chosen = chosen.override(validation_size=0)
    assert train(chosen, dataset=LETTERS, out=tmp_path / "run").is_finished
    with pytest.raises(InvalidInput, match=r"fails on two images"):
        train(chosen, dataset=SMALL, out=tmp_path / "other")


def test_runs_of_two_sets_are_not_compared(letters: Run, tmp_path: Path) -> None:
    groups = [
        [
            train(
                "fast",
                dataset=dataset,
                batch_size=40,
                seed=seed,
                out=tmp_path / f"{dataset}-{seed}",
            )
            for seed in (0, 1)
        ]
        for dataset in (LETTERS, SMALL)
    ]
    with pytest.raises(InvalidInput, match="one data set, found emnist-letters and usps"):
        compare(*groups)


def test_a_network_of_lines_is_measured_on_digits_alone(letters: Run) -> None:
    reading_lines = replace(letters.recipe, network="line-recognizer")
    run = Run(letters.folder)
    run.__dict__["recipe"] = reading_lines
    with pytest.raises(InvalidInput, match=r"as lines are composed of them; found 26 classes"):
        evaluate_task([run], load(LETTERS).test)


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> Run:
    """A run of digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
        return train("fast", batch_size=50, out=tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture
def older(
    of_digits: Run, tmp_path: Path, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """A run of digits as older versions made it."""
    for module in ("export", "report"):
        monkeypatch.setattr(f"digits.{module}.load_set", lambda recipe, **_: blob_set)
    folder = Path(shutil.copytree(of_digits.folder, tmp_path / "older"))
    without_classes(folder)
    return Run(folder)


def test_an_older_run_is_one_of_digits(
    older: Run, blob_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.plots.to_png", lambda figure: b64decode(PIXEL))  # not on the page
    assert (older.classes, older.size) == (CATALOG["mnist"].classes, 28)
    assert evaluate(older, blob_set.test).num_images == 100
    assert '<th scope="row">9</th>' in write_report(older).read_text()
    assert Network(export(older).path).classes == CATALOG["mnist"].classes


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": "abcdefghij"},
        {"classes": []},
        {"classes": [1] * 10},
        {"classes": ["x"] * 10_000},
        {"size": 1024},
        {"size": True},
        {"size": "28"},
        {"size": 0},
    ],
)
def test_damaged_facts_of_a_run_are_one_line(older: Run, changes: dict[str, object]) -> None:
    with_facts(older.folder, **changes)
    for fact in ("classes", "model"):
        with pytest.raises(DigitsError, match=r"damaged \(ValueError: the (classes are|size is) "):
            getattr(Run(older.folder), fact)


def test_a_summary_of_other_classes_is_one_line(older: Run) -> None:
    summary = json.loads(older.summary_path.read_text())
    summary["test"]["digits"][9]["digit"] = 99
    older.summary_path.write_text(json.dumps(summary))
    with pytest.raises(DigitsError, match="the classes are not 0 to 9"):
        write_report(Run(older.folder))


def test_names_of_classes_forge_no_line() -> None:
    forged = ["a\n  all is well\x1b[2J", *"bcdefghij"]
    assert "\n" not in listed(forged)
    assert "\x1b" not in listed(forged)
    assert len(listed(["x" * 10**6] * 4)) < 100
