"""What an older version wrote is read with the same outcome, or refused with what to do."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import digits
from digits.data import DataSet
from digits.errors import DigitsError, InvalidInput
from digits.models import NETWORKS, register_network
from digits.recipe import Augmentation, Recipe, load_recipe, parse_recipe

OLDER = Path(__file__).parent / "older" / "d1ab02e"

Call = Callable[..., tuple[int, str, str]]

OTHER_LAYERS = (
    "does not fit the networks known here: 'tiny' has other layers now. Use the version that made "
    "it (summary.json names version and commit), or train anew."
)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy of what the older version wrote."""
    return Path(shutil.copytree(OLDER, tmp_path / "older"))


@pytest.fixture
def linear() -> Iterator[None]:
    """The user's network that one of the runs is of."""
    register_network("linear")(lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))
    yield
    del NETWORKS["linear"]


@pytest.mark.mnist
@pytest.mark.usefixtures("linear")
def test_a_finished_run_gives_what_it_gave(call: Call, older: Path) -> None:
    run = digits.Run(older / "linear")
    expected = json.loads((OLDER / "expected.json").read_text())
    images = digits.load("mnist").test.images[:200]
    model = run.model
    with torch.inference_mode():
        logits = model(images[:, None].float())
    assert "".join(map(str, logits.argmax(1).tolist())) == expected["predictions"]
    np.testing.assert_allclose(logits[:5].numpy(), expected["logits"], atol=2e-4)
    status, output, errors = call("evaluate", str(run.folder), "--json")
    assert (status, errors) == (0, "")
    assert f'"errors": {run.summary["test"]["errors"]},' in output


@pytest.mark.mnist
@pytest.mark.usefixtures("linear")
def test_a_finished_run_is_exported_read_with_and_taken_for_finished(
    call: Call, older: Path
) -> None:
    run = older / "linear"
    assert call("train", "--resume", str(run))[0] == 0
    assert call("summary", str(run))[0] == 0
    status, output, errors = call("export", str(run), "--out", str(older / "new.onnx"))
    assert (status, errors) == (0, ""), output
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 13:15] = 255
    assert digits.Reader(older / "new.onnx").read_glyphs([digit])[0].label == 1


def test_an_older_recipe_s_fields_that_are_0_mean_what_they_meant() -> None:
    recipe = load_recipe(OLDER / "linear" / "recipe.toml")
    assert recipe.augmentation == Augmentation(
        rotation_degrees=8, shift_pixels=1, scale=0.08, shear_degrees=5
    )


def test_an_older_recipe_is_refused_with_all_new_names_at_once(call: Call) -> None:
    path = OLDER / "reader.toml"
    assert call("train", "--recipe", str(path)) == (
        2,
        "",
        f"digits: {path}: field 'pens' is now 'writing_styles' and 'stroke_variation', field "
        "'surroundings' is now 'degradation', field 'nonsense' is now 'outliers', field 'plain' is "
        "now 'unchanged', network 'reader' is now 'glyph-classifier'; rename them.\n",
    )
    text = path.read_text().replace('network = "reader"', 'network = "glyph-classifier"')
    for old, new in (
        ("pens", "writing_styles"),
        ("surroundings", "degradation"),
        ("nonsense", "outliers"),
        ("plain", "unchanged"),
    ):
        text = text.replace(f"{old} = ", f"{new} = ")
    assert parse_recipe(text, name="reader", source="it").augmentation.outliers > 0


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "tiny"],
        ["report", "tiny"],
        ["export", "tiny"],
        ["read", "photo.jpg", "--model", "tiny"],
        ["serve", "--port", "0", "--model", "tiny"],
    ],
    ids=lambda command: command[0],
)
def test_weights_of_a_network_that_changed_are_refused_in_one_line(
    call: Call, older: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], blob_set: DataSet
) -> None:
    monkeypatch.chdir(older)
    monkeypatch.setattr("digits.run.load", lambda *_, **__: blob_set)
    status, output, errors = call(*command)
    assert (status, output) == (1, "")
    assert errors == f"digits: tiny/model.safetensors {OTHER_LAYERS}\n"


def test_an_interrupted_run_is_not_resumed_and_says_how_to_train_anew(
    call: Call, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(older)
    assert call("train", "--resume", "interrupted") == (
        1,
        "",
        "digits: interrupted/checkpoint.pt is of format 2; this version of digits reads format 3. "
        "Use the version that wrote it (a finished run's summary.json names it), or train anew "
        "with: digits train --recipe interrupted/recipe.toml\n",
    )
    page = (Path(__file__).parents[1] / "docs" / "reference" / "run-folder.md").read_text()
    assert (
        '"… is of format 2; this version of digits reads format 3. Use the version that wrote it '
        "(a finished run's summary.json names it), or train anew with: digits train --recipe …\"."
    ) in " ".join(page.split())
    assert isinstance(load_recipe(older / "interrupted" / "recipe.toml"), Recipe)


def test_an_older_onnx_file_is_refused_and_says_to_export_it_again() -> None:
    with pytest.raises(InvalidInput, match=r"or no sum, as before version 1\. Export its run") as e:
        digits.Reader(OLDER / "model.onnx")
    assert "\n" not in str(e.value)


def test_an_older_run_whose_recipe_means_something_else_now_is_refused(older: Path) -> None:
    path = older / "linear" / "recipe.toml"
    path.write_text(path.read_text().replace("pens = 0.0", "pens = 0.5"))
    with pytest.raises(DigitsError, match=r"an older format, with 'pens', which no longer means"):
        _ = digits.Run(path.parent).recipe
