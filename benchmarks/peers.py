"""Read the same pictures by digits and by other packages that read text without a cloud.

    python benchmarks/peers.py --data ../shared/handwriting

Makes an environment for the other packages, which needs a package index, and reads amounts on
cheques, photos of rows and pages, composed rows and single digits. Of each text the digits are
compared. Prints how many pictures each reads right, and writes it to results/peers.json. What can't
be installed or run is named with the reason. For a first look, --limit 5 reads five pictures of
each kind, and writes no results.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from composed_rows import SPACINGS, Spacing, compose_rows
from peer_worker import read_all
from rich.console import Console
from rich.table import Table

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "peers.json"
WORKER = Path(__file__).with_name("peer_worker.py")

NUM_COMPOSED = 40
"""How many composed rows there are of each kind."""

NUM_SINGLES = {"orand": 150, "sudoku": 108, "nsysu": 150}
"""How many single digits there are of each set, chosen by chance."""


class Peer(NamedTuple):
    """Another package, and how it is used."""

    title: str
    requirements: tuple[str, ...]
    binary: str | None = None
    """A program that it needs to be there."""
    reads_pages: bool = True
    """Whether it finds the lines of a page."""


RAPIDOCR = ("rapidocr==3.10.*", "onnxruntime==1.31.*")
DDDDOCR = ("ddddocr==1.6.*", "onnxruntime==1.31.*")
PYTESSERACT = ("pytesseract==0.3.*",)
PEERS = {
    "rapidocr": Peer("RapidOCR", RAPIDOCR),
    "rapidocr_recogniser": Peer(
        "RapidOCR's recogniser, held to digits", RAPIDOCR, reads_pages=False
    ),
    "ddddocr": Peer("ddddocr", DDDDOCR, reads_pages=False),
    "ddddocr_digits": Peer("ddddocr beta, held to digits", DDDDOCR, reads_pages=False),
    "pytesseract": Peer("Tesseract", PYTESSERACT, "tesseract"),
    "pytesseract_digits": Peer(
        "Tesseract, held to a line of digits", PYTESSERACT, "tesseract", reads_pages=False
    ),
}
"""The packages, by the names of their readers in peer_worker.py."""


class Picture(NamedTuple):
    """A picture in a file, and the digits on it."""

    kind: str
    path: str
    text: str


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
            f"single, {name}": _singles(data, folder, name, count)
            for name, count in NUM_SINGLES.items()
        },
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


def _singles(data: Path, folder: Path, name: str, count: int) -> Iterator[Picture]:
    with np.load(data / "digits" / f"{name}.npz") as file:
        images, labels = file["images"], file["labels"]
    for index in np.random.default_rng(0).permutation(len(images))[:count]:
        yield _saved(folder, f"{name} {index}", images[index], str(labels[index]))


def _saved(folder: Path, name: str, picture: np.ndarray, text: str) -> Picture:
    path = str(folder / f"{name}.png")
    cv2.imwrite(path, picture)
    return Picture("", path, text)


def install(peer: Peer, environment: Path) -> Path:
    """Install a package into the environment, which is made if need be; return its Python.

    Raises:
        NotAvailableError: If it can't be had.
    """
    if peer.binary and not shutil.which(peer.binary):
        raise NotAvailableError(f"there is no program {peer.binary}")
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(environment)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "install", *peer.requirements])
    return python


def read_by_peer(name: str, python: Path, paths: list[str]) -> dict[str, Any]:
    """Read pictures by a package, with the Python of its environment.

    Raises:
        NotAvailableError: If it can't be run, as where it lacks its models.
    """
    with tempfile.TemporaryDirectory() as folder:
        pictures, texts = Path(folder) / "pictures.json", Path(folder) / "texts.json"
        pictures.write_text(json.dumps(paths))
        _run([str(python), str(WORKER), name, str(pictures), str(texts)])
        found: dict[str, Any] = json.loads(texts.read_text())
    return found


def _run(command: list[str]) -> None:
    # What is on the path of this process is no part of the other environment.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        raise NotAvailableError(
            lines[-1] if lines else f"exit status {error.returncode}"
        ) from error
    except OSError as error:
        raise NotAvailableError(str(error)) from error


def read_by_digits(reader: digits.Reader, paths: list[str]) -> dict[str, Any]:
    """Read pictures by this package."""
    package = Path(str(digits.__file__)).parent
    files = (path for path in package.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return {
        **read_all(lambda path: reader.read(path).text, paths),
        "package_bytes": sum(path.stat().st_size for path in files),
        "version": describe_versions()["digits"],
    }


def score(pictures: list[Picture], found: dict[str, Any]) -> dict[str, Any]:
    """Count the pictures of each kind whose digits are right."""
    counts: dict[str, list[int]] = {}
    for picture, text in zip(pictures, found["texts"], strict=True):
        count = counts.setdefault(picture.kind, [0, 0])
        count[0] += "".join(c for c in text if c in "0123456789") == picture.text
        count[1] += 1
    return {
        "right": counts,
        "median_seconds": statistics.median(found["seconds"]),
        "errors": sum(error is not None for error in found["errors"]),
        "package_megabytes": found["package_bytes"] / 1e6,
        "version": found["version"],
    }


def compare(pictures: list[Picture], environment: Path) -> dict[str, dict[str, Any]]:
    """Read the pictures by digits, as it is and refusing nothing, and by the other packages."""
    paths = [picture.path for picture in pictures]
    figures: dict[str, dict[str, Any]] = {}
    for title, reader in (
        ("digits", digits.Reader()),
        ("digits, best guess", digits.Reader(threshold=0)),
    ):
        found = read_by_digits(reader, paths)
        figures[title] = score(pictures, found)
    for name, peer in PEERS.items():
        for_peer = [picture for picture in pictures if peer.reads_pages or picture.kind != "pages"]
        try:
            python = install(peer, environment)
            found = read_by_peer(name, python, [picture.path for picture in for_peer])
        except NotAvailableError as error:
            figures[peer.title] = {"not_available": str(error)}
        else:
            figures[peer.title] = score(for_peer, found)
    return figures


def show(figures: dict[str, dict[str, Any]]) -> None:
    """Print the table: a row for each kind of picture, a column for each package."""
    there = {title: found for title, found in figures.items() if "not_available" not in found}
    table = Table("right on", box=None, header_style="bold", pad_edge=False)
    for title in there:
        table.add_column(title, justify="right")
    for kind in figures["digits"]["right"]:
        counts = (found["right"].get(kind) for found in there.values())
        table.add_row(kind, *("{} of {}".format(*count) if count else "" for count in counts))
    table.add_row(
        "median time", *(f"{1000 * found['median_seconds']:.0f} ms" for found in there.values())
    )
    table.add_row(
        "package and models",
        *(f"{found['package_megabytes']:.1f} MB" for found in there.values()),
    )
    table.add_row("version", *(found["version"] for found in there.values()))
    Console().print(table)
    for title, found in figures.items():
        if "not_available" in found:
            print(f"{title}: not available here: {found['not_available']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of handwriting")
    parser.add_argument(
        "--env",
        type=Path,
        default=ROOT / "runs" / "peers" / "env",
        help="where the environment of the other packages is, or is made",
    )
    parser.add_argument("--limit", type=int, help="at most so many pictures of each kind")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = list_pictures(arguments.data.resolve(), Path(folder), arguments.limit)
        figures = compare(pictures, arguments.env)
    show(figures)
    if arguments.limit is None:
        result = {
            "peers": figures,
            "machine": describe_machine(),
            "versions": describe_versions(),
            "commit": find_commit(),
        }
        write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
