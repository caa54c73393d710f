"""The layout is the architecture: a module imports only from rows above its own."""

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

import digits
from digits.evaluation.metrics import confusion_matrix

SOURCE = Path(__file__).parents[1] / "src" / "digits"

DOCUMENT = (SOURCE.parents[1] / "docs" / "architecture.md").read_text()


def rows_in_the_document() -> dict[str, int]:
    """The row of each room, as docs/architecture.md has it."""
    return {
        room: int(row)
        for row, rooms in re.findall(r"^\| (\d+) \| (.*?) \|", DOCUMENT, flags=re.MULTILINE)
        for room in re.findall(r"`(\w+)(?:\.py|/)`", rooms)
    }


ROW_OF = rows_in_the_document()

MODULES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("digits."):
            rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "digits":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("digits.")}
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_import_only_from_rows_above(path: Path) -> None:
    room = room_of(path)
    below = {
        other for other in imported_rooms(path) if other != room and ROW_OF[other] >= ROW_OF[room]
    }
    assert not below, f"{room} may not import {below}"


def test_the_document_shows_every_room_and_no_other() -> None:
    assert {room_of(path) for path in MODULES} | {"page", "templates"} == ROW_OF.keys()


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("module", ["digits", "digits.cli", "digits.recipe", "digits.data"])
def test_light_modules_do_not_load_heavy_libraries(module: str) -> None:
    heavy = {"torch", "sklearn", "matplotlib", "requests"} - (
        {"requests"} if module == "digits.data" else set()
    )
    loaded = run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not heavy & set(loaded)


READING = sorted((SOURCE / "reading").rglob("*.py"))


@pytest.mark.parametrize("path", READING, ids=lambda path: str(path.relative_to(SOURCE)))
def test_reading_stands_on_errors_files_and_extras_alone(path: Path) -> None:
    assert imported_rooms(path) <= {"reading", "errors", "files", "extras", "children"}


def test_the_reader_and_the_command_load_no_heavy_libraries() -> None:
    """Loading torch takes longer than reading; a shape checker may have it loaded already."""
    code = "import sys, digits.reading, digits.cli; digits.reading.Reader(); print(*sys.modules)"
    assert not {"torch", "matplotlib", "onnx"} & set(run_python(code).split())


def test_pictures_are_read_and_layers_opened_where_torch_cannot_be_imported() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from importlib.resources import files\n"
        "from digits.reading import Reader\n"
        "reader = Reader()\n"
        "reading = reader.read(files('digits.reading') / 'samples' / 'form.png')\n"
        "layers = reader.network.open_layers().of(reading.digits[0].glyph)\n"
        "print(reading.text, layers[-1].maps.size)\n"
    )
    assert run_python(code).split() == ["14032025", "10"]


def test_python_m_digits_is_the_command() -> None:
    command = [sys.executable, "-m", "digits", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"digits {version('digits')}\n"


def test_every_public_name_can_be_had_and_functions_stay_functions() -> None:
    code = (
        "import digits\n"
        "for name in digits.__all__: getattr(digits, name)\n"
        "print(all(callable(getattr(digits, name)) for name in digits.__all__))\n"
    )
    assert run_python(code).strip() == "True"
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = digits.missing


def test_the_package_shows_its_public_names_once_each_and_nothing_else() -> None:
    code = "import digits; digits.Reader, digits.InvalidInput; print(*dir(digits))"
    assert run_python(code).split() == sorted(digits.__all__)
    assert len(set(digits.__all__)) == len(digits.__all__)


def test_shapes_in_signatures_are_checked_while_tests_run() -> None:
    zeros = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(TypeCheckError):
        confusion_matrix(zeros[:2], zeros, num_classes=10)
