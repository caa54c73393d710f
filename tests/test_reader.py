import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digits
from digits import export, reading
from digits.data import DataSet
from digits.errors import DigitsError, InvalidInput
from digits.reader import Reader
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.recipe import Recipe
from digits.run import Run
from digits.training import train
from tests.older_runs import without_sums

WEIGHTS = Path(reading.__file__).parent / "weights"

Call = Callable[..., tuple[int, str, str]]


pytestmark = pytest.mark.usefixtures("export_with_blobs")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
        recipe = Recipe(name="mine", network="tiny", epochs=1, batch_size=50, validation_size=0)
        return train(recipe, out=tmp_path_factory.mktemp("reader") / "run")


def test_the_reader_of_the_package_s_top_takes_runs() -> None:
    assert digits.Reader is Reader
    assert issubclass(Reader, reading.Reader)


def test_a_run_its_folder_and_its_onnx_file_read_alike(
    run: Run, tmp_path: Path, blob_set: DataSet
) -> None:
    file = export.export(run, tmp_path / "mine.onnx").path
    images = blob_set.test.images[:5].numpy()
    expected = Network(file).probabilities(images)
    models = (run, run.folder, str(run.folder), file, str(file), file.read_bytes(), Network(file))
    for model in models:
        found = Reader(model, num_threads=1).network.probabilities(images)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_a_model_the_package_s_networks_read() -> None:
    assert Reader().network.metadata == Network().metadata


def test_a_network_of_lines_is_told_from_one_of_glyphs() -> None:
    reader = Reader(WEIGHTS / "lines.onnx")
    assert reader.network.metadata == Network().metadata
    assert reader._lines.network.metadata == LineNetwork().metadata


def broken(run: Run, folder: Path, kind: str) -> Path:
    """What someone may name as a model, and is none."""
    if kind in ("absent", "empty", "junk.onnx"):
        if kind == "empty":
            folder.mkdir()
        if kind == "junk.onnx":
            folder.write_bytes(b"junk")
        return folder
    shutil.copytree(run.folder, folder)
    names = {"unfinished": "summary.json", "untrained": "model.safetensors", "other": "recipe.toml"}
    if kind in names:
        (folder / names[kind]).unlink()
    if kind == "damaged":
        content = bytearray((folder / "model.safetensors").read_bytes())
        content[-7] ^= 1
        (folder / "model.safetensors").write_bytes(content)
    if kind == "incomplete":
        without_sums(folder)
        (folder / "summary.json").write_text(
            (folder / "summary.json").read_text().replace('"parameters"', '"weights"')
        )
    return folder


BROKEN = {
    "absent": (InvalidInput, "there is no such file"),
    "empty": (InvalidInput, "is not a run folder: expected a recipe.toml in it, found none"),
    "other": (InvalidInput, "is not a run folder: expected a recipe.toml in it, found none"),
    "junk.onnx": (InvalidInput, "expected a network in ONNX, made by digits export"),
    "unfinished": (DigitsError, "is not finished: it has no summary.json. Resume with"),
    "untrained": (DigitsError, "is not finished: it has no model.safetensors. Resume with"),
    "damaged": (DigitsError, "model.safetensors is damaged"),
    "incomplete": (DigitsError, "expected 'parameters', found none"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_model_is_refused_in_one_line(run: Run, tmp_path: Path, kind: str) -> None:
    error, message = BROKEN[kind]
    with pytest.raises(DigitsError, match=message) as caught:
        Reader(broken(run, tmp_path / kind, kind))
    assert isinstance(caught.value, InvalidInput) == (error is InvalidInput)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", [["read", "photo.png"], ["serve", "--port", "0"]])
def test_the_commands_say_the_same_in_one_line(
    call: Call, run: Run, tmp_path: Path, command: list[str]
) -> None:
    for kind, (error, message) in BROKEN.items():
        model = tmp_path / kind
        status, output, errors = call(*command, "--model", str(broken(run, model, kind)))
        assert (status, output) == (2 if error is InvalidInput else 1, "")
        assert message in errors
        assert errors.count("\n") == 1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("model", [5, ["runs/a"], np.zeros(3)])
def test_other_objects_are_no_models(model: Any) -> None:
    with pytest.raises(InvalidInput, match="expected a run, a model folder or an ONNX file, found"):
        Reader(model)
