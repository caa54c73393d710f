"""Progress of reading: a live line on a terminal that shows nothing else, and nothing elsewhere."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.reading.drawings import draw

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two pictures, and of one that is none."""
    for name in ("a", "b"):
        Image.fromarray(draw("42")).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    return tmp_path


def shown(folder: Path, *, is_output_shown: bool) -> tuple[str, str]:
    """What is on the terminal when a folder has been read, and what is on standard output."""
    terminal, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "digits", "read", str(folder)],
        stdout=theirs if is_output_shown else subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    ) as process:
        os.close(theirs)
        output = "" if process.stdout is None else process.stdout.read()
        screen = bytearray()
        with suppress(OSError):  # Linux's way to say that the other end was closed
            while found := os.read(terminal, 4096):
                screen += found
        os.close(terminal)
    assert process.returncode == 1
    return screen.decode(), output


def test_a_terminal_shows_how_many_files_were_read_while_they_go_elsewhere(folder: Path) -> None:
    screen, output = shown(folder, is_output_shown=False)
    assert output == f"{folder / 'a.png'}: 42\n{folder / 'b.png'}: 42\n"
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert re.search(r"0/3 .*-:--", text)
    assert f"digits: {folder / 'c.png'}: Expected a picture" in text.replace("\r\n", " ")
    assert screen.endswith("\x1b[2K"), "the line is gone in the end"


def test_a_terminal_that_shows_the_readings_has_no_other_line(folder: Path) -> None:
    screen, _ = shown(folder, is_output_shown=True)
    assert "\x1b" not in screen
    assert screen.count("\r\n") == 3
