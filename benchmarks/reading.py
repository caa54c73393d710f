"""Read what the reader was not trained on: other people's handwriting, spoilt digits, no digits.

    python benchmarks/reading.py --data ../shared/handwriting

Prints each figure beside the one to reach, writes them to results/reading.json, and what was read
wrong as contact sheets to runs/reading/. The folder holds digits/*.npz (images, labels), rows/ with
rows.csv (file,text), pages/ with pages.json, and fashion_2000.npz; README.md says what they are.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from corruptions import CORRUPTIONS
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

import digits
from digits.evaluation.metrics import expected_calibration_error
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.results import Digit
from digits.views import VIEWS

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "reading.json"
SHEETS = ROOT / "runs" / "reading"
TILE, COLUMNS = 64, 16


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


def read_sets(reader: Reader, data: Path) -> tuple[dict[str, Any], list[Digit]]:
    """The sets of single digits: percent right, nothing refused."""
    figures: dict[str, Any] = {}
    everything, labels_of_all, accepted_of = [], [], []
    for path in sorted((data / "digits").glob("*.npz")):
        with np.load(path) as file:
            images, labels = file["images"], file["labels"]
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


def read_mnist(reader: Reader) -> tuple[dict[str, Any], list[Digit]]:
    """Classify MNIST's test set as it is by the network, and read it as pictures by the reader."""
    test = digits.load("mnist").test
    images, labels = test.images.numpy(), test.labels.numpy()
    probabilities = reader.network.probabilities(images)
    read = reader.read_glyphs(images)
    return {
        "network": float((probabilities.argmax(axis=1) == labels).mean()),
        "as_pictures": float((labels_of(read) == labels).mean()),
        "calibration_error": expected_calibration_error(
            torch.from_numpy(probabilities).double(), test.labels
        ),
        "calibration_error_as_pictures": calibration_error(read, labels),
        "accepted": accepted(read),
    }, read


def read_corruptions(reader: Reader) -> dict[str, float]:
    """MNIST's test set, spoilt in each way; a minute for each."""
    test = digits.load("mnist").test
    images, labels = test.images.numpy(), test.labels.numpy()
    figures = {}
    for corruption in CORRUPTIONS:
        spoilt = corruption(images, np.random.default_rng(0))
        figures[corruption.__name__] = float(
            (labels_of(reader.read_glyphs(spoilt)) == labels).mean()
        )
    return {"mean": statistics.mean(figures.values()), **figures}


def read_rows(reader: Reader, data: Path) -> dict[str, Any]:
    """Pictures of one number: exactly right, whatever stands in lines and spaces."""
    with (data / "rows" / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    figures: dict[str, list[bool]] = {"photos": [], "cheques": []}
    for row in rows:
        reading = reader.read(data / "rows" / row["file"])
        text = "".join(str(digit.label) for digit in reading.digits)
        kind = "cheques" if row["file"].startswith("cheque") else "photos"
        figures[kind].append(text == row["text"])
    return {kind: [sum(right), len(right)] for kind, right in figures.items()}


def read_pages(reader: Reader, data: Path) -> list[int]:
    pages = json.loads((data / "pages" / "pages.json").read_text())
    right = [
        list(reader.read(data / "pages" / name).lines) == [" ".join(row) for row in rows]
        for name, rows in pages.items()
    ]
    return [sum(right), len(right)]


def median_seconds(do: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        do()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure_speed(reader: Reader) -> dict[str, float]:
    """Measure the whole command; a photo of 12 megapixels, warm; glyphs to probabilities.

    The network averages over several views of each glyph; each view is one image to it.
    """
    photo = np.full((3000, 4000, 3), 225, np.uint8)
    for index, digit in enumerate("1729305846"):
        place = 200 + 370 * index, 1600 + 20 * index
        cv2.putText(photo, digit, place, cv2.FONT_HERSHEY_SIMPLEX, 10, (60, 40, 40), 24)
    photo = np.clip(photo + np.random.default_rng(0).normal(0, 4, photo.shape), 0, 255)
    glyphs = digits.load("mnist").test.images[:1024].numpy()
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "photo.jpg", Path(folder) / "one.png"
        Image.fromarray(photo.astype(np.uint8)).save(large, quality=90)
        Image.fromarray(255 - glyphs[0]).save(small)
        reader.read(large)
        batch_seconds = median_seconds(lambda: reader.network.probabilities(glyphs), 51)
        command = [str(Path(sys.executable).with_name("digits")), "read", str(small)]
        return {
            "command_seconds": median_seconds(
                lambda: subprocess.run(command, check=True, capture_output=True), 11
            ),
            "photo_12_megapixels_seconds": median_seconds(lambda: reader.read(large), 11),
            "glyphs_per_second": len(glyphs) / batch_seconds,
            "views_per_second": len(VIEWS) * len(glyphs) / batch_seconds,
        }


def show(figures: dict[str, Any]) -> None:
    table = Table("on", box=None, header_style="bold", pad_edge=False)
    for title in ("found", "to reach", "aim"):
        table.add_column(title, justify="right")
    sets, mnist, clothes = figures["sets"], figures["mnist"], figures["clothes"]
    speed, rows = figures["speed"], figures["rows"]
    percents = {name: f"{value:.2%}" for name, value in sets.items()}
    lines = [
        ("digits: mean of the sets", percents["mean"], "96 %", "98 %"),
        ("digits: worst of the sets", percents["worst"], "90 %", "95 %"),
        *(
            (f"  {name}", percents[name], "", "")
            for name in percents
            if name not in ("mean", "worst") and not name.startswith(("accepted", "calibration"))
        ),
        ("MNIST's test set", f"{mnist['network']:.2%}", "99.60 %", "99.75 %"),
        ("  as pictures", f"{mnist['as_pictures']:.2%}", "", ""),
        ("photos of a row", "{} of {}".format(*rows["photos"]), "6 of 6", ""),
        ("amounts on cheques", f"{rows['cheques'][0] / rows['cheques'][1]:.1%}", "60 %", "80 %"),
        ("pages", "{} of {}".format(*figures["pages"]), "5 of 6", "6"),
        ("corruptions, mean", f"{figures['corruptions']['mean']:.2%}", "95 %", "97.5 %"),
        *(
            (f"  {name}", f"{value:.2%}", "", "")
            for name, value in figures["corruptions"].items()
            if name != "mean"
        ),
        ("calibration error, digits", f"{sets['calibration_error']:.2%}", "3 %", ""),
        ("calibration error, MNIST", f"{mnist['calibration_error']:.2%}", "0.3 %", ""),
        ("  as pictures", f"{mnist['calibration_error_as_pictures']:.2%}", "", ""),
        ("area under curve, MNIST and clothes", f"{clothes['auroc_mnist']:.4f}", "0.995", ""),
        ("area under curve, digits and clothes", f"{clothes['auroc_digits']:.4f}", "0.995", ""),
        ("accepted, MNIST", f"{mnist['accepted']:.1%}", "97 %", ""),
        ("accepted, digits", percents["accepted"], "93 %", ""),
        ("  mean of the sets", percents["accepted_mean_of_sets"], "", ""),
        ("refused, clothes", f"{1 - clothes['accepted']:.1%}", "97 %", ""),
        ("digits read one.png", f"{speed['command_seconds']:.2f} s", "0.6 s", "0.35 s"),
        (
            "a photo of 12 megapixels",
            f"{1000 * speed['photo_12_megapixels_seconds']:.0f} ms",
            "250 ms",
            "100 ms",
        ),
        ("glyphs a second, three views each", f"{speed['glyphs_per_second']:,.0f}", "", ""),
        ("  views a second", f"{speed['views_per_second']:,.0f}", "40,000", "100,000"),
    ]
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of handwriting")
    parser.add_argument("--model", type=Path, help="an ONNX file (default: the package's)")
    arguments = parser.parse_args()
    reader = Reader(arguments.model)
    speed = measure_speed(reader)
    sets, handwriting = read_sets(reader, arguments.data)
    mnist, test = read_mnist(reader)
    with np.load(arguments.data / "fashion_2000.npz") as file:
        clothes = reader.read_glyphs(file["images"])
    figures = {
        "sets": sets,
        "mnist": mnist,
        "rows": read_rows(reader, arguments.data),
        "pages": read_pages(reader, arguments.data),
        "clothes": {
            "auroc_mnist": area_under_curve(test, clothes),
            "auroc_digits": area_under_curve(handwriting, clothes),
            "accepted": accepted(clothes),
        },
        "corruptions": read_corruptions(reader),
        "speed": speed,
        "threshold": reader.threshold,
        "network": Network(arguments.model).metadata,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    show(figures)
    if arguments.model is None:
        write_atomic(RESULT, (json.dumps(figures, indent=2) + "\n").encode())
    print(f"Read wrong: {SHEETS}")


if __name__ == "__main__":
    main()
