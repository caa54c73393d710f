"""What an installation brings: every import is declared; what is missing is said with a command."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from digits.extras import IMPORTED_AS, MissingExtraError, optional_imports
from digits.reading.ink.formats import PACKAGES
from tests.reading.drawings import draw

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "digits"
WEIGHTS = SOURCE / "reading" / "weights"

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

LOADED_BY_OTHERS = {
    "uvloop": "uvicorn.loops.uvloop",
    "httptools": "uvicorn.protocols.http.httptools_impl",
    "python-multipart": "starlette.formparsers",
    "onnxscript": "torch.onnx._internal.exporter._core",
    "sqlalchemy": "mlflow.store.tracking.sqlalchemy_store",
    "alembic": "mlflow.store.db.utils",
}
"""Dependencies that no module of the project imports, and the module that does."""

ROOTS = ("__init__", "__main__", "bulk/fetching", "bulk/sources", "cli", "reading", "server")
"""What the base installation can import, with all that is imported from there at once."""


def declared(requirements: list[str]) -> set[str]:
    """Names of distributions."""
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements}


INSTALLED = packages_distributions()
"""Distributions by the names that are imported."""

BASE = declared(PROJECT["dependencies"])
TRAIN = declared(PROJECT["optional-dependencies"]["train"])
SKLEARN = declared(PROJECT["optional-dependencies"]["sklearn"]) - {"digits"}
FORMATS = declared(PROJECT["optional-dependencies"]["formats"])
PARQUET = declared(PROJECT["optional-dependencies"]["parquet"])
RAY, SEARCH, TENSORBOARD, MLFLOW = (
    declared(PROJECT["optional-dependencies"][extra]) - {"digits"}
    for extra in ("ray", "search", "tensorboard", "mlflow")
)
TUTORIAL = declared(PROJECT["optional-dependencies"]["tutorial"]) & {"ipywidgets"}
"""What the package itself imports for notebooks; the rest shows them."""


def imports(path: Path, *, at_once: bool = False) -> set[str]:
    """Full names of what a file imports; `at_once` leaves out what functions import when called."""
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    names = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        )
        if not (at_once and is_later):
            nodes += ast.iter_child_nodes(node)
    return names


def distributions(path: Path) -> set[str]:
    """Distributions that a file imports from."""
    packages = {name.partition(".")[0] for name in imports(path)}
    packages -= {*sys.stdlib_module_names, "digits"}
    return {name.lower().replace("_", "-") for each in packages for name in INSTALLED[each]}


def module_file(name: str) -> Path | None:
    """The file of a module of the project."""
    path = SOURCE.parent.joinpath(*name.split("."))
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return found[0] if found else None


def base_files() -> set[Path]:
    """The modules that the base installation can import."""
    waiting = [file for root in ROOTS for file in (SOURCE / root).rglob("*.py")]
    waiting += [file for root in ROOTS if (file := SOURCE / f"{root}.py").is_file()]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += filter(None, map(module_file, imports(file, at_once=True)))
    return found


def test_reading_page_and_server_need_what_the_base_declares_and_all_of_it() -> None:
    used = set().union(*map(distributions, base_files())) - FORMATS
    assert used | (BASE & LOADED_BY_OTHERS.keys()) == BASE


def test_all_else_needs_what_the_extras_declare_and_all_of_it() -> None:
    others = set(SOURCE.rglob("*.py")) - base_files()
    used = set().union(*map(distributions, others)) - BASE
    needed = TRAIN | SKLEARN | PARQUET | RAY | SEARCH | TENSORBOARD | MLFLOW | TUTORIAL
    assert used | (needed & LOADED_BY_OTHERS.keys()) == needed


def test_formats_need_what_their_extra_declares_and_all_of_it() -> None:
    decoder = SOURCE / "reading" / "ink" / "decoder.py"
    assert distributions(decoder) == FORMATS | {"pillow"}
    assert set(PACKAGES.values()) == {IMPORTED_AS.get(name, name) for name in FORMATS}


def test_dependencies_that_are_not_imported_are_those_of_others() -> None:
    for name, module in LOADED_BY_OTHERS.items():
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        packages = {each.partition(".")[0] for each in imports(Path(spec.origin))}
        assert name.replace("-", "_") in packages


def test_packages_of_the_extra_are_imported_by_the_name_that_installs_them() -> None:
    """So that the name in a failed import tells the extra."""
    for name in TRAIN:
        assert name in {distribution.lower() for distribution in INSTALLED[name]}


def test_tutorial_and_development_contain_training() -> None:
    extras = PROJECT["optional-dependencies"]
    assert "digits[train]" in extras["sklearn"]
    assert "digits[sklearn]" in extras["tutorial"]
    assert "digits[train]" in extras["tutorial"]
    assert "digits[tutorial]" in extras["dev"]
    assert "digits[formats]" in extras["dev"]


# A Python in which some packages can't be found, whatever is installed.
WITHOUT = """
import sys

class NotInstalled:
    def find_spec(name, path=None, target=None):
        if name in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled)
"""


def run_base(
    code: str, *arguments: str, cwd: Path, missing: frozenset[str] = frozenset(TRAIN)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(packages={*missing}) + code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120"},
        timeout=120,
    )


def digits(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_base("from digits.cli import main; main()", *arguments, cwd=cwd)


COMMAND = f'; install them with: {sys.executable} -m pip install "digits[train]"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, and a folder that may be a run."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "run").mkdir()
    Image.fromarray(draw("1995")).save(folder / "photo.png")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "--resume", "run"],
        ["evaluate", "run"],
        ["report", "run"],
        ["export", "run"],
        ["import", "net.pt", "--out", "made"],
        ["data"],
        ["serve", "--model", "run"],
        ["read", "photo.png", "--model", "run"],
        ["read", "photo.png", "--explain", "how.png"],
    ],
    ids=" ".join,
)
def test_a_command_that_needs_more_says_so_in_one_line(folder: Path, arguments: list[str]) -> None:
    done = digits(*arguments, cwd=folder)
    assert re.match(
        r"digits: (This|Reading with a run) needs packages that are not installed, such as \w+;",
        done.stderr,
    )
    assert done.stderr.endswith(COMMAND)
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["read", "photo.png"], "1995\n"),
        (["read", "photo.png", "--model", str(WEIGHTS / "reader.onnx")], "1995\n"),
        (["--version"], "digits "),
        (["--help"], "Usage: digits"),
        (["train", "--help"], "Usage: digits train"),
        (["recipes"], "recipe"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_all_else_works_without_the_extra(folder: Path, arguments: list[str], shown: str) -> None:
    done = digits(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize("use", ["digits.train", "from digits import train"])
def test_a_name_that_needs_more_is_one_clear_exception(tmp_path: Path, use: str) -> None:
    done = run_base(f"import digits\n{use}", cwd=tmp_path)
    message = r"digits\.extras\.MissingExtraError: digits\.train needs packages .* such as \w+;"
    last = done.stderr.splitlines()[-1]
    assert re.match(message, last)
    assert last.endswith(COMMAND.rstrip())


def test_the_classifier_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    code = "import digits\ndigits.DigitsClassifier"
    done = run_base(code, cwd=tmp_path, missing=frozenset({"sklearn"}))
    assert done.stderr.splitlines()[-1] == (
        "digits.extras.MissingExtraError: digits.DigitsClassifier needs packages that are not "
        f"installed, such as sklearn{COMMAND.rstrip().replace('[train]', '[sklearn]')}"
    )


@pytest.mark.parametrize("name", ["digits.nothing", "torch.nothing", "no_such_package"])
def test_a_defect_is_no_missing_extra(name: str) -> None:
    with pytest.raises(ModuleNotFoundError) as failed, optional_imports("This"):
        __import__(name)
    assert not isinstance(failed.value, MissingExtraError)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
@pytest.mark.parametrize(
    ("target", "extra"),
    [
        ("read", "."),
        ("serve", "."),
        ("train", ".[train]"),
        ("tutorial", ".[tutorial]"),
        ("test", ".[dev]"),
    ],
)
def test_make_installs_what_a_command_needs_and_no_more(
    target: str, extra: str, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "--dry-run", target]
    steps = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    installs = [shlex.split(step)[-1] for step in steps.splitlines() if "pip install" in step]
    assert installs == [extra]
    assert "--quiet" not in steps, "minutes in which nothing is said"
