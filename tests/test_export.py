import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from digits import export as exporting
from digits.data import DigitSet
from digits.errors import DigitsError
from digits.evaluation import predict
from digits.evaluation.metrics import fit_temperature
from digits.export import Export, calibrate, export
from digits.models import NETWORKS, build_model
from digits.reading.ink import looks
from digits.reading.network import Network
from digits.recipe import Recipe
from digits.run import Run
from digits.training import train

RECIPE = Recipe(name="small", network="fast", epochs=2, batch_size=50, validation_size=100)

PACKAGED = Path(exporting.__file__).parent / "reading" / "weights" / "reader.onnx"


@pytest.fixture(autouse=True)
def small_set(monkeypatch: pytest.MonkeyPatch, blob_set: DigitSet) -> None:
    monkeypatch.setattr("digits.export.load", lambda name: blob_set)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, blob_set: DigitSet) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load", lambda name: blob_set)
        return train(RECIPE, out=tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def written(run: Run, blob_set: DigitSet) -> Export:
    """The run's network, as a file in a folder that there was not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.export.load", lambda name: blob_set)
        return export(run, run.folder / "deep" / "model.onnx")


def test_the_file_gives_torch_s_probabilities_for_any_number_of_images(
    run: Run, written: Export, blob_set: DigitSet
) -> None:
    assert written.largest_difference < 1e-5
    assert written.num_bytes == written.path.stat().st_size
    session = onnxruntime.InferenceSession(written.path)
    logits = predict(run.model, blob_set.test.images, precision="float32")
    expected = (logits / written.temperature).softmax(dim=1).numpy()
    for n in (1, 2, 77):
        pixels = blob_set.test.images[:n, None].float().numpy()
        (found,) = session.run(["probabilities"], {"images": pixels})
        np.testing.assert_allclose(found, expected[:n], atol=1e-5)


def test_the_file_is_sound_and_says_what_it_is(run: Run, written: Export) -> None:
    path = written.path
    document = onnx.load(path)
    onnx.checker.check_model(document, full_check=True)
    assert {entry.domain: entry.version for entry in document.opset_import}[""] == exporting.OPSET
    facts = Network(path).metadata
    assert facts["recipe"] == run.recipe.to_toml()
    assert json.loads(facts["versions"])["torch"]


def test_the_reader_takes_it(written: Export, blob_set: DigitSet) -> None:
    images = blob_set.test.images.numpy()
    labels = Network(written.path).probabilities(images).argmax(axis=1)
    assert (labels == blob_set.test.labels.numpy()).mean() > 0.9


def test_confidence_is_calibrated_on_the_held_out_images_as_the_reader_looks_at_them(
    run: Run, blob_set: DigitSet
) -> None:
    _, validation = blob_set.split(100)
    assert validation is not None
    seen = [torch.from_numpy(look) for look in looks(validation.images.numpy())]
    logits = torch.stack([predict(run.model, look, precision="float32") for look in seen])
    best = fit_temperature(logits, validation.labels)
    assert calibrate(run, blob_set) == pytest.approx(best)
    assert best != pytest.approx(fit_temperature(logits[0], validation.labels), rel=0.01)


def test_without_held_out_images_probabilities_stay_as_they_are(
    run: Run, blob_set: DigitSet
) -> None:
    run.__dict__["recipe"] = run.recipe.override(validation_size=0)
    try:
        assert calibrate(run, blob_set) == 1
    finally:
        del run.__dict__["recipe"]


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
    monkeypatch.setattr(
        exporting, "_to_onnx", lambda model: convert(exporting.Calibrated(other, 1.0))
    )
    with pytest.raises(DigitsError, match="expected ONNX to agree with torch"):
        export(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_can_be_written(name: str) -> None:
    torch.manual_seed(0)
    model = exporting.Calibrated(build_model(name, mean=0.13, std=0.31).eval(), 1.0)
    content = exporting._to_onnx(model)
    images = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    assert exporting._largest_difference(content, model, images) < 1e-5
