"""Write the locks: the packages of an installation, each with the hashes of its files.

    python requirements/lock.py                 # or: make lock

A lock is for every system and Python, and has the versions of constraints.txt, which has no
hashes itself: with a single one, pip would demand them of everything, the clone included.
"""

import re
import subprocess
import tomllib
from typing import NamedTuple

from installed import CONSTRAINTS, OF_SOME_BUILDS, PYPROJECT, ROOT
from uv import find_uv_bin

from digits.files import write_atomic


class Lock(NamedTuple):
    """A file with hashes."""

    name: str
    what: str
    """The first line of the file, without what all of them say."""
    arguments: tuple[str, ...]
    """What uv is to lock."""


LOCKS = (
    Lock("read.txt", "What reading and serving need", (str(PYPROJECT),)),
    Lock(
        "train.txt",
        "What training needs, but torch, whose builds have hashes of their own",
        (str(PYPROJECT), "--extra", "train"),
    ),
    Lock("build.txt", "What builds the wheel", ("-",)),
)

HEADING = """\
# {what}: written by requirements/lock.py (make lock). Used as:
# pip install --require-hashes --no-deps -r requirements/{name}
"""


def write_lock(lock: Lock) -> None:
    """Write a lock, with the hashes that the package index has now."""
    project = tomllib.loads(PYPROJECT.read_text())
    lowest = project["project"]["requires-python"].removeprefix(">=")
    compiled = subprocess.run(
        [
            *(find_uv_bin(), "pip", "compile", *lock.arguments, "--constraints", str(CONSTRAINTS)),
            *("--universal", "--python-version", lowest, "--generate-hashes"),
            # An archive of sources would run its own code to be built.
            *("--only-binary", ":all:", "--emit-build-options"),
            *("--no-header", "--no-annotate", "--no-config", "--quiet"),
        ],
        input="\n".join(project["build-system"]["requires"]),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options, *packages = re.split(r"^(?=[\w.-]+==)", compiled, flags=re.MULTILINE)
    kept = [package for package in packages if not is_of_torch(package.partition("==")[0])]
    text = HEADING.format(what=lock.what, name=lock.name) + options + "".join(kept)
    write_atomic(ROOT / "requirements" / lock.name, text.encode())


def is_of_torch(name: str) -> bool:
    """Tell whether a package is torch, or comes with some of its builds."""
    return name == "torch" or OF_SOME_BUILDS.fullmatch(name) is not None


if __name__ == "__main__":
    for lock in LOCKS:
        write_lock(lock)
