"""README is short, its commands are there, and the documents' figures and links are right."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from peers import WAYS
from PIL import Image
from readme import (
    DARK_PLOT,
    DOCUMENTS,
    PEER_COLUMNS,
    PLOT,
    RESULTS,
    TABLES,
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
README = ROOT / "README.md"
INSTALLING = ROOT / "docs" / "start" / "installing.md"

MAX_LINES = 120


def commands(document: Path, language: str) -> list[list[str]]:
    """The commands in a document's blocks of a language, as lists of words."""
    text = document.read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(found).splitlines()
    return [shlex.split(line, comments=True, posix=language == "sh") for line in lines]


def test_it_fits_a_screen_or_two() -> None:
    assert len(README.read_text().splitlines()) <= MAX_LINES


@pytest.mark.mnist
@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_train_ends_with_accuracy_time_and_report(tmp_path: Path) -> None:
    if not (ROOT / ".venv" / ".ready").exists():
        pytest.skip("this checkout was not set up by make")
    out = tmp_path / "made"
    short = f"ARGS=--recipe fast --out {out}"
    done = subprocess.run(
        ["make", "--no-print-directory", "train", short],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-4:]
    assert re.match(r"test accuracy +9\d\.\d\d%  \(95 % interval 9\d\.\d\d% – 9\d\.\d\d%", last[0])
    assert re.match(r"training time +\d+\.\d s", last[1])
    assert last[3].split()[-1] == str(out / "report.html")
    assert (out / "report.html").is_file()


def test_the_make_commands_are_there_and_help_lists_them() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert commands(README, "sh") == [["make", "serve"], ["make", "train"]]
    makes = [command for command in commands(INSTALLING, "sh") if command[0] == "make"]
    assert len(makes) == 5
    for _, target in makes:
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.MULTILINE)


def test_the_steps_without_make_are_those_of_make() -> None:
    steps = [" ".join(command) for command in commands(INSTALLING, "powershell")]
    makefile = (ROOT / "Makefile").read_text()
    venv, install, train = (step.replace(".venv\\Scripts\\", "$(BIN)/") for step in steps)
    assert venv == "py -m venv .venv"
    assert install.partition("install ")[2] in makefile
    assert train in makefile


def test_tables_and_plot_show_the_committed_results() -> None:
    written = "; write it with: python benchmarks/readme.py"
    documents = {path: path.read_text() for path in DOCUMENTS}
    for name in TABLES:
        comment = f"<!-- {name}: written by benchmarks/readme.py -->"
        assert sum(document.count(comment) for document in documents.values()) == 1, comment
    for path, document in documents.items():
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
    table = (ROOT / "docs" / "concepts" / "recipes.md").read_text()
    labels = [point.label for point in load_points()]
    for name in recipe_names():
        if load_measurement(name):
            assert f"| `{name}` |" in table
            assert name in labels


def test_runs_of_all_recipes_are_as_sure_as_they_are_right_within_a_percentage_point() -> None:
    recipes = json.loads((RESULTS / "calibration.json").read_text())["recipes"]
    assert recipes
    assert all(found["calibration_error"] < 0.01 for found in recipes.values())


WRITTEN_BY_CODE = re.compile(r"^(<!-- generated: |::: )", re.MULTILINE)
"""What code writes headings for, when the site is built."""


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
                assert path.exists(), f"{document.name}: {target}"
                # A strict build of the site checks the other headings.
                if heading and not WRITTEN_BY_CODE.search(path.read_text()):
                    assert heading in headings(path), f"{document.name}: #{heading}"
