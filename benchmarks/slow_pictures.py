"""Pictures made to be slow to read: crowded pages, zig-zags, scribble, textures.

    python benchmarks/slow_pictures.py

Prints the time of each.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from damaged_files import peak_bytes
from findings import Findings
from jaxtyping import UInt8
from pen_paths import Stroke, number

from digits.errors import DigitsError, InvalidInput
from digits.reading import Reader

SIDE = 2000
"""Width and height, in pixels: four megapixels, the largest that are looked at unshrunk."""

LIMIT_SECONDS = 2.0
"""Time that reading one may take, on two cores of a processor of 2022 that do nothing else."""

Pixels = UInt8[np.ndarray, "h w"]


def crowded(height: int, gap: int) -> Pixels:
    """A page full of digits, of which all of a row are one word.

    Args:
        height: Of the digits, in pixels.
        gap: From one digit to the next, and half of that between rows, in pixels.
    """
    rng = np.random.default_rng(height)
    page = _page()
    width = round(0.7 * height) + gap
    for top in range(20, SIDE - height - 20, height + gap // 2 + 6):
        text = "".join(rng.choice(list("0123456789"), (SIDE - 40) // width))
        for place, digit in enumerate(text):
            strokes = _digits(digit, 20 + place * width, top, height, int(rng.integers(6)))
            _draw(page, strokes, max(2, height // 12))
    return page


def words(height: int, per_word: int) -> Pixels:
    """A page full of short words."""
    rng = np.random.default_rng(per_word)
    page = _page()
    width = round(per_word * 0.9 * height)
    for top in range(20, SIDE - height - 20, height + height // 2):
        for left in range(20, SIDE - width, width + 3 * height):
            text = "".join(rng.choice(list("0123456789"), per_word))
            _draw(page, _digits(text, left, top, height, int(rng.integers(6))), height // 12)
    return page


def zigzag(rows: int) -> Pixels:
    """Rows of one zig-zag line each."""
    page = _page()
    step = SIDE // rows
    for top in range(step // 8, SIDE - step, step):
        xs = np.arange(10, SIDE - 10, max(4, step // 5))
        ys = np.where(np.arange(len(xs)) % 2, top, top + 0.7 * step)
        _draw(page, [np.stack([xs, ys], axis=1)], max(1, step // 16))
    return page


def scribble(strokes: int) -> Pixels:
    """Short strokes at random."""
    rng = np.random.default_rng(strokes)
    page = _page()
    starts = rng.uniform(0, SIDE, (strokes, 1, 2))
    for stroke in starts + rng.normal(0, 12, (strokes, 4, 2)).cumsum(axis=1):
        _draw(page, [stroke], 2)
    return page


def dots(pitch: int, size: int) -> Pixels:
    """Small upright bars in rows."""
    page = _page()
    for top in range(10, SIDE - 3 * size, pitch + size):
        for left in range(10, SIDE - size, pitch):
            page[top : top + 3 * size, left : left + size] = 0
    return page


def noise(blur: float) -> Pixels:
    """Noise, of a grain as large as the blur, in pixels."""
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), blur)
    return np.asarray(np.clip(128 + 60 * grain / grain.std(), 0, 255).astype(np.uint8))


def spiral() -> Pixels:
    """One line from the middle outwards."""
    turns = np.linspace(0, 2 * np.pi * 60, 60_000)
    points = SIDE / 2 + (turns * 2.5)[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    page = _page()
    _draw(page, [points], 5)
    return page


def photographed(page: Pixels, grain: float = 5, *, exposure: float = 0.85) -> Pixels:
    """A page in uneven light, with the grain of a camera.

    Args:
        page: What is photographed.
        grain: Standard deviation of the grain, in grey levels.
        exposure: Part of the light that is seen where it is brightest.
    """
    rng = np.random.default_rng(1)
    light = np.linspace(1, 0.6, len(page))[:, None] * np.linspace(0.8, 1, page.shape[1])
    seen = cv2.GaussianBlur(page, (0, 0), 0.8) * exposure * light
    seen += rng.normal(0, grain, page.shape)
    return np.asarray(np.clip(seen, 0, 255).astype(np.uint8))


def _page() -> Pixels:
    return np.full((SIDE, SIDE), 255, np.uint8)


def _digits(text: str, left: int, top: int, height: int, style: int) -> list[Stroke]:
    return number(text, left=left, top=top, height=height, style=style, seed=left + top)


def _draw(page: Pixels, strokes: Sequence[object], width: int) -> None:
    lines = [np.round(np.asarray(stroke)).astype(np.int32) for stroke in strokes]
    cv2.polylines(page, lines, False, 0, width, cv2.LINE_AA)


DRAWN: dict[str, Callable[[], Pixels]] = {
    "digits of 40 pixels": lambda: crowded(40, 10),
    "digits of 16 pixels": lambda: crowded(16, 4),
    "digits of 10 pixels": lambda: crowded(10, 3),
    "words of one digit": lambda: words(20, 1),
    "words of three digits": lambda: words(24, 3),
    "5 rows of zig-zags": lambda: zigzag(5),
    "60 rows of zig-zags": lambda: zigzag(60),
    "160 rows of zig-zags": lambda: zigzag(160),
    "1,000 strokes": lambda: scribble(1_000),
    "10,000 strokes": lambda: scribble(10_000),
    "bars": lambda: dots(12, 4),
    "fine bars": lambda: dots(8, 3),
    "fine noise": lambda: noise(1),
    "noise": lambda: noise(3),
    "coarse noise": lambda: noise(12),
    "a spiral": spiral,
}

PICTURES = DRAWN | {
    f"{name}, photographed": lambda draw=draw: photographed(draw()) for name, draw in DRAWN.items()
}


def attack(part: float, seed: int, folder: Path) -> Findings:
    """Read each of the pictures.

    Args:
        part: Of the pictures.
        seed: Not needed: the pictures are always the same.
        folder: Not needed: a fault is told with the picture's name.
    """
    findings, reader = Findings(), Reader()
    for name, draw in islice(PICTURES.items(), round(part * len(PICTURES))):
        picture = draw()
        started = perf_counter()
        try:
            reading = reader.read(picture)
            found = f"{len(reading.digits):,} digits, {len(reading.left_out):,} left out"
        except DigitsError as error:
            found = str(error)
            findings.faults.expect(isinstance(error, InvalidInput), f"{name}: {error}")
        seconds = perf_counter() - started
        findings.faults.expect(seconds < LIMIT_SECONDS, f"{name}: took {seconds:.1f} s")
        findings.add(name, seconds, peak_bytes())
        print(f"{name:40} {seconds:5.2f} s; {found}", flush=True)
    return findings


if __name__ == "__main__":
    sys.exit(len(attack(1, 0, Path()).faults))
