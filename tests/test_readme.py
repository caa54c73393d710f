"""The README is up to date: its commands and its Python run, its figures were measured."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from peers import WAYS
from PIL import Image
from readme import (
    DARK_PLOT,
    DOCUMENTS,
    PEER_COLUMNS,
    PLOT,
    RESULTS,
    bar_boxes,
    describe,
    draw_plot,
    load_points,
    replace_tables,
)

from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.recipe import load_measurement, recipe_names
from tests.drawn_texts import drawn_texts, touching

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands(language: str) -> list[list[str]]:
    lines = "".join(blocks(language)).splitlines()
    return [shlex.split(line, comments=True, posix=language == "sh") for line in lines]


def run(command: list[str], cwd: Path, **environment: str) -> str:
    """Run a command of the README with this Python's `digits`."""
    if command[0] == "digits":
        command = [sys.executable, "-c", "from digits.cli import main; main()", *command[1:]]
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=240,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def serve(command: list[str], cwd: Path) -> None:
    """Start the server as the README does, but on a free port, fetch its page, and stop it."""
    python = [sys.executable, "-c", "from digits.cli import main; main()"]
    with subprocess.Popen(
        [*python, *command[1:], "--port", "0"], cwd=cwd, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            assert address is not None
            assert "<title>digits" in requests.get(address[0], timeout=60).text
        finally:
            server.terminate()
    assert server.returncode == 0


@pytest.mark.mnist
def test_the_digits_commands_run_one_after_the_other(tmp_path: Path) -> None:
    ours = [c for c in commands("sh") if c[0] == "digits" and "--install-completion" not in c]
    assert len(ours) > 5
    for command in ours:
        if command[1] == "serve":
            serve(command, tmp_path)
            continue
        assert run(command, tmp_path), command
        if "--out" in command:
            out = tmp_path / command[command.index("--out") + 1]
            num_runs = int(command[command.index("--seeds") + 1]) if "--seeds" in command else 1
            depth = "*/summary.json" if "--seeds" in command else "summary.json"
            assert len([*out.glob(depth)]) == num_runs, command


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_the_samples_are_read_as_it_says(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("sh") if block.startswith("SAMPLES="))
    lines = block.replace("SAMPLES=", f"SAMPLES={ROOT}/").splitlines()[:3]
    command = "\n".join(lines).replace(".venv/bin/digits", '"$0" -m digits')
    text = lines[1].split()[-1]
    assert run(["bash", "-c", command, sys.executable], tmp_path) == f"{text}\n"
    readings = (tmp_path / "read.jsonl").read_text().splitlines()
    assert text in [json.loads(reading)["text"] for reading in readings]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_completion_installs_itself_into_the_shell_that_runs(tmp_path: Path) -> None:
    assert ["digits", "--install-completion"] in commands("sh")
    # bash would exec its last command, and digits would no longer run in a shell: hence the echo.
    script = '"$0" -c "from digits.cli import main; main()" --install-completion && echo done'
    output = run(["bash", "-c", script, sys.executable], tmp_path, HOME=str(tmp_path))
    assert "bash completion installed" in output
    assert (tmp_path / ".bash_completions" / "digits.sh").is_file()


@pytest.mark.mnist
def test_the_python_example_runs_as_it_stands(tmp_path: Path) -> None:
    (example,) = blocks("python")
    code = example.strip()
    assert len([line for line in code.splitlines() if line]) <= 6
    output = run([sys.executable, "-c", code], tmp_path)
    low, high = (float(number) for number in re.findall(r"0\.\d+", output.splitlines()[-1]))
    assert 0.97 < low < high < 1


@pytest.mark.mnist
@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_train_ends_with_accuracy_time_and_report(tmp_path: Path) -> None:
    if not (ROOT / ".venv" / ".ready").exists():
        pytest.skip("this checkout was not set up by make")
    out = tmp_path / "made"
    short = f"ARGS=--recipe fast --out {out}"
    output = run(["make", "--no-print-directory", "train", short], ROOT)
    last = output.splitlines()[-4:]
    assert re.match(r"test accuracy +9\d\.\d\d%  \(95 % interval 9\d\.\d\d% – 9\d\.\d\d%", last[0])
    assert re.match(r"training time +\d+\.\d s", last[1])
    assert last[3].split()[-1] == str(out / "report.html")
    assert (out / "report.html").is_file()


def test_the_make_commands_are_there_and_help_lists_them() -> None:
    makes = [command for command in commands("sh") if command[0] == "make"]
    assert makes == [["make", name] for name in ("serve", "train", "read", "tutorial", "test")]
    makefile = (ROOT / "Makefile").read_text()
    for _, target in makes:
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.MULTILINE)


def test_the_steps_without_make_are_those_of_make() -> None:
    steps = [" ".join(command) for command in commands("powershell")]
    makefile = (ROOT / "Makefile").read_text()
    venv, install, train = (step.replace(".venv\\Scripts\\", "$(BIN)/") for step in steps)
    assert venv == "py -m venv .venv"
    assert install.partition("install ")[2] in makefile
    assert train in makefile


def test_tables_and_plot_show_the_committed_results() -> None:
    written = "; write it with: python benchmarks/readme.py"
    for path in DOCUMENTS:
        document = path.read_text()
        assert "written by benchmarks/readme.py" in document
        assert replace_tables(document) == document, f"a table of {path.name} is another{written}"
    for path in (PLOT, DARK_PLOT):
        with Image.open(path) as plot:
            shown = json.loads(plot.text["Description"])  # type: ignore[attr-defined]
        assert shown == json.loads(describe(load_points())), "the plot is another" + written


def test_labels_of_the_plot_touch_neither_each_other_nor_a_point_nor_an_edge() -> None:
    points = load_points()
    figure = draw_plot(points)
    texts = drawn_texts(figure)
    assert not touching(texts, figure)
    (axes,) = figure.axes
    labels = [text for text in texts if any(text.text.startswith(p.label) for p in points)]
    assert len(labels) == len(points)
    for text in labels:
        assert not text.box.count_overlaps(bar_boxes(axes, points)), text.text
        assert axes.get_window_extent().padded(-1).contains(*text.box.min), text.text
        assert axes.get_window_extent().padded(-1).contains(*text.box.max), text.text


def test_our_rows_beside_other_packages_are_of_the_networks_that_come_along() -> None:
    found = json.loads((RESULTS / "peers.json").read_text())
    again = "measure again: python benchmarks/peers.py --only digits --data FOLDER"
    assert found["network"] == Network().metadata, again
    assert found["line_network"] == LineNetwork().metadata, again


def test_all_packages_were_shown_the_same_pictures_and_timed_in_one_run() -> None:
    found = json.loads((RESULTS / "peers.json").read_text())
    ways = found["ways"]
    numbers = {kind: number for kind, (_, number) in ways["digits"]["right"].items()}
    assert set(numbers) == {kind for kinds in PEER_COLUMNS.values() for kind in kinds}
    for name, way in ways.items():
        assert set(way["right"]) == set(WAYS[name].kinds)
        for kind, (right, number) in way["right"].items():
            assert 0 <= right <= number
            assert number in (numbers[kind], min(numbers[kind], WAYS[name].limit or number))
    timed = {name for name in ways if "cheques" in WAYS[name].kinds}
    assert set(found["speed"]["seconds"]) == timed


def test_every_measured_recipe_is_in_the_table_and_in_the_plot() -> None:
    labels = [point.label for point in load_points()]
    for name in recipe_names():
        if load_measurement(name):
            assert f"| `{name}` |" in README
            assert name in labels


def headings(document: Path) -> set[str]:
    """The headings of a document, as links name them."""
    found = re.findall(r"^#+ (.+)", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_pictures_and_links_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = document.read_text()
        for target in re.findall(r'src(?:set)?="([^"]+)"', text):
            assert (document.parent / target).is_file(), f"{document.name}: {target}"
        for target, heading in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", text):
            if not target.startswith("https://"):
                path = document.parent / target
                assert path.is_file(), f"{document.name}: {target}"
                assert not heading or heading in headings(path), f"{document.name}: #{heading}"
