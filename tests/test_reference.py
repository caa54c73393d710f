"""The reference names all that there is, and its formats are those of files as they are written."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import griffe
import onnx
import pytest
from safetensors import safe_open
from typer.main import get_command

import digits
from digits.cli import app as command
from digits.data import DataSet
from digits.evaluation.lines import compute_line_metrics
from digits.export import describe, export, export_int8
from digits.history import EpochRecord
from digits.recipe import Augmentation, Recipe, load_recipe, parse_recipe, recipe_names
from digits.run import Run
from digits.server import schemas
from digits.training import train
from digits.training.watching import Watcher
from handbook.reference import commands, http_api, recipe_fields

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "reference"
COMMANDS = get_command(command).commands  # type: ignore[attr-defined]
NAMES = re.findall(r"^::: (\S+)$", (PAGES / "python.md").read_text(), re.MULTILINE)


def table(page: str, heading: str, *, after: str = "") -> dict[str, str]:
    """The first table below a heading, or below a text after it: each name with its row."""
    text = (PAGES / page).read_text().split(f"\n{heading}\n", 1)[1]
    text = text[text.index(after) :]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows is not None
    return {
        name: row
        for row in rows[0].splitlines()[2:]
        for name in re.findall("`([^`]+)`", row.split("|")[1])
    }


def test_every_public_name_is_on_the_page_of_python() -> None:
    assert {name for name in NAMES if name.count(".") == 1} == {
        f"digits.{name}" for name in digits.__all__
    }


def undescribed(found: griffe.Object) -> Iterator[str]:
    """What is not said of a class, function or attribute: what it is, takes and gives."""
    if found.docstring is None:
        yield found.path
        return
    sections = {section.kind.value: section.value for section in found.docstring.parsed}
    said = {one.name for one in sections.get("parameters", ())}
    if isinstance(found, griffe.Function):
        given = {one.name for one in found.parameters if one.name not in ("self", "cls")}
        yield from (f"{found.path}({name})" for name in given - {n.lstrip("*") for n in said})
        if str(found.returns or None) != "None" and not sections.keys() & {"returns", "yields"}:
            yield f"{found.path} → {found.returns}"


@pytest.fixture(scope="module")
def package() -> griffe.Object | griffe.Alias:
    return griffe.load("digits", search_paths=[ROOT / "src"], docstring_parser="google")


@pytest.mark.parametrize("name", NAMES)
def test_public_names_describe_what_they_take_and_give(
    name: str, package: griffe.Object | griffe.Alias
) -> None:
    found: Any = package
    for part in name.split(".")[1:]:
        found = found[part].final_target if found[part].is_alias else found[part]
    members = [one for one in found.members.values() if found.is_class and not one.is_alias]
    if found.path in ("digits.recipe.Recipe", "digits.recipe.Augmentation"):
        members = [one for one in members if one.is_function]  # of fields, the recipe's page tells
    if found.path == "digits.run.Run":  # its constructor and what writes runs are not shown
        members = [one for one in members if one.has_docstring and not one.is_function]
    if found.path == "digits.classifier.DigitsClassifier":  # scikit-learn's way: as arguments
        members = [one for one in members if one.is_function]
    public = [one for one in members if not one.name.startswith("_")]
    assert [line for one in (found, *public) for line in undescribed(one)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_help_shows_is_on_the_page_of_the_command(
    name: str, call: Callable[..., tuple[int, str, str]]
) -> None:
    section = commands.page().split(f"\n## digits {name}\n", 1)[1].split("\n## ", 1)[0]
    status, shown, _ = call(name, "--help")
    expected = set(re.findall(r"^│ [ *]{0,4}(--[a-z0-9-]+)", shown, re.MULTILINE)) - {"--help"}
    found = set(re.findall(r"(?:<dt[^>]*><code>|\[`)(--[a-z0-9-]+)", section))
    assert (status, found) == (0, expected)


def test_every_field_of_a_recipe_is_on_its_page_and_every_recipe_as_it_is() -> None:
    page = recipe_fields.page()
    known = [field.name for kind in (Recipe, Augmentation) for field in fields(kind)]
    known.remove("augmentation")
    assert re.findall(r'<dt id="(\w+)">', page) == known
    shown = re.findall(r"### (\S+)\n\n```toml\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in shown] == recipe_names()
    for name, text in shown:
        assert parse_recipe(text, name=name, source=name) == load_recipe(name)
    links = re.findall(r"recipe\.md#(\w+)", commands.page())
    assert set(links) <= set(known)


def test_every_route_is_on_the_page_of_http_with_what_it_answers() -> None:
    page = http_api.page()
    description = json.loads(http_api.document())
    routes = [
        f"{method.upper()} {path}"
        for path, methods in description["paths"].items()
        for method in methods
    ]
    sections = [part.partition("\n") for part in page.split("\n## ")[1:]]
    assert [name for name, _, _ in sections if " /" in name] == routes
    examples = {
        name: json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])
        for name, _, text in sections
        if "```json" in text
    }
    assert examples["POST /v1/read"]["text"] == "4816"
    assert examples["POST /v1/glyphs"]["digits"][0]["label"] == 4
    schemas.NetworkCard.model_validate(examples["GET /v1/network"])
    document = (PAGES / "http.md").read_text() + page
    headings = re.findall(r"^##+ (.*)$", document, re.MULTILINE)
    targets = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)|href=\"#([\w-]+)\"", document)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }
    stated = set(re.findall(r"^\| (\d+(?:, \d+)?) \|", document, re.MULTILINE))
    used = set(re.findall(r"\[(\d{3})\]\(#errors\)", page))
    assert used == {status for row in stated for status in row.split(", ")} - {"404", "405"}


@pytest.fixture(scope="module")
def run(blob_set: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run that was watched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
        return train(
            "fast",
            out=tmp_path_factory.mktemp("runs") / "run",
            batch_size=50,
            validation_size=100,
            watcher=Watcher(),
        )


def test_the_files_of_a_run_and_their_keys_are_as_described(run: Run) -> None:
    described = {name.rstrip("/") for name in table("run-folder.md", "## Files")}
    assert {path.name for path in run.folder.iterdir()} - {".lock"} <= described
    (line,) = run.history_path.read_text().splitlines()
    assert list(table("run-folder.md", "## `history.jsonl`")) == list(json.loads(line))
    assert list(json.loads(line)) == [field.name for field in fields(EpochRecord)]
    assert list(table("run-folder.md", "## `summary.json`")) == list(run.summary)
    single = table("run-folder.md", "### `test`")
    assert list(single) == list(run.summary["test"])
    for name in run.summary["test"]["classes"][0]:
        assert f"`{name}`" in single["classes"]
    lines = table("run-folder.md", "### `test`", after="Of a network that reads lines:")
    assert list(lines) == list(compute_line_metrics(["12"], ["13"]).to_dict())
    with safe_open(run.model_path, framework="pt") as file:
        metadata = json.loads(file.metadata()["digits"])
    assert list(table("run-folder.md", "## `model.safetensors`")) == list(metadata)
    text = (PAGES / "run-folder.md").read_text()
    checkpoint = text.split("\n## `checkpoint.pt`\n", 1)[1].split("\n## ", 1)[0]
    assert run.load_checkpoint().keys() <= set(re.findall("`([a-z_]+)`", checkpoint))
    for facts in (run.summary["versions"], run.summary["machine"]):
        assert all(f"`{name}`" in text for name in facts)


def puts(content: bytes) -> tuple[dict[str, list[int | str]], dict[str, str]]:
    """The shapes of a network's inputs and outputs, and its metadata."""
    model = onnx.load_from_string(content)
    shapes: dict[str, list[int | str]] = {}
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.tensor_type
        assert kind.elem_type == onnx.TensorProto.FLOAT
        shapes[value.name] = [axis.dim_param or axis.dim_value for axis in kind.shape.dim]
    assert model.ir_version == 10
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    return shapes, {one.key: one.value for one in model.metadata_props}


def test_networks_in_onnx_are_as_described(run: Run, export_with_blobs: None) -> None:
    metadata = table("onnx.md", "## Metadata")
    exported = {export(run).path: "task weights", export_int8(run).path: "task test_accuracy"}
    for path, absent in exported.items():
        shapes, found = puts(path.read_bytes())
        assert shapes == {"images": ["n", 1, 28, 28], "probabilities": ["n", 10]}
        assert list(shapes) == list(table("onnx.md", "## Single digits"))
        assert found.keys() == metadata.keys() - set(absent.split())
    expected = {"task", "sha256", *describe(run, 1.0)}  # what a network of lines has
    assert expected == metadata.keys() - {"classes", "weights"}


def test_the_networks_of_the_package_are_as_described() -> None:
    weights = files("digits.reading") / "weights"
    metadata = table("onnx.md", "## Metadata").keys()
    shapes, found = puts((weights / "reader.onnx").read_bytes())
    assert shapes == {"images": ["n", 1, 28, 28], "probabilities": ["n", 10]}
    assert found.keys() == metadata - {"classes", "dataset", "task", "weights"}
    shapes, found = puts((weights / "lines.onnx").read_bytes())
    assert list(shapes) == list(table("onnx.md", "## Lines"))
    assert [shape[1:-1] for shape in shapes.values()] == [[1, 40], [16], [4]]
    lacking = {"recipe", "dataset", "temperature", "training_images", "classes", "weights"}
    assert found.keys() == (metadata - lacking) | {"digit_error_rate"}


def test_the_facts_of_a_model_folder_are_as_described() -> None:
    source = ast.parse((ROOT / "src" / "digits" / "learning" / "loop.py").read_text())
    (facts,) = (
        one.value
        for one in ast.walk(source)
        if isinstance(one, ast.AnnAssign)
        and ast.unparse(one.target) == "facts"
        and isinstance(one.value, ast.Dict)
    )
    written = [ast.literal_eval(key) for key in facts.keys if key is not None]
    assert list(table("run-folder.md", "## Other folders")) == written
