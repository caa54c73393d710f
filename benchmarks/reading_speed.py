"""How long reading takes: the whole command, and pictures that are read by a warm reader."""

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import digits
from digits.reading.line_network import LineNetwork
from digits.reading.reader import Reader
from digits.views import VIEWS

NUM_CHEQUES = 50


def measure_speed(reader: Reader, data: Path, limit: int | None) -> dict[str, Any]:
    """Measure the whole command; a photo of 12 megapixels, warm; glyphs to probabilities; one core.

    The network averages over several views of each glyph; each view is one image to it.
    """
    glyphs = digits.load("mnist").test.images[:1024].numpy()
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "photo.jpg", Path(folder) / "one.png"
        Image.fromarray(_draw_photo()).save(large, quality=90)
        Image.fromarray(255 - glyphs[0]).save(small)
        reader.read(large)
        batch_seconds = _median_seconds(lambda: reader.network.probabilities(glyphs), 51)
        command = [str(Path(sys.executable).with_name("digits")), "read", str(small)]
        figures = {
            "command_seconds": _median_seconds(
                lambda: subprocess.run(command, check=True, capture_output=True), 11
            ),
            "photo_12_megapixels_seconds": _median_seconds(lambda: reader.read(large), 11),
            "glyphs_per_second": len(glyphs) / batch_seconds,
            "views_per_second": len(VIEWS) * len(glyphs) / batch_seconds,
        }
    return {"speed": {**figures, **measure_one_core(reader, data)}}


def measure_one_core(reader: Reader, data: Path) -> dict[str, float]:
    """Measure the median picture of an amount on a cheque, and a drawing, with one thread."""
    single = Reader(LineNetwork(num_threads=1), threshold=reader.threshold)
    drawing = (files("digits.reading") / "samples" / "drawing.png").read_bytes()
    with (data / "rows" / "rows.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["file"].startswith("cheque")]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        single.read(drawing)
        cheques = [
            _median_seconds(partial(single.read, data / "rows" / name), 3)
            for name in names[:NUM_CHEQUES]
        ]
        return {
            "cheque_one_core_seconds": statistics.median(cheques),
            "drawing_one_core_seconds": _median_seconds(lambda: single.read(drawing), 11),
        }
    finally:
        cv2.setNumThreads(threads)


def _draw_photo() -> np.ndarray:
    photo = np.full((3000, 4000, 3), 225, np.uint8)
    for index, digit in enumerate("1729305846"):
        place = 200 + 370 * index, 1600 + 20 * index
        cv2.putText(photo, digit, place, cv2.FONT_HERSHEY_SIMPLEX, 10, (60, 40, 40), 24)
    noise = np.random.default_rng(0).normal(0, 4, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def _median_seconds(do: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        do()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
