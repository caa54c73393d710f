"""Try an installation from a release file, without the clone: run by that installation's Python.

    cd /tmp && env/bin/python -I …/tests/check_install.py

Needs no package but `digits`. Fails with what was expected and found.
"""

import json
import re
import subprocess
import sys
import urllib.request
from importlib.resources import files
from pathlib import Path

import digits

MAX_MEGABYTES = 380
INSTALLERS = re.compile(
    r"(pip|setuptools)\b.*|pkg_resources|_distutils_hack|distutils-precedence.*"
)
TEXT = "237845"
SAMPLE = Path(str(files("digits.reading") / "samples" / "paper.jpg"))
COMMAND = str(Path(sys.executable).with_name("digits"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60)


def expect(what: str, expected: object, found: object) -> None:
    if found != expected:
        raise SystemExit(f"{what}: expected {expected!r}, found {found!r}.")
    print(f"Python {sys.version_info.major}.{sys.version_info.minor}: {what}", flush=True)


def check_place() -> None:
    """The environment's own files, and no more of them than promised.

    What installs, and came with Python, is not counted: some environments are without.
    """
    place = Path(digits.__file__)
    expect("the package is in the environment", True, place.is_relative_to(sys.prefix))
    prefix = Path(sys.prefix)
    blocks = sum(
        path.lstat().st_blocks
        for path in prefix.rglob("*")
        if not any(map(INSTALLERS.fullmatch, path.relative_to(prefix).parts))
    )
    megabytes = blocks * 512 / 2**20
    what = f"the environment takes {megabytes:.0f} of at most {MAX_MEGABYTES} MB"
    expect(what, True, megabytes <= MAX_MEGABYTES)


def check_command() -> None:
    """What the base is for works; what needs more says so in one line."""
    read = run("read", str(SAMPLE))
    expect("digits read reads a sample", (TEXT + "\n", ""), (read.stdout, read.stderr))
    expect("digits recipes lists the recipes", 0, run("recipes").returncode)
    doctor = run("doctor")
    last = doctor.stdout.splitlines()[-1:]
    expect("digits doctor finds no fault", (0, ["no fault found"]), (doctor.returncode, last))
    train = run("train")
    lines = re.findall(r'^digits: .*: \S+ -m pip install "digits\[train\]"$', train.stderr, re.M)
    expect("digits train says what is missing", (1, 1), (train.returncode, len(lines)))
    expect("and nothing else", lines[0] + "\n", train.stderr + train.stdout)


def check_server() -> None:
    """The page is there, a picture is read, and SIGTERM ends it."""
    serve = [COMMAND, "serve", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[4]
            page = urllib.request.urlopen(address, timeout=30).read()
            expect("digits serve shows the page", True, b"<title>digits" in page)
            request = urllib.request.Request(
                f"{address}v1/read", SAMPLE.read_bytes(), {"Content-Type": "image/jpeg"}
            )
            answer = json.load(urllib.request.urlopen(request, timeout=30))
            expect("and reads a picture", TEXT, answer["text"])
        finally:
            server.terminate()
    expect("SIGTERM ends it well", 0, server.returncode)


if __name__ == "__main__":
    check_place()
    check_command()
    check_server()
