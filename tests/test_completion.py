"""What the Tab key offers, without a heavy library being loaded for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from digits.cli import app
from digits.cli.runs import EXPORT_FORMATS
from digits.data.catalog import CATALOG
from digits.devices import DEVICES, PRECISIONS
from digits.extras import TRACKERS
from digits.models import BUILT_IN
from digits.recipe import NETWORKS, overridable_fields, recipe_names

OFFERED = {
    "--recipe": tuple(recipe_names()),
    "recipe_or_run": tuple(recipe_names()),
    "--device": DEVICES,
    "--format": EXPORT_FORMATS,
    "--log": TRACKERS,
    **{
        "--" + field.name.replace("_", "-"): field.metadata["offered"]
        for field in overridable_fields()
        if field.metadata["offered"]
    },
}


def options() -> list[tuple[str, str]]:
    """Each command with each of its options, and arguments, that take one of a few words."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    return [
        (name, option)
        for name, command in commands.items()
        for parameter in command.params
        for option in parameter.opts
        if option in OFFERED
    ]


def offered(name: str, option: str, incomplete: str = "") -> tuple[str, ...]:
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    context = command.make_context(name, [], resilient_parsing=True)
    (parameter,) = (each for each in command.params if option in each.opts)
    return tuple(item.value for item in parameter.shell_complete(context, incomplete))


@pytest.mark.parametrize(("name", "option"), options(), ids=" ".join)
def test_every_option_that_takes_one_of_a_few_words_offers_them(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(name, option) == OFFERED[option]
    first = OFFERED[option][0]
    assert first in offered(name, option, first[:2])
    assert offered(name, option, "?") == ()


@pytest.mark.parametrize(
    ("name", "option"), [("summary", "recipe_or_run"), ("train", "--recipe")], ids=" ".join
)
def test_where_a_recipe_is_expected_files_and_runs_are_offered_too(
    name: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("runs"), Path("results")):
        path.mkdir()
    for path in (Path("right.toml"), Path("rows.csv")):
        path.touch()
    assert offered(name, option, "r") == ("reader", "results", "right.toml", "runs")
    assert offered(name, option, "ru") == (), "which the shell completes by itself"


def test_options_with_choices_are_known_by_name() -> None:
    words = {"optimizer", "schedule", "framing", "precision", "dataset", "network"}
    assert {f"--{word}" for word in words} <= OFFERED.keys()
    assert {name for name, option in options() if option == "--device"} >= {
        "train",
        "evaluate",
        "report",
    }


def test_what_is_offered_is_what_there_is() -> None:
    assert set(NETWORKS) == BUILT_IN
    assert OFFERED["--dataset"] == tuple(CATALOG)
    assert OFFERED["--precision"] == PRECISIONS


AFTER_TAB = """
import atexit, sys
atexit.register(lambda: print({"torch", "onnxruntime", "matplotlib"} & {*sys.modules}))
from digits.cli import main
main()
"""


def test_the_tab_key_loads_no_heavy_library() -> None:
    words = {"COMP_WORDS": "digits train --device ", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", AFTER_TAB],
        env={**os.environ, **words, "_DIGITS_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [*DEVICES, "set()"]
