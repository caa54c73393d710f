"""Build the release files, a wheel and an sdist, in dist/, and check them.

    python release.py             # or: make dist; of the tree as it is
    python release.py --tagged    # or: make release; of a tagged commit without changes, or not

Fails with one line. The same commit gives the same bytes, by the same versions of what builds.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parent
FOLDER = ROOT / "dist"

MAX_BYTES = 4_000_000
"""Most bytes of a release file. Most of them are the networks: 2.6 MB, before compression."""

PACKAGE = {
    "**": {".py"},
    ".": {".typed"},
    "page/**": {".css", ".html", ".js", ".svg"},
    "page/thumbnails": {"drawing.jpg", "form.jpg", "paper.jpg"},
    "reading/samples": {"drawing.png", "form.png", "paper.jpg"},
    "reading/weights": {"README.md", "SHA256SUMS", "lines.onnx", "reader.onnx"},
    "recipes": {".json", ".toml"},
    "templates": {".css", ".h", ".html", ".j2", ".js"},
    "weights": {"README.md"},
    "weights/balanced": {
        *("SHA256SUMS", "history.jsonl", "model.safetensors", "recipe.toml", "summary.json"),
    },
}
"""Suffixes and names of the files that the package may have, by folder; `/**` is with all below it.

Names stand where a file may hold pictures, or weights, which have their card beside them.
"""

METADATA = {
    *("METADATA", "RECORD", "WHEEL", "entry_points.txt"),
    *("licenses/LICENSE", "licenses/NOTICE"),
}
"""What a wheel has in `digits-VERSION.dist-info`."""

BESIDE = {
    *(".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE", "NOTICE", "PKG-INFO"),
    *("constraints.txt", "pyproject.toml"),
}
"""What an sdist has beside `src/digits`."""

RELEASED = re.compile(r"^## (?P<version>\d\S*) – (?P<date>\d{4}-\d{2}-\d{2})$", re.MULTILINE)
"""A heading of a version in CHANGELOG.md."""


class ReleaseFiles(NamedTuple):
    """The two files of a release."""

    wheel: Path
    sdist: Path


def build(tree: Path, folder: Path) -> ReleaseFiles:
    """Build both release files.

    Args:
        tree: The clone.
        folder: Where they are written.

    Raises:
        ValueError: If the build fails, with its last line.
    """
    _hatchling("build", "--directory", str(folder), tree=tree)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return ReleaseFiles(wheel, sdist)


def _hatchling(*arguments: str, tree: Path) -> None:
    # The time of files in archives: the commit's, as it is the same wherever it is checked out.
    (committed,) = _git("log", "-1", "--format=%ct", tree=ROOT)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", *arguments],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": committed},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise ValueError(f"hatchling could not build: {done.stderr.strip().splitlines()[-1]}")


def _git(*arguments: str, tree: Path) -> list[str]:
    """List the lines that git prints."""
    try:
        done = subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True)
    except FileNotFoundError:
        raise ValueError("expected git, which knows the version; found none: install it") from None
    if done.returncode != 0:
        raise ValueError(f"expected a clone of the repository; git says: {done.stderr.strip()}")
    return done.stdout.splitlines()


def unexpected(names: list[str]) -> list[str]:
    """List the files that neither a wheel nor an sdist may have.

    Args:
        names: Files of the archive; of an sdist, below its one folder.
    """
    return [name for name in names if not _is_expected(PurePosixPath(name))]


def _is_expected(path: PurePosixPath) -> bool:
    if path.parts[0].endswith(".dist-info"):
        return "/".join(path.parts[1:]) in METADATA
    if str(path) in BESIDE:
        return True
    if path.parts[0] == "src":
        path = path.relative_to("src")
    if path.parts[0] != "digits":
        return False
    folder = path.relative_to("digits").parent
    places = [f"{each}/**" for each in (folder, *folder.parents)]
    allowed = set().union(*(PACKAGE.get(each, set()) for each in (str(folder), "**", *places)))
    return path.name in allowed or path.suffix in allowed or path.name == "py.typed"


def contents(file: Path) -> list[str]:
    """List the files of a wheel or of an sdist; of the latter, below its one folder."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            return wheel.namelist()
    with tarfile.open(file) as sdist:
        return [member.name.partition("/")[2] for member in sdist.getmembers()]


def check(files: ReleaseFiles) -> None:
    """Check what is in release files, and what a package index makes of them.

    Raises:
        ValueError: If one is too large, or has a file that it may not have, or if twine finds a
            fault.
    """
    for file in files:
        if strange := unexpected(contents(file)):
            raise ValueError(f"{file.name} has files that release.py does not list: {strange}")
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{file.name} has {file.stat().st_size} bytes, of at most {MAX_BYTES}")
    twine = subprocess.run(
        [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, files)],
        capture_output=True,
        text=True,
    )
    if twine.returncode != 0:
        raise ValueError(f"twine check: {' '.join((twine.stdout + twine.stderr).split())}")


def check_sdist(files: ReleaseFiles) -> None:
    """Check that the sdist makes the same wheel.

    Raises:
        ValueError: If a bit of it is another.
    """
    with TemporaryDirectory() as folder:
        with tarfile.open(files.sdist) as sdist:
            sdist.extractall(folder, filter="data")
        (tree,) = Path(folder).iterdir()
        _hatchling("build", "--target", "wheel", "--directory", folder, tree=tree)
        if Path(folder, files.wheel.name).read_bytes() != files.wheel.read_bytes():
            raise ValueError(f"{files.sdist.name} makes another wheel than the tree does")


def tagged_version(tree: Path) -> str:
    """Find the version that a clone's commit is tagged with.

    Raises:
        ValueError: If there are changes, there is no tag or several, or the changelog's newest
            version is another.
    """
    if changes := _git("status", "--porcelain", tree=tree):
        raise ValueError(f"expected a tree without changes, found {len(changes)}: see git status")
    tags = _git("tag", "--points-at", "HEAD", "--list", "v[0-9]*", tree=tree)
    if len(tags) != 1:
        found = " and ".join(tags) or "none"
        raise ValueError(
            f"expected a tag such as v1.0.0 on this commit, found {found}: git tag -a v1.0.0"
        )
    version = tags[0].removeprefix("v")
    newest = RELEASED.search((tree / "CHANGELOG.md").read_text(encoding="utf-8"))
    if newest is None or newest["version"] != version:
        found = newest["version"] if newest else "no version"
        raise ValueError(f"expected {version} to be the newest in CHANGELOG.md, found {found}")
    return version


def main() -> None:
    """Build and check both files, and print their names, sizes and sums."""
    try:
        version = tagged_version(ROOT) if "--tagged" in sys.argv[1:] else ""
        shutil.rmtree(FOLDER, ignore_errors=True)
        files = build(ROOT, FOLDER)
        if version and files.sdist.name != f"digits-{version}.tar.gz":
            raise ValueError(f"expected files of {version}, found {files.sdist.name}")
        check(files)
        check_sdist(files)
    except ValueError as error:
        sys.exit(f"release: {error}")
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        print(f"{digest}  {file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
