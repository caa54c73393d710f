"""What a run remembers of how its lines are composed."""

from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from digits.training import augmentation, composition
from digits.training.composition import MODULES, allographs, digest_composition, displays, letters
from digits.training.composition.strokes import line

FOLDER = Path(composition.__file__).parent


def other_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(other_value(part) for part in value)
    return value + 1


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_every_amount_is_in_the_digest(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, amounts = digest_composition(), module.AMOUNTS
    for field in fields(amounts):
        changed = replace(amounts, **{field.name: other_value(getattr(amounts, field.name))})
        with monkeypatch.context() as patch:
            patch.setattr(module, "AMOUNTS", changed)
            assert digest_composition() != digest
    assert digest_composition() == digest


def test_tables_of_shapes_are_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = digest_composition()
    for module, name, value in (
        (letters, "LETTERS", letters.LETTERS | {"L": [line((0, 0), (0, 1))]}),
        (allographs, "ALLOGRAPHS", allographs.ALLOGRAPHS | {9: allographs.ALLOGRAPHS[9][1:]}),
        (displays, "SEGMENTS", displays.SEGMENTS | {"a": ((0, 0), (2, 0))}),
        (displays, "LIT", displays.LIT[1:]),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert digest_composition() != digest


def test_every_module_with_amounts_is_digested() -> None:
    paths = [*FOLDER.glob("*.py"), *Path(augmentation.__file__).parent.glob("*.py")]
    having = {path.stem for path in paths if "\nAMOUNTS = " in path.read_text(encoding="utf-8")}
    assert {module.__name__.rpartition(".")[2] for module in MODULES} == having
