import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from digits import export as exporting
from digits.data import DataSet
from digits.errors import DigitsError
from digits.export import Calibrated, Export, export
from digits.int8 import quantize_onnx
from digits.models import build_model
from digits.reading import Reader
from digits.reading.network import Network
from digits.recipe import Recipe, parse_recipe
from digits.run import Run
from digits.training import train
from digits.views import Views
from tests.exported import GLYPH_NETWORKS, exported
from tests.older_runs import without_sums

RECIPE = Recipe(name="small", network="fast", epochs=2, batch_size=50, validation_size=100)

PACKAGED = Path(exporting.__file__).parent / "reading" / "weights" / "reader.onnx"


pytestmark = pytest.mark.usefixtures("export_with_blobs")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
        return train(RECIPE, out=tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def converted() -> list[bytes]:
    """What torch's exporter made of the run's network."""
    return []


@pytest.fixture(scope="module")
def written(run: Run, blob_set: DataSet, converted: list[bytes]) -> Export:
    """The run's network, as a file in a folder that there was not."""
    convert = exporting._to_onnx

    def convert_and_note(model: Calibrated) -> bytes:
        converted.append(convert(model))
        return converted[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.export.load_set", lambda recipe, **_: blob_set)
        patch.setattr("digits.export._to_onnx", convert_and_note)
        return export(run, run.folder / "deep" / "model.onnx")


@pytest.fixture
def convert_once(written: Export, converted: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the run's network as it was converted already, which takes seconds."""
    monkeypatch.setattr("digits.export._to_onnx", lambda model: converted[0])


def plain_probabilities(run: Run, images: Tensor, temperature: float) -> Tensor:
    """What the file has to give: the mean over an image's views, image by image."""
    model = run.model.float().eval()
    means = []
    with torch.inference_mode():
        for image in images[:, None, None]:
            logits = torch.cat([model(view[None]) for view in Views()(image)])
            means.append((logits / temperature).softmax(dim=1).mean(dim=0))
    return torch.stack(means)


def test_any_runtime_gives_torch_s_probabilities_for_any_number_of_images(
    run: Run, written: Export, blob_set: DataSet
) -> None:
    assert written.largest_difference < 1e-5
    assert written.num_bytes == written.path.stat().st_size
    session = onnxruntime.InferenceSession(written.path)
    opencv = cv2.dnn.readNetFromONNX(str(written.path))
    for n in (1, 2, 77):
        images = blob_set.test.images[:n]
        pixels = images[:, None].float().numpy()
        expected = plain_probabilities(run, images, written.temperature).numpy()
        (found,) = session.run(["probabilities"], {"images": pixels})
        np.testing.assert_allclose(found, expected, atol=1e-5)
        opencv.setInput(pixels)
        np.testing.assert_allclose(opencv.forward(), expected, atol=1e-5)


def test_the_file_is_sound_and_says_what_it_is(run: Run, written: Export) -> None:
    path = written.path
    document = onnx.load(path)
    onnx.checker.check_model(document, full_check=True)
    assert {entry.domain: entry.version for entry in document.opset_import}[""] == exporting.OPSET
    facts = Network(path).metadata
    assert facts["recipe"] == run.recipe.to_toml()
    assert json.loads(facts["versions"])["torch"]


def test_the_reader_takes_it(written: Export, blob_set: DataSet) -> None:
    images = blob_set.test.images.numpy()
    labels = Network(written.path).probabilities(images).argmax(axis=1)
    assert (labels == blob_set.test.labels.numpy()).mean() > 0.9


def test_the_reader_gives_what_a_plain_session_gives_for_the_same_glyphs() -> None:
    glyphs = np.zeros((10, 28, 28), np.uint8)
    for digit, glyph in enumerate(glyphs):
        cv2.putText(glyph, str(digit), (7, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 1)
    session = onnxruntime.InferenceSession(PACKAGED)
    (found,) = session.run(None, {"images": glyphs[:, None].astype(np.float32)})
    read = Reader().classify(glyphs)  # of thin strokes, so that the reader doubts none
    np.testing.assert_allclose([digit.probabilities for digit in read], found, atol=1e-5)
    assert [digit.label for digit in read] == list(range(10))


def test_the_file_has_the_temperature_of_the_run(run: Run, written: Export) -> None:
    assert written.temperature == run.temperature
    assert float(Network(written.path).metadata["temperature"]) == pytest.approx(
        written.temperature, abs=1e-4
    )


def test_a_run_without_a_temperature_gets_the_same_one_when_it_is_exported(
    run: Run, written: Export, tmp_path: Path
) -> None:
    older = Run(shutil.copytree(run.folder, tmp_path / "older"))
    without_sums(older.folder)
    summary = older.summary_path.read_bytes()
    older.save_model(run.model)
    older.summary_path.write_bytes(summary)
    assert older.temperature is None
    assert export(older).temperature == pytest.approx(written.temperature, rel=1e-3)


def test_the_file_says_nothing_of_the_machine(run: Run, written: Export) -> None:
    folders = [Path(torch.__file__).parents[1], Path(exporting.__file__).parent, run.folder]
    for content in (written.path.read_bytes(), PACKAGED.read_bytes()):
        assert b".py" not in content
        assert not any(str(folder).encode() in content for folder in folders)


def test_what_disagrees_with_torch_is_not_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = build_model("fast", mean=0.1, std=0.3).eval()
    convert = exporting._to_onnx
    monkeypatch.setattr(exporting, "_to_onnx", lambda model: convert(Calibrated(other, 1.0)))
    with pytest.raises(DigitsError, match="expected ONNX to agree with torch"):
        export(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("name", GLYPH_NETWORKS)
def test_every_network_of_glyphs_can_be_written(name: str) -> None:
    model, content = exported(name)
    images = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    assert exporting._largest_difference(content, model, images) < 1e-5


def test_the_packaged_network_is_what_its_recipe_s_export_would_be() -> None:
    packaged = onnx.load(PACKAGED)
    onnx.checker.check_model(packaged, full_check=True)
    recipe = parse_recipe(Network(PACKAGED).metadata["recipe"], name="", source="metadata")
    found, expected = (
        [(node.op_type, node.output[0]) for node in document.graph.node]
        for document in (packaged, onnx.load_from_string(exported(recipe.network).content))
    )
    assert found == expected


@pytest.fixture(scope="module")
def shown() -> list[np.ndarray]:
    """The images on which the network in integers was calibrated."""
    return []


@pytest.fixture(scope="module")
def in_int8(
    run: Run,
    blob_set: DataSet,
    written: Export,
    converted: list[bytes],
    shown: list[np.ndarray],
) -> exporting.Int8Export:
    def quantize_and_note(content: bytes, images: np.ndarray) -> bytes:
        shown.append(images)
        return quantize_onnx(content, images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.export.load_set", lambda recipe, **_: blob_set)
        patch.setattr("digits.export.quantize_onnx", quantize_and_note)
        patch.setattr("digits.export._to_onnx", lambda model: converted[0])
        return exporting.export_int8(run)


def test_in_integers_it_is_a_third_of_the_size_and_reads_the_same(
    run: Run, written: Export, in_int8: exporting.Int8Export, blob_set: DataSet
) -> None:
    assert in_int8.path == run.folder / "model-int8.onnx"
    assert in_int8.num_bytes == in_int8.path.stat().st_size < written.num_bytes / 2.5
    assert in_int8.num_float_bytes == written.num_bytes
    document = onnx.load(in_int8.path)
    onnx.checker.check_model(document, full_check=True)
    assert {entry.domain: entry.version for entry in document.opset_import} == {"": exporting.OPSET}
    weights = {tensor.name: tensor.data_type for tensor in document.graph.initializer}
    large = [
        t for t in document.graph.initializer if np.prod(t.dims) > 500 and "views" not in t.name
    ]
    assert {weights[tensor.name] for tensor in large} == {onnx.TensorProto.INT8}
    images = blob_set.test.images.numpy()
    found, expected = (Network(path).probabilities(images) for path in (in_int8.path, written.path))
    assert (found.argmax(axis=1) != expected.argmax(axis=1)).sum() == in_int8.num_changed == 0
    assert 0 < np.abs(found - expected).max() < 0.1
    assert in_int8.largest_difference == pytest.approx(np.abs(found - expected).max(), abs=1e-4)


def test_the_reader_takes_integers_and_shows_the_same_layers(
    written: Export, in_int8: exporting.Int8Export, blob_set: DataSet
) -> None:
    glyph = blob_set.test.images[3].numpy()
    (digit,) = Reader(in_int8.path, threshold=0).read_glyphs([glyph])
    assert digit.label == Reader(written.path, threshold=0).read_glyphs([glyph])[0].label
    found, expected = (
        Network(path).open_layers().of(glyph) for path in (in_int8.path, written.path)
    )
    assert [layer.name for layer in found] == [layer.name for layer in expected]
    facts, plain = Network(in_int8.path).metadata, Network(written.path).metadata
    plain.pop("test_accuracy")  # of this network, none was measured
    assert facts == {**plain, "weights": "int8"}


def test_integers_are_calibrated_on_training_images_alone(
    run: Run, blob_set: DataSet, in_int8: exporting.Int8Export, shown: list[np.ndarray]
) -> None:
    training, _ = blob_set.split(run.recipe.validation_size)
    np.testing.assert_array_equal(shown[0], training.images.numpy())


@pytest.mark.usefixtures("convert_once")
def test_integers_that_read_otherwise_are_not_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = PACKAGED.read_bytes()
    monkeypatch.setattr("digits.export.quantize_onnx", lambda *_: other)
    with pytest.raises(DigitsError, match="at most 1 of 100 images otherwise than torch, found"):
        exporting.export_int8(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


LOAD = """
import json, sys, torch
kind, path, images, probabilities = sys.argv[1:]
extra = {"digits.json": ""}
if kind == "torchscript":
    network = torch.jit.load(path, _extra_files=extra)
else:
    network = torch.export.load(path, extra_files=extra).module()
images = torch.load(images)
torch.save([network(images[:n]).detach() for n in (1, 2, 77)], probabilities)
assert not [name for name in sys.modules if name.split(".")[0] == "digits"]
print(json.loads(extra["digits.json"])["classes"])
"""


@pytest.mark.parametrize("format", ["torchscript", "pt2"])
def test_torch_s_own_formats_are_loaded_without_this_package(
    run: Run, blob_set: DataSet, tmp_path: Path, format: str
) -> None:
    done = exporting.export_torch(run, format, tmp_path / "model")
    assert done.largest_difference < 1e-5
    assert done.num_bytes == done.path.stat().st_size
    images = blob_set.test.images
    torch.save(images[:, None].float(), tmp_path / "images.pt")
    arguments = [format, str(done.path), str(tmp_path / "images.pt"), str(tmp_path / "found.pt")]
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(loaded.stdout) == list(run.classes)
    for found in torch.load(tmp_path / "found.pt"):
        expected = plain_probabilities(run, images[: len(found)], done.temperature)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_other_formats_are_refused_in_a_line(
    run: Run, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, errors = call("export", str(run.folder), "--format", "pickle")
    assert (status, errors) == (
        2,
        "digits: --format: expected onnx or torchscript or pt2 or c or page, found 'pickle'.\n",
    )
    status, _, errors = call("export", str(run.folder), "--format", "pt2", "--int8")
    assert (status, errors) == (2, "digits: --int8 writes ONNX; leave --format pt2 away.\n")


def test_the_command_tells_size_and_agreement(
    run: Run, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    path = tmp_path / "model.onnx"
    status, output, _ = call("export", str(run.folder), "--int8", "--out", str(path))
    assert (status, path.is_file()) == (0, True)
    assert re.search(r"\(\d+ kB for \d,\d+ in floating point; .* for 0 of 100 images\)", output)
    status, output, _ = call("export", str(run.folder), "--format", "torchscript", "--json")
    assert json.loads(output)["path"] == str(run.folder / "model.ts")
    assert (run.folder / "model.ts").is_file()
