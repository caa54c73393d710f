"""The weights that come with the package, compared with the sums that stand beside them."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from digits.doctor.faults import DAMAGED_WEIGHTS
from digits.doctor.part import Part
from digits.sums import NAME

FOLDERS = ("reading/weights", "weights/balanced")
"""Folders of the package with weights, and their sums."""
SHOWN = 12
"""Number of hexadecimal digits of a sum that people are shown."""


def examine_weights() -> Part:
    """Examine the files of all weights; facts are their sums."""
    sums: dict[str, str] = {}
    problems: dict[str, str] = {}
    for folder in FOLDERS:
        for name, expected, found in _sums_in(Path(str(files("digits"))) / folder):
            file = f"{folder}/{name}"
            sums[file] = found
            if found != expected:
                problems[file] = (
                    f"SHA-256 {found[:SHOWN]}… and not {expected[:SHOWN]}…" if found else "nothing"
                )
    return Part(
        "weights",
        sums,
        tuple(
            DAMAGED_WEIGHTS.found(file=file, problem=problem, version=_own_version())
            for file, problem in problems.items()
        ),
    )


def _sums_in(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each file, the sum that it should have, and the one that it has.

    The latter is empty where there is no file, or it can't be read.
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        yield NAME, "?", ""
        return
    for line in lines:
        expected, _, name = line.partition("  ")
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            found = ""
        yield name, expected, found


def _own_version() -> str:
    try:
        return version("digits")
    except PackageNotFoundError:
        return "VERSION"
