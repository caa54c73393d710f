"""The layout is the architecture: a module imports only from rows above its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import digits

SOURCE = Path(__file__).parents[1] / "src" / "digits"

ROWS = [
    {"errors"},
    {"files", "recipe"},
    {"data", "models", "augment", "metrics", "hardware"},
    {"run"},
    {"progress", "evaluation", "inspection"},
    {"trainer"},
    {"training"},
    {"plots"},
    {"report"},
    {"cli", "__init__"},
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

MODULES = sorted(
    path for path in SOURCE.rglob("*.py") if "templates" not in path.relative_to(SOURCE).parts
)


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


def test_the_drawing_in_the_documents_shows_every_room() -> None:
    document = (SOURCE.parents[1] / "docs" / "architecture.md").read_text()
    missing = [room for room in ROW_OF if room != "__init__" and f"`{room}" not in document]
    assert not missing


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("module", ["digits", "digits.cli", "digits.recipe", "digits.data"])
def test_light_modules_do_not_load_heavy_libraries(module: str) -> None:
    heavy = {"torch", "matplotlib", "requests"} - (
        {"requests"} if module == "digits.data" else set()
    )
    loaded = run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not heavy & set(loaded)


def test_every_public_name_can_be_had_and_functions_stay_functions() -> None:
    code = (
        "import digits\n"
        "for name in digits.__all__: getattr(digits, name)\n"
        "print(all(callable(getattr(digits, name)) for name in digits.__all__))\n"
    )
    assert run_python(code).strip() == "True"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = digits.nonsense
