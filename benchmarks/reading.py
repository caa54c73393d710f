"""Read what the reader was not trained on: other people's handwriting, spoilt digits, no digits.

    python benchmarks/reading.py --data ../shared/handwriting

Prints each figure beside the ones to reach, writes them to results/reading.json, and what was read
wrong as contact sheets to runs/reading/. The folder holds digits/*.npz (images, labels), rows/ with
rows.csv (file,text), pages/ with pages.json, pictures/ with truth.csv, and fashion_2000.npz;
README.md says what they are. For a first look, `--only rows pictures --limit 10` reads the first
ten pictures of each kind of some sections, and writes no results.
"""

import argparse
import csv
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from alignment import REFUSED, count_wrong
from composed_rows import SPACINGS, Row, compose_rows, touching_edges
from corruptions import CORRUPTIONS
from not_digits import KINDS
from reading_speed import measure_speed
from reading_table import show
from ruled_paper import ruled_papers, small_on_large
from silent_errors import guess, is_accepted_whole, line_confidence, most_accepted
from sklearn.metrics import roc_auc_score

import digits
from digits.errors import InvalidInput
from digits.evaluation.metrics import expected_calibration_error
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reader import Reader
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.results import Digit, Reading

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "reading.json"
SHEETS = ROOT / "runs" / "reading"
TILE, COLUMNS = 64, 16

NUM_COMPOSED, NUM_TOUCHING = 400, 2000
"""How many rows of each kind are composed, and how many digits touch the edges."""

Figures = dict[str, Any]


def load_test(limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The first images and labels of MNIST's test set."""
    test = digits.load("mnist").test
    return test.images[:limit].numpy(), test.labels[:limit].numpy()


def labels_of(read: list[Digit]) -> np.ndarray:
    return np.array([digit.label for digit in read])


def accepted(read: list[Digit]) -> float:
    return float(np.mean([digit.reason is None for digit in read]))


def calibration_error(read: list[Digit], labels: np.ndarray) -> float:
    scores = torch.zeros(len(read), 10, dtype=torch.float64)
    for row, digit in zip(scores, read, strict=True):
        row[digit.label] = digit.confidence
    return expected_calibration_error(scores, torch.from_numpy(labels.astype(np.int64)))


def area_under_curve(inside: list[Digit], outside: list[Digit]) -> float:
    """How often a digit is surer than what is no digit."""
    is_digit = [True] * len(inside) + [False] * len(outside)
    return float(roc_auc_score(is_digit, [digit.confidence for digit in inside + outside]))


def contact_sheet(name: str, wrong: list[tuple[np.ndarray, np.ndarray, str]]) -> None:
    """Each picture that was read wrong, beside its glyph, under what it is and was read as."""
    rows = max(1, -(-len(wrong) // (COLUMNS // 2)))
    sheet = np.full((rows * (TILE + 16), COLUMNS * TILE), 255, np.uint8)
    for index, (picture, glyph, caption) in enumerate(wrong):
        y, x = divmod(index, COLUMNS // 2)
        for place, image in enumerate((picture, glyph)):
            tile = cv2.resize(image, (TILE - 4, TILE - 4), interpolation=cv2.INTER_AREA)
            top, left = y * (TILE + 16), (2 * x + place) * TILE
            sheet[top : top + TILE - 4, left : left + TILE - 4] = tile
        corner = (2 * x * TILE + 4, y * (TILE + 16) + TILE + 8)
        cv2.putText(sheet, caption, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1)
    SHEETS.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(SHEETS / f"{name}.png"), sheet)


def read_sets(reader: Reader, data: Path, limit: int | None) -> tuple[Figures, list[Digit]]:
    """The sets of single digits: percent right, nothing refused."""
    figures: Figures = {}
    everything, labels_of_all, accepted_of = [], [], []
    for path in sorted((data / "digits").glob("*.npz")):
        with np.load(path) as file:
            images, labels = file["images"][:limit], file["labels"][:limit]
        read = reader.read_glyphs(images)
        right = labels_of(read) == labels
        figures[path.stem] = float(right.mean())
        accepted_of.append(accepted(read))
        contact_sheet(
            path.stem,
            [
                (
                    images[i],
                    read[i].glyph,
                    f"{labels[i]} as {read[i].label} {read[i].confidence:.2f}",
                )
                for i in np.flatnonzero(~right)
            ],
        )
        everything += read
        labels_of_all.append(labels)
    figures["mean"] = statistics.mean(figures.values())
    figures["worst"] = min(figures.values())
    figures["accepted"] = accepted(everything)
    figures["accepted_mean_of_sets"] = statistics.mean(accepted_of)
    figures["calibration_error"] = calibration_error(everything, np.concatenate(labels_of_all))
    return figures, everything


def read_mnist(reader: Reader, limit: int | None) -> tuple[Figures, list[Digit]]:
    """Classify MNIST's test set as it is by the network, and read it as pictures by the reader."""
    images, labels = load_test(limit)
    probabilities = reader.network.probabilities(images)
    read = reader.read_glyphs(images)
    return {
        "network": float((probabilities.argmax(axis=1) == labels).mean()),
        "as_pictures": float((labels_of(read) == labels).mean()),
        "calibration_error": expected_calibration_error(
            torch.from_numpy(probabilities).double(), torch.from_numpy(labels)
        ),
        "calibration_error_as_pictures": calibration_error(read, labels),
        "accepted": accepted(read),
    }, read


def read_singles(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Single digits of other people and of MNIST, and beside them clothes, which are no digits."""
    sets, handwriting = read_sets(reader, data, limit)
    mnist, test = read_mnist(reader, limit)
    with np.load(data / "fashion_2000.npz") as file:
        clothes = reader.read_glyphs(file["images"][:limit])
    return {
        "sets": sets,
        "mnist": mnist,
        "clothes": {
            "auroc_mnist": area_under_curve(test, clothes),
            "auroc_digits": area_under_curve(handwriting, clothes),
            "accepted": accepted(clothes),
        },
    }


def read_corruptions(reader: Reader, data: Path, limit: int | None) -> Figures:
    """MNIST's test set, spoilt in each way; a minute for each."""
    images, labels = load_test(limit)
    figures = {}
    for corruption in CORRUPTIONS:
        spoilt = corruption(images, np.random.default_rng(0))
        figures[corruption.__name__] = float(
            (labels_of(reader.read_glyphs(spoilt)) == labels).mean()
        )
    return {"corruptions": {"mean": statistics.mean(figures.values()), **figures}}


def read_touching(reader: Reader, data: Path, limit: int | None) -> Figures:
    """MNIST's test digits as large as their pictures, either way round: accepted and right."""
    images, labels = load_test(NUM_TOUCHING if limit is None else limit)
    touching = touching_edges(images)
    ways = {"white on black": touching, "black on white": 255 - touching}
    return {
        "touching_edges": {
            name: float(
                np.mean(
                    [
                        digit.text == str(label)
                        for digit, label in zip(reader.read_glyphs(seen), labels, strict=True)
                    ]
                )
            )
            for name, seen in ways.items()
        }
    }


def read_as_pictures(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Digits cut from cheques, as single ones and as pictures on which there may be any number.

    A picture is right if exactly one digit was read, and it is right, be it refused or not.
    """
    with np.load(data / "digits" / "orand.npz") as file:
        images, labels = file["images"][:limit], file["labels"][:limit]
    singles = labels_of(reader.read_glyphs(images)) == labels
    guesses = [guess(reader.read(image)) for image in images]
    pictures = [text == str(label) for text, label in zip(guesses, labels, strict=True)]
    return {"as_pictures": {"read_glyphs": float(singles.mean()), "read": float(np.mean(pictures))}}


def read_rows(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Pictures of one number: exactly right, whatever stands in lines and spaces; silent errors."""
    with (data / "rows" / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows_of: dict[str, list[dict[str, str]]] = {"photos": [], "cheques": []}
    for row in rows:
        rows_of["cheques" if row["file"].startswith("cheque") else "photos"].append(row)
    figures: Figures = {}
    readings: list[Reading] = []
    right_of_all: list[bool] = []
    for kind, of_kind in rows_of.items():
        read = [reader.read(data / "rows" / row["file"]) for row in of_kind[:limit]]
        right = [guess(one) == row["text"] for one, row in zip(read, of_kind, strict=False)]
        figures[kind] = [sum(right), len(right)]
        readings += read
        right_of_all += right
    return {"rows": figures, "silent_errors": find_silent_errors(reader, readings, right_of_all)}


def find_silent_errors(reader: Reader, readings: list[Reading], right: list[bool]) -> Figures:
    """How many readings are accepted whole, how many of these are wrong, and what could be had.

    A reading counts as accepted if no digit is refused, and surely if its lines, too, are as sure
    as the reader wants a digit to be. The curve says how many a better threshold on the confidence
    of the lines would accept, with 1, 2 and 5 % of them wrong.
    """
    whole = [is_accepted_whole(reading) for reading in readings]
    confidences = [line_confidence(reading) for reading in readings]
    surely = [
        is_whole and confidence >= reader.threshold
        for is_whole, confidence in zip(whole, confidences, strict=True)
    ]
    return {
        "readings": len(readings),
        **{
            name: {
                "accepted": sum(chosen),
                "wrong": sum(a and not b for a, b in zip(chosen, right, strict=True)),
            }
            for name, chosen in (("whole", whole), ("whole_and_sure", surely))
        },
        "most_accepted": {
            str(percent): most_accepted(confidences, right, percent) for percent in (1, 2, 5)
        },
    }


def read_pages(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Photos of whole pages: all lines right, with nothing refused."""
    pages = json.loads((data / "pages" / "pages.json").read_text())
    right = [
        reader.read(data / "pages" / name).text.split("\n") == [" ".join(row) for row in rows]
        for name, rows in islice(pages.items(), limit)
    ]
    return {"pages": [sum(right), len(right)]}


def read_pictures(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Whole pictures as people have them: exactly right, and accepted digits that are wrong.

    Lines are compared without spaces. Where there are marks that are no digits, question marks may
    stand for them.
    """
    with (data / "pictures" / "truth.csv").open(newline="") as file:
        pictures = list(csv.DictReader(file))
    exact: dict[str, list[bool]] = defaultdict(list)
    num_accepted = num_wrong = 0
    for picture in pictures:
        of_kind = exact[picture["kind"]]
        if limit is not None and len(of_kind) >= limit:
            continue
        try:
            reading = reader.read(data / "pictures" / "pictures" / picture["file"])
        except InvalidInput:
            of_kind.append(False)
            continue
        lines = ["".join(line.text.split()) for line in reading.lines]
        if picture["marks"]:
            lines = [line for line in (line.replace(REFUSED, "") for line in lines) if line]
        of_kind.append("|".join(lines) == picture["text"])
        got = "".join(digit.text for digit in reading.digits)
        num_accepted += len(got.replace(REFUSED, ""))
        num_wrong += count_wrong(picture["text"].replace("|", ""), got)
    everything = [right for of_kind in exact.values() for right in of_kind]
    return {
        "pictures": {
            "exact": [sum(everything), len(everything)],
            "kinds": {kind: [sum(right), len(right)] for kind, right in sorted(exact.items())},
            "accepted_wrong": [num_wrong, num_accepted],
        }
    }


def is_right(reading: Reading, text: str) -> bool:
    """Tell whether a reading says exactly this, but for spaces, and refuses nothing."""
    return "".join(reading.text.split()) == text


def read_composed(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Rows composed of MNIST's test digits, by how they stand: exactly right, by best guess."""
    guesser = Reader(threshold=0)
    count = NUM_COMPOSED if limit is None else limit
    return {
        "composed": {
            name: statistics.mean(
                is_right(guesser.read(row.picture), row.text)
                for row in compose_rows(spacing, count)
            )
            for name, spacing in SPACINGS.items()
        }
    }


def read_sheets(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Rows on ruled paper, and small digits on large photos: exactly right."""
    figures = {}
    for name, sheets in (("ruled_paper", ruled_papers()), ("small_on_large", small_on_large())):
        right = [
            is_right(reader.read(sheet.picture), sheet.text) for sheet in islice(sheets, limit)
        ]
        figures[name] = [sum(right), len(right)]
    return figures


def read_not_digits(reader: Reader, data: Path, limit: int | None) -> Figures:
    """Pictures without a digit: those of which any was accepted.

    Digits of displays may be read; what counts there is one that is accepted and wrong.
    """

    def is_fooled(row: Row) -> bool:
        read = reader.read(row.picture).digits
        return count_wrong(row.text, "".join(digit.text for digit in read)) > 0

    rng = np.random.default_rng(0)
    fooled = {make.__name__: [is_fooled(row) for row in islice(make(rng), limit)] for make in KINDS}
    everything = [value for of_kind in fooled.values() for value in of_kind]
    return {
        "not_digits": {
            "accepted": statistics.mean(everything),
            "kinds": {kind: [sum(of_kind), len(of_kind)] for kind, of_kind in fooled.items()},
        }
    }


SECTIONS: dict[str, Callable[[Reader, Path, int | None], Figures]] = {
    "speed": measure_speed,
    "singles": read_singles,
    "touching": read_touching,
    "as-pictures": read_as_pictures,
    "rows": read_rows,
    "pages": read_pages,
    "pictures": read_pictures,
    "composed": read_composed,
    "sheets": read_sheets,
    "not-digits": read_not_digits,
    "corruptions": read_corruptions,
}
"""What is measured, by the name that --only takes: each returns its figures by their names."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of handwriting")
    parser.add_argument(
        "--model", type=Path, help="a run, or an ONNX file (default: the package's)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help="keep what else was measured"
    )
    parser.add_argument("--limit", type=int, help="at most so many pictures of each kind")
    arguments = parser.parse_args()
    reader = Reader(arguments.model)
    figures: Figures = {}
    for name in arguments.only or SECTIONS:
        started = time.perf_counter()
        figures |= SECTIONS[name](reader, arguments.data, arguments.limit)
        print(f"{name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    show(figures)
    if not any((arguments.model, arguments.limit)):
        before = json.loads(RESULT.read_text()) if arguments.only and RESULT.exists() else {}
        figures = (
            before
            | figures
            | {
                "threshold": reader.threshold,
                "network": Network().metadata,
                "line_network": LineNetwork().metadata,
                "machine": describe_machine(),
                "versions": describe_versions(),
                "commit": find_commit(),
            }
        )
        write_atomic(RESULT, (json.dumps(figures, indent=2) + "\n").encode())
    print(f"Read wrong: {SHEETS}")


if __name__ == "__main__":
    main()
