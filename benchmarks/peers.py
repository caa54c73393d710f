"""Read the same pictures by digits and by other packages that read text without a cloud.

    python benchmarks/peers.py --data ../shared/handwriting

Makes an environment for the other packages, which needs a package index, and reads amounts on
cheques, photos of rows and pages, composed rows, single digits, and clothes, on which there are
none. Of each text the digits are compared. Prints how many pictures each reads right, and writes
it to results/peers.json as each is done; what can't be installed or run is named with the reason.
At last, all are timed in turn on the same cheques. `--only digits` reads by this package alone,
and keeps what the others read; the times are measured anew for all. For a first look, --limit 5
reads five pictures of each kind, and writes no results.

Tesseract is a program, not a package of Python: apt-get install tesseract-ocr brings it.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from composed_rows import SPACINGS, Spacing, compose_rows
from rich.console import Console
from rich.table import Table

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "peers.json"
WORKER = Path(__file__).with_name("peer_worker.py")

NUM_COMPOSED = 40
"""How many composed rows there are of each kind."""

NUM_SINGLES = {"orand": 150, "sudoku": 108, "nsysu": 150}
"""How many single digits there are of each set, chosen by chance."""

NUM_CLOTHES = 200
"""How many pictures of clothes there are, chosen by chance."""

NUM_TIMED = 20
"""How many cheques are timed."""

NUM_OF_SLOW = 40
"""At most how many pictures of each kind what takes long reads."""

ROWS = ("cheques", "photos of a row", *(f"composed, {name}" for name in SPACINGS))
PAGES = ("pages",)
SINGLES = tuple(f"single, {name}" for name in NUM_SINGLES)
CLOTHES = ("clothes",)
"""Kinds of pictures."""


class Picture(NamedTuple):
    """A picture in a file, and the digits on it."""

    kind: str
    path: str
    text: str


class Way(NamedTuple):
    """A package, and how it is used."""

    title: str
    """What the table calls it, in Markdown; with its version."""
    requirements: tuple[str, ...] = ()
    """What to install; nothing for this package and for programs."""
    program: str | None = None
    """A program that it needs to be there."""
    kinds: tuple[str, ...] = (*ROWS, *PAGES, *SINGLES, *CLOTHES)
    """The kinds of pictures that are for it."""
    limit: int | None = None
    """At most how many pictures of each kind it reads."""

    def choose(self, pictures: list[Picture]) -> list[Picture]:
        """Choose the pictures that are for it."""
        return [
            picture
            for kind in self.kinds
            for picture in islice((one for one in pictures if one.kind == kind), self.limit)
        ]


LINES = (*ROWS, *SINGLES, *CLOTHES)
"""What a recogniser can read, which doesn't find the lines of a page."""

RAPIDOCR = ("rapidocr==3.10.*", "onnxruntime==1.31.*")
DDDDOCR = ("ddddocr==1.6.*", "onnxruntime==1.31.*")
WAYS = {
    "digits": Way("`digits`"),
    "digits_guess": Way("its best guess, refused or not", kinds=(*ROWS, *PAGES, *SINGLES)),
    "digits_glyphs": Way("the same, told that it is a single digit", kinds=SINGLES),
    "rapidocr": Way("RapidOCR {version} (PP-OCRv6 small)", RAPIDOCR, limit=NUM_OF_SLOW),
    "rapidocr_recogniser": Way("its recogniser alone, held to digits", RAPIDOCR, kinds=LINES),
    "ddddocr": Way("ddddocr {version}", DDDDOCR, kinds=LINES),
    "ddddocr_digits": Way("its newer network, held to digits", DDDDOCR, kinds=LINES),
    "tesseract": Way("Tesseract {version}", program="tesseract", limit=NUM_OF_SLOW),
    "tesseract_digits": Way(
        "the same, told that it is a line of digits", program="tesseract", kinds=LINES
    ),
}
"""Ways to read, by the names of their readers in peer_worker.py, which begin with the package's."""

PACKAGES = tuple(dict.fromkeys(name.partition("_")[0] for name in WAYS))
"""What --only takes."""

Figures = dict[str, Any]


class NotAvailableError(Exception):
    """A package can't be installed or run here; says why."""


def list_pictures(data: Path, folder: Path, limit: int | None) -> list[Picture]:
    """List the pictures of all kinds; those that are made are saved to a folder."""
    kinds = {
        "cheques": (row for row in _rows(data) if "cheque" in row.path),
        "photos of a row": (row for row in _rows(data) if "cheque" not in row.path),
        "pages": _pages(data),
        **{
            f"composed, {name}": _composed(folder, name, spacing)
            for name, spacing in SPACINGS.items()
        },
        **{
            f"single, {name}": _singles(folder, data / "digits" / f"{name}.npz", count)
            for name, count in NUM_SINGLES.items()
        },
        "clothes": _clothes(folder, data / "fashion_2000.npz"),
    }
    return [
        picture._replace(kind=kind)
        for kind, pictures in kinds.items()
        for picture in islice(pictures, limit)
    ]


def _rows(data: Path) -> list[Picture]:
    with (data / "rows" / "rows.csv").open(newline="") as file:
        return [
            Picture("", str(data / "rows" / row["file"]), row["text"])
            for row in csv.DictReader(file)
        ]


def _pages(data: Path) -> Iterator[Picture]:
    pages = json.loads((data / "pages" / "pages.json").read_text())
    for name, rows in pages.items():
        text = "".join(number for row in rows for number in row)
        yield Picture("", str(data / "pages" / name), text)


def _composed(folder: Path, name: str, spacing: Spacing) -> Iterator[Picture]:
    for index, row in enumerate(compose_rows(spacing, NUM_COMPOSED)):
        yield _saved(folder, f"{name} {index}", row.picture, row.text)


def _singles(folder: Path, path: Path, count: int) -> Iterator[Picture]:
    with np.load(path) as file:
        images, labels = file["images"], file["labels"]
    for index in np.random.default_rng(0).permutation(len(images))[:count]:
        yield _saved(folder, f"{path.stem} {index}", images[index], str(labels[index]))


def _clothes(folder: Path, path: Path) -> Iterator[Picture]:
    for picture in _singles(folder, path, NUM_CLOTHES):
        yield picture._replace(text="")


def _saved(folder: Path, name: str, picture: np.ndarray, text: str) -> Picture:
    path = str(folder / f"{name}.png")
    cv2.imwrite(path, picture)
    return Picture("", path, text)


@cache
def install(requirements: tuple[str, ...], environment: Path) -> Path:
    """Install packages into the environment, which is made if need be; return its Python.

    Raises:
        NotAvailableError: If they can't be had.
    """
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(environment)])
    _run([str(python), "-m", "pip", "--disable-pip-version-check", "install", *requirements])
    return python


def read_by(name: str, environment: Path, paths: list[str]) -> Figures:
    """Read pictures in one of the ways, by a process of its own with one thread.

    Raises:
        NotAvailableError: If it can't be installed or run, as where it lacks its models.
    """
    way = WAYS[name]
    if way.program and not shutil.which(way.program):
        raise NotAvailableError(f"there is no program {way.program}")
    python = install(way.requirements, environment) if way.requirements else Path(sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        pictures, texts = Path(folder) / "pictures.json", Path(folder) / "texts.json"
        pictures.write_text(json.dumps(paths))
        _run([str(python), str(WORKER), name, str(pictures), str(texts)])
        found: Figures = json.loads(texts.read_text())
    return found


def _run(command: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    if command[0] != sys.executable:
        # What is on the path of this process is no part of the other environment.
        environment.pop("PYTHONPATH", None)
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        raise NotAvailableError(
            lines[-1] if lines else f"exit status {error.returncode}"
        ) from error
    except OSError as error:
        raise NotAvailableError(str(error)) from error


def measure(name: str, environment: Path, pictures: list[Picture]) -> Figures:
    """Count the pictures of each kind whose digits are right; those without any: not one read."""
    way = WAYS[name]
    pictures = way.choose(pictures)
    found = read_by(name, environment, [picture.path for picture in pictures])
    right: dict[str, list[int]] = {}
    for picture, text in zip(pictures, found["texts"], strict=True):
        count = right.setdefault(picture.kind, [0, 0])
        count[0] += "".join(c for c in text if c in "0123456789") == picture.text
        count[1] += 1
    return {
        "title": way.title.format(version=found["version"]),
        "version": found["version"],
        "right": right,
        "errors": sum(error is not None for error in found["errors"]),
        "megabytes": found["bytes"] / 1e6,
        "commit": find_commit(),
    }


def measure_speed(names: list[str], environment: Path, pictures: list[Picture]) -> Figures:
    """Time these ways on the same cheques, one after the other: seconds of computing for each."""
    cheques = [picture.path for picture in pictures if picture.kind == "cheques"][:NUM_TIMED]
    seconds = {}
    for name in names:
        try:
            seconds[name] = read_by(name, environment, cheques)["seconds"]
        except NotAvailableError as error:
            tell(name, error)
    return {
        "cheques": len(cheques),
        "seconds": seconds,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }


def tell(name: str, error: NotAvailableError) -> None:
    """Say in a line what can't be had."""
    print(f"{name}: not available here: {error}", file=sys.stderr)


def show(figures: Figures) -> None:
    """Print the table: a row for each kind of picture, a column for each way to read."""
    ways, seconds = figures["ways"], figures["speed"]["seconds"]
    table = Table("right on", box=None, header_style="bold", pad_edge=False)
    for name in ways:
        table.add_column(name, justify="right")
    for kind in dict.fromkeys(kind for way in ways.values() for kind in way["right"]):
        counts = (way["right"].get(kind) for way in ways.values())
        table.add_row(kind, *("{} of {}".format(*count) if count else "" for count in counts))
    times = (f"{1000 * seconds[name]:.0f} ms" if name in seconds else "" for name in ways)
    table.add_row("a cheque", *times)
    table.add_row("on disk", *(f"{way['megabytes']:.1f} MB" for way in ways.values()))
    table.add_row("errors", *(str(way["errors"]) for way in ways.values()))
    table.add_row("version", *(way["version"] for way in ways.values()))
    Console(width=max(160, Console().width)).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of handwriting")
    parser.add_argument(
        "--env",
        type=Path,
        default=ROOT / "runs" / "peers" / "env",
        help="where the environment of the other packages is, or is made",
    )
    parser.add_argument(
        "--only", nargs="+", choices=PACKAGES, metavar="PACKAGE", help="keep what others read"
    )
    parser.add_argument("--limit", type=int, help="at most so many pictures of each kind")
    arguments = parser.parse_args()
    is_whole = arguments.limit is None
    figures: Figures = {"ways": {}}
    if is_whole and arguments.only and RESULT.exists():
        figures = json.loads(RESULT.read_text())
    ways = figures["ways"]

    def save() -> None:
        if is_whole:
            figures["ways"] = {name: ways[name] for name in WAYS if name in ways}
            write_atomic(RESULT, (json.dumps(figures, indent=2) + "\n").encode())

    with tempfile.TemporaryDirectory() as folder:
        pictures = list_pictures(arguments.data.resolve(), Path(folder), arguments.limit)
        for name in WAYS:
            package = name.partition("_")[0]
            if package not in (arguments.only or PACKAGES):
                continue
            try:
                ways[name] = measure(name, arguments.env, pictures)
            except NotAvailableError as error:
                tell(name, error)
                continue
            if package == "digits":
                figures |= {"network": Network().metadata, "line_network": LineNetwork().metadata}
            save()
        timed = [name for name in ways if "cheques" in WAYS[name].kinds]
        figures["speed"] = measure_speed(timed, arguments.env, pictures)
        save()
    show(figures)


if __name__ == "__main__":
    main()
