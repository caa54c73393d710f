"""Folders that commands write to: the cache, runs and temporary files."""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

from digits.data.catalog import CATALOG, MNIST
from digits.doctor.faults import (
    CACHE_FULL,
    CACHE_IS_NO_FOLDER,
    CACHE_NOT_WRITABLE,
    DAMAGED_CACHE,
    NO_TEMPORARY_FOLDER,
    RUNS_NOT_WRITABLE,
    UNFINISHED_DOWNLOAD,
    Finding,
    setting,
)
from digits.doctor.part import Part
from digits.errors import DigitsError
from digits.files import UNFINISHED

MEGABYTE = 1_000_000
WRITTEN_BYTES = MEGABYTE
"""Size of the file by which it is tried whether a folder can be written to."""
OWN_FOLDER = "~/digits-data"
"""Folder that is proposed for data."""


def examine_cache() -> Part:
    """Examine the cache of data sets: MNIST's sums, other sets by name, whether it can be filled.

    Raises:
        ImportError: If the extra that has a cache is not installed.
    """
    from digits.data.cache import ROOT_VARIABLE, data_root, folder_of, read_files

    command = setting(ROOT_VARIABLE, OWN_FOLDER)
    try:
        root = data_root()
    except DigitsError:  # a "~" without a home
        value = os.environ.get(ROOT_VARIABLE, "~")
        return Part("cache", {}, (CACHE_IS_NO_FOLDER.found(path=value, command=command),))
    facts: dict[str, str | list[str]] = {"folder": str(root)}
    if root.exists() and not root.is_dir():
        found = CACHE_IS_NO_FOLDER.found(path=f"the file {root}", command=command)
        return Part("cache", facts, (found,))

    findings: list[Finding] = []
    contents, problems = read_files(MNIST, root)
    damaged = [problem for problem in problems.values() if problem is not None]
    folder = folder_of(MNIST, root)
    if damaged:
        findings.append(DAMAGED_CACHE.found(folder=folder, problems="; ".join(damaged)))
    is_whole = not problems
    size = sum(map(len, contents.values()))
    state = "damaged" if damaged else "whole" if is_whole else "not there yet"
    facts["MNIST"] = f"{state}, {size / MEGABYTE:.0f} MB with the published sums"
    facts["other sets"] = [
        each.name
        for each in CATALOG.values()
        if each is not MNIST
        and all((folder_of(each, root) / file.name).is_file() for file in each.files)
    ]
    findings += _examine_unfinished(root, folder)
    if not is_whole:  # a complete cache is only read
        needed = sum(file.size or 0 for file in MNIST.files) - size
        findings += _examine_room(folder, needed, command)
    return Part("cache", facts, tuple(findings))


def _examine_unfinished(root: Path, folder: Path) -> list[Finding]:
    """Find what downloads have left that were killed."""
    from digits.data.package import SCRATCH

    left = [path for path in folder.glob(".*") if UNFINISHED.fullmatch(path.name)]
    left += [path for path in (root / SCRATCH,) if path.exists()]
    if not left:
        return []
    sizes = (file.stat().st_size for path in left for file in (path, *path.rglob("*")))
    names = " ".join(shlex.quote(str(path)) for path in left)
    return [
        UNFINISHED_DOWNLOAD.found(size=f"{sum(sizes) / MEGABYTE:.1f}", command=f"rm -r {names}")
    ]


def _examine_room(folder: Path, needed: int, command: str) -> list[Finding]:
    """Try whether a folder can take so many bytes."""
    problem = _write_problem(folder)
    free = shutil.disk_usage(_nearest(folder)).free
    if free < needed:
        sizes = {"needed": f"{needed / MEGABYTE:.0f}", "free": f"{free / MEGABYTE:.0f}"}
        return [CACHE_FULL.found(**sizes, folder=folder, command=command)]
    if problem is not None:
        return [CACHE_NOT_WRITABLE.found(folder=folder, reason=problem, command=command)]
    return []


def examine_runs() -> Part:
    """Examine the folder that runs are put in by themselves, `runs` in the current one."""
    folder = Path.cwd() / "runs"
    problem = _write_problem(folder)
    found = () if problem is None else (RUNS_NOT_WRITABLE.found(folder=folder, reason=problem),)
    return Part("runs", {"folder": str(folder)}, found)


def examine_temporary() -> Part:
    """Examine the folder for temporary files."""
    try:
        return Part("temporary files", {"folder": tempfile.gettempdir()})
    except FileNotFoundError:
        found = NO_TEMPORARY_FOLDER.found(command=setting("TMPDIR", "~"))
        return Part("temporary files", {}, (found,))


def _nearest(folder: Path) -> Path:
    """A folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _write_problem(folder: Path) -> str | None:
    """Try to write in a folder, or where it would be made; the reason if that fails.

    Nothing stays, as the file has no name there, or is removed. Permissions alone would not tell:
    the file system may be read-only, or full.
    """
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(bytes(WRITTEN_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None
