"""Runs as older versions made them: without sums, and without the names of classes."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from digits.sums import NAME as SUMS


def without_sums(folder: Path) -> None:
    """Take a finished run its sums, and what its summary says of them."""
    (folder / SUMS).unlink()
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    del summary["sums"]
    path.write_text(json.dumps(summary))


def without_classes(folder: Path) -> None:
    """Take a finished run the names of its classes and the size of its images, and its sums."""
    without_sums(folder)
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(file.metadata()["digits"])
    for name in ("classes", "size"):
        del facts[name]
    save_file(tensors, path, {"digits": json.dumps(facts)})
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    classes = summary["test"].pop("classes")
    summary["test"]["digits"] = [{"digit": each.pop("label"), **each} for each in classes]
    path.write_text(json.dumps(summary))


def with_facts(folder: Path, **changes: object) -> None:
    """Change what the metadata of the weights says, of a finished run without sums."""
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(file.metadata()["digits"])
    save_file(tensors, path, {"digits": json.dumps(facts | changes)})
