"""The notebooks run from top to bottom, reach what they state, and are kept as they come out."""

import builtins
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import symtable
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
import requests
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from digits.recipe import load_recipe
from notebooks.execute import execute, read_text, texts

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "notebooks" / "tutorial.py"
READING = ROOT / "notebooks" / "reading-the-world.py"
OWN_NETWORK = ROOT / "notebooks" / "your-own-network.py"
OUTDATED = "it is out of date: run make notebooks, and look at what comes out"

Solution = re.compile(r"<summary>Solution \d+</summary>\s+```python\n(.*?)```", re.DOTALL)


def committed(text: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(text.with_suffix(".ipynb"), as_version=4)
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.fixture(scope="module", params=texts(), ids=lambda path: f"::{path.stem}::")
def text(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


@pytest.fixture(scope="module")
def executed(text: Path) -> NotebookNode:
    """The notebook, run in a fresh kernel, with the solutions of its exercises after it."""
    notebook = read_text(text)
    for code in Solution.findall(markdown(notebook)):
        notebook.cells.append(new_code_cell(code))
    return execute(notebook)


def test_notebooks_are_made_of_their_texts(text: Path) -> None:
    kept, fresh = committed(text), read_text(text)
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in fresh.cells
    ], OUTDATED
    assert kept.metadata == fresh.metadata, OUTDATED
    # Where they differ to jupytext, Jupyter opens neither.
    assert jupytext.writes(kept, fmt="py:percent") == text.read_text(), OUTDATED


def test_notebooks_are_kept_with_all_outputs_and_small(text: Path) -> None:
    cells = code_cells(committed(text))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), OUTDATED
    assert text.with_suffix(".ipynb").stat().st_size < 2e6
    for cell in cells:
        for kind, words in spoken(cell):
            assert kind != "error"
            assert not re.search(r"/(tmp|root|home|Users)/|\\Users\\", words), "somebody's machine"


def spoken(cell: NotebookNode) -> list[tuple[str, str]]:
    """What a cell gave, kind by kind; of a picture only that there is one."""
    parts = []
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            parts.append(("error", f"{output.ename}: {output.evalue}"))
        elif output.output_type == "stream":
            parts.append((output.name, output.text))
        else:
            parts += [
                (kind, "" if kind.startswith("image/") else str(content))
                for kind, content in sorted(output.data.items())
            ]
    return parts


def without_chance(words: str) -> str:
    """Words without what differs from run to run and from machine to machine."""
    words = re.sub(r"\+(cpu|cu\d+|rocm[\d.]*)\b", "", words)  # of a version of torch
    words = re.sub(r"\b(cpu|cuda|mps|bfloat16|float32)\b", "machine", words)
    words = re.sub(r"[-−+>]?\d[\d,.:e+-]*%?|#+", "number", words)
    return " ".join(words.split())


@pytest.mark.parametrize(
    "words",
    [
        "torch 2.13.0+cpu on cpu, 2 threads, 99.1% in 1e-05 s",
        "torch 2.6.0+cu128 on cuda, 16 threads, >99.9% in 12 s",
        "torch 2.14.1 on  mps, 8 threads, 3% in -0.5 s",
        "torch 2.9.0+rocm6.4 on cuda, 8 threads, 3% in 1,234.5 s",
    ],
)
def test_machines_and_chance_make_no_difference(words: str) -> None:
    assert without_chance(words) == "torch number on machine, number threads, number in number s"


def skeleton(cell: NotebookNode) -> list[tuple[str, str]]:
    return [(kind, without_chance(words)) for kind, words in spoken(cell)]


@pytest.mark.mnist
def test_every_cell_gives_what_is_kept_of_it(text: Path, executed: NotebookNode) -> None:
    kept, fresh = code_cells(committed(text)), code_cells(executed)
    for before, after in zip(kept, fresh, strict=False):
        assert skeleton(after) == skeleton(before), f"{OUTDATED}; it begins {after.source[:60]!r}"


def stated(notebook: NotebookNode) -> dict[str, float]:
    """Name to accuracy, 0 to 1, as the table at the beginning promises them."""
    rows = re.findall(r"^\| \d+ \|.*\| `(.*)` \| ([\d.]+) % \|$", markdown(notebook), re.MULTILINE)
    return {name: float(percent) / 100 for name, percent in rows}


def measured(notebook: NotebookNode) -> dict[str, float]:
    """Name to accuracy, 0 to 1, as the last of the growing tables shows them."""
    tables = [
        output.data["text/markdown"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "training, seconds" in output.get("data", {}).get("text/markdown", "")
    ]
    rows = re.findall(r"^\| (.*?) \| ([\d.]+)% \|", tables[-1], re.MULTILINE)
    return {name: float(percent) / 100 for name, percent in rows}


@pytest.mark.mnist
def test_the_accuracies_that_the_tutorial_states_are_reached(
    text: Path, executed: NotebookNode
) -> None:
    if text != TUTORIAL:
        pytest.skip("it states none")
    promised, reached = stated(executed), measured(executed)
    assert len(promised) > 5
    assert promised.keys() == reached.keys()
    for name, accuracy in promised.items():
        assert reached[name] > accuracy, name


@pytest.mark.mnist
def test_each_step_reads_as_many_photos_as_reading_the_world_states(
    text: Path, executed: NotebookNode
) -> None:
    if text != READING:
        pytest.skip("it states none")
    tables = [
        output.data["text/markdown"]
        for cell in code_cells(executed)
        for output in cell.outputs
        if "right of 140" in output.get("data", {}).get("text/markdown", "")
    ]
    promised = re.findall(r"^\| \d+ \|.*\| `(.*)` \| (\d+) \|$", markdown(executed), re.MULTILINE)
    reached = dict(re.findall(r"^\| (.*?) \|.*\| (\d+) \|$", tables[-1], re.MULTILINE))
    assert len(promised) > 5
    for name, count in promised:
        assert int(reached[name]) > int(count), name
    assert int(reached["shrunk"]) < 30, "the naive way fails"


@pytest.mark.mnist
def test_the_solutions_of_all_exercises_are_executed(text: Path, executed: NotebookNode) -> None:
    exercises = re.findall(r"^\*\*(\d+)\. ", markdown(executed), re.MULTILINE)
    solutions = code_cells(executed)[len(code_cells(committed(text))) :]
    assert exercises == [str(number + 1) for number in range(len(solutions))]
    assert len(solutions) == {TUTORIAL: 20, READING: 8, OWN_NETWORK: 2}[text]
    for cell in solutions:
        assert "assert " in cell.source, "a solution checks itself"
        assert cell.execution_count


def set_by(code: str) -> set[str]:
    """Names that a cell sets, imports or defines."""
    names = symtable.symtable(code, "cell", "exec").get_symbols()
    return {name.get_name() for name in names if name.is_assigned() or name.is_imported()}


def taken_by(code: str) -> set[str]:
    """Names that a cell takes from what ran before it."""

    def looked_up(table: symtable.SymbolTable) -> set[str]:
        names = {
            name.get_name()
            for name in table.get_symbols()
            if name.is_referenced() and (name.is_global() or table.get_type() == "module")
        }
        return names.union(*map(looked_up, table.get_children()))

    return looked_up(symtable.symtable(code, "cell", "exec")) - set_by(code) - set(dir(builtins))


def test_solutions_run_where_they_stand(text: Path) -> None:
    there: set[str] = set()
    for cell in read_text(text).cells:
        if cell.cell_type == "code":
            assert taken_by(cell.source) <= there, cell.source
            there |= set_by(cell.source)
        for code in Solution.findall(cell.source):
            assert taken_by(code) <= there, f"a later chapter sets what this takes:\n{code}"


def test_lines_of_training_that_are_shown_only_are_right(text: Path) -> None:
    shown = re.findall(r"`(digits\.train\([^`]*\))`", markdown(read_text(text)))
    assert shown or text != TUTORIAL

    class Digits:
        @staticmethod
        def train(recipe: str, **overrides: Any) -> None:
            load_recipe(recipe).override(**overrides)

    for line in shown:
        eval(line, {"digits": Digits})


def test_links_lead_somewhere(text: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", markdown(read_text(text))):
        assert (text.parent / target).is_file(), target


def first_cell(text: Path) -> str:
    source = code_cells(read_text(text))[0].source
    assert isinstance(source, str)
    return source


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that the first cell would have run, on a machine that has neither torch nor us."""
    commands: list[list[str]] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: commands.append(command))
    return commands


@pytest.mark.parametrize("place", ["in the clone", "in its notebooks", "beside it"])
def test_the_first_cell_installs_from_the_clone_that_is_there(
    text: Path, pip: list[list[str]], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clone").symlink_to(ROOT)
    folders = {"in the clone": ROOT, "in its notebooks": ROOT / "notebooks", "beside it": tmp_path}
    monkeypatch.chdir(folders[place])
    exec(first_cell(text), {})
    ((python, *command),) = pip
    assert python == sys.executable
    command = [str(part) for part in command]
    assert command[:3] == ["-m", "pip", "install"]
    assert Path(command[command.index("-c") + 1]).samefile(ROOT / "constraints.txt")
    wish = re.compile(rf"digits\[train\] @ {re.escape(ROOT.resolve().as_uri())}")
    assert any(map(wish.fullmatch, command))


def test_the_first_cell_says_what_to_do_where_there_is_no_clone(
    text: Path, pip: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="clone the repository, and open this notebook"):
        exec(first_cell(text), {})
    assert not pip


def test_the_first_cell_does_nothing_where_all_is_there(text: Path) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(first_cell(text), {})
    assert not said.getvalue()


@pytest.fixture
def jupyter(tmp_path: Path) -> Iterator[tuple[str, requests.Session]]:
    """What `make tutorial` starts: its address, and a session that it lets in."""
    if not (ROOT / ".venv" / ".ready-dev").exists():
        pytest.skip("this checkout was not set up by make")
    options = "ARGS=--no-browser --port=0 --IdentityProvider.token=secret"
    session = requests.Session()
    session.trust_env = False  # a proxy does not know this machine's own addresses
    session.headers["Authorization"] = "token secret"
    log, runtime = tmp_path / "log", tmp_path / "runtime"
    with (
        session,
        log.open("wb") as file,
        subprocess.Popen(
            ["make", "--no-print-directory", "tutorial", options],
            cwd=ROOT,
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            while not (ports := listening_ports(runtime)):
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{ports[0]}", session
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def listening_ports(runtime: Path) -> list[int]:
    """Ports of the servers that say in this folder that they listen."""
    files = runtime.glob("jpserver-*.json")
    return [json.loads(text)["port"] for file in files if (text := file.read_text())]


def test_make_tutorial_opens_the_notebook_in_jupyter(
    jupyter: tuple[str, requests.Session],
) -> None:
    address, session = jupyter

    def get(path: str) -> requests.Response:
        answer = session.get(f"{address}/{path}", timeout=60)
        answer.raise_for_status()
        return answer

    assert get("").url == f"{address}/lab/tree/notebooks/tutorial.ipynb", "where the browser goes"
    content = get("api/contents/notebooks/tutorial.ipynb").json()["content"]
    assert len(content["cells"]) == len(committed(TUTORIAL).cells)
    name = content["metadata"]["kernelspec"]["name"]
    assert name in get("api/kernelspecs").json()["kernelspecs"]
