"""The networks that come with the package are those of their recipes, and as good as told."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import digits
from digits.errors import DigitsError, InvalidInput
from digits.evaluation.intervals import wilson_interval
from digits.recipe import load_measurement, load_recipe
from digits.run import Run
from digits.weights import PRETRAINED, pretrained, pretrained_run

ROOT = Path(__file__).parents[1]
WEIGHTS = Path(digits.__file__).parent / "weights"


@pytest.mark.parametrize("name", PRETRAINED)
def test_weights_are_of_the_recipe_as_it_is_committed(name: str) -> None:
    run = pretrained_run(name)
    recipe, ran = load_recipe(name), run.recipe
    filled_in = {
        field: getattr(ran, field)
        for field in ("mean", "std", "precision")
        if getattr(recipe, field) in (None, "auto")
    }
    assert ran == recipe.override(**filled_in)
    assert ran.seed == 0
    assert not run.summary["commit"].endswith("+")


@pytest.mark.mnist
@pytest.mark.parametrize("name", PRETRAINED)
def test_they_read_mnist_as_well_as_their_summary_says(name: str) -> None:
    test = digits.load("mnist").test
    logits = digits.evaluation.predict(digits.pretrained(name), test.images, precision="float32")
    right = int((logits.argmax(dim=1) == test.labels).sum())
    summary = pretrained_run(name).summary["test"]
    assert abs(right - (summary["images"] - summary["errors"])) <= 2  # another machine's last bits


@pytest.mark.parametrize("name", PRETRAINED)
def test_they_are_an_ordinary_draw_of_what_the_recipe_gives(name: str) -> None:
    measured, test = load_measurement(name), pretrained_run(name).summary["test"]
    assert measured is not None
    low, high = wilson_interval(test["images"] - test["errors"], test["images"])
    assert low <= measured["accuracy_mean"] <= high


def test_each_call_gives_a_network_of_its_own() -> None:
    first, second = pretrained("balanced"), pretrained("balanced")
    with torch.no_grad():
        next(first.parameters()).zero_()
    assert not first.training
    assert next(second.parameters()).any()


def test_sums_are_of_what_is_there_and_nothing_else_is() -> None:
    assert {path.name for path in WEIGHTS.iterdir() if path.is_dir()} - {"__pycache__"} == {
        *PRETRAINED
    }
    for name in PRETRAINED:
        sums = (WEIGHTS / name / "SHA256SUMS").read_text()
        listed = set(re.findall(r"^[0-9a-f]{64}  (\S+)$", sums, flags=re.MULTILINE))
        assert listed | {"SHA256SUMS"} == {path.name for path in (WEIGHTS / name).iterdir()}


def test_damage_is_told(tmp_path: Path) -> None:
    for path in (WEIGHTS / "balanced").iterdir():
        content = bytearray(path.read_bytes())
        if path.suffix == ".safetensors":
            content[-1] ^= 1
        (tmp_path / path.name).write_bytes(content)
    with pytest.raises(DigitsError, match="is damaged"):
        _ = Run(tmp_path).model


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("deep", "balanced, and not for 'deep'; train it with: digits train --recipe"),
        ("balancd", "No weights are called 'balancd'; did you mean 'balanced'"),
        ("../weights", "No weights are called '../weights'; there are balanced."),
    ],
)
def test_names_without_weights_are_told_those_that_have_some(name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        digits.pretrained(name)


LOAD = """
import sys, torch
network = torch.hub.load(sys.argv[1], sys.argv[2], source="local")
import digits
print(digits.__file__)
assert network(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape == (2, 10)
"""


@pytest.mark.parametrize("name", PRETRAINED)
def test_torch_hub_loads_them_from_a_clone(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(ROOT), name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(ROOT)


def test_torch_hub_is_told_all_that_is_needed(tmp_path: Path) -> None:
    tree = ast.parse((ROOT / "hubconf.py").read_text())
    (needed,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "dependencies"
    )
    others = {"fastapi", "matplotlib", "onnx", "pydantic", "requests", "rich", "sklearn", "typer"}
    assert not others & {*needed}
    blocked = f"import sys; sys.modules.update(dict.fromkeys({others}))\n"
    command = [sys.executable, "-c", blocked + LOAD, str(ROOT), "balanced"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
