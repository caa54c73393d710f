"""Pictures of what is no digit: letters, signs, displays, circles, triangles and empty cells."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from composed_rows import Row
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ACEFGHJKLMNPQRTUVWXY"
"""The capital letters that no one takes for a digit: not B, D, I, O, S and Z."""

SIGNS = "+×÷=#%&@*"

SIGN_FACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-BoldOblique", "DejaVuSans-Oblique",
    "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralBolIta",
    "STIXGeneralItalic",
)  # fmt: skip
"""Faces with all of the signs, which come with matplotlib."""

FACES = (*SIGN_FACES, "cmb10", "cmmi10", "cmr10", "cmss10", "cmtt10")
"""Faces with the letters."""

PLOTTER_FACES = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip
"""Faces of strokes, which come with OpenCV."""

PAPER, INK = 250, 25
SIDE, MIDDLE = 200, (100, 100)

SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcfgd")
"""The segments that light up for each digit."""

ENDS = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
"""Ends of each segment, right and down from the upper left one, in lengths of a segment."""


def letters(rng: np.random.Generator) -> Iterator[Row]:
    """A letter each, in all faces."""
    for face, letter in product(FACES, LETTERS):
        yield Row(_printed(letter, face), "")
    for plotter_face, letter in product(PLOTTER_FACES, LETTERS):
        page = _page()
        place = (55, 145)
        cv2.putText(page, letter, place, plotter_face, 4, INK, 7, cv2.LINE_AA)
        yield Row(page, "")


def signs(rng: np.random.Generator) -> Iterator[Row]:
    """A sign each, in all faces."""
    for face, sign in product(SIGN_FACES, SIGNS):
        yield Row(_printed(sign, face), "")


def displays(rng: np.random.Generator) -> Iterator[Row]:
    """Displays of seven segments a digit, which may be read, or refused."""
    for _ in range(40):
        text = "".join(map(str, rng.integers(10, size=rng.integers(4, 11))))
        length, width, gap = (int(rng.integers(*limits)) for limits in ((35, 60), (5, 12), (4, 9)))
        step = 2 * length
        display = np.full((2 * length + 120, step * len(text) + 120), 20, np.uint8)
        for index, digit in enumerate(text):
            corner = np.array((60 + step * index, 60))
            for segment in SEGMENTS[int(digit)]:
                start, end = (corner + length * np.array(point) for point in ENDS[segment])
                along = np.sign(end - start) * gap
                cv2.line(display, start + along, end - along, 200, width)
        yield Row(display if rng.random() < 0.5 else 255 - display, text)


def circles(rng: np.random.Generator) -> Iterator[Row]:
    """Discs, rings of two circles, and circles that are crossed out; not a zero among them."""
    for _ in range(30):
        page, radius, width = _page(), int(rng.integers(30, 80)), int(rng.integers(3, 8))
        cv2.circle(page, MIDDLE, radius, INK, cv2.FILLED, cv2.LINE_AA)
        yield Row(page, "")
        page = _page()
        for part in (1, 0.6):
            cv2.circle(page, MIDDLE, round(part * radius), INK, width, cv2.LINE_AA)
        yield Row(page, "")
        page = _page()
        cv2.circle(page, MIDDLE, radius, INK, width, cv2.LINE_AA)
        near, far = (MIDDLE[0] + sign * round(0.9 * radius) for sign in (-1, 1))
        cv2.line(page, (near, near), (far, far), INK, width, cv2.LINE_AA)
        cv2.line(page, (near, far), (far, near), INK, width, cv2.LINE_AA)
        yield Row(page, "")


def triangles(rng: np.random.Generator) -> Iterator[Row]:
    """Triangles of about equal sides, as lines and filled."""
    for index in range(80):
        page, width = _page(), int(rng.integers(3, 9))
        angles = rng.uniform(0, 2 * np.pi) + np.radians(
            np.array((0, 120, 240)) + rng.uniform(-15, 15, 3)
        )
        radius = rng.uniform(40, 80)
        corners = 100 + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = np.rint(corners).astype(np.int32)
        if index % 4 == 0:
            cv2.fillPoly(page, [points], INK, cv2.LINE_AA)
        else:
            cv2.polylines(page, [points], True, INK, width, cv2.LINE_AA)
        yield Row(page, "")


def empty_cells(rng: np.random.Generator) -> Iterator[Row]:
    """Cells of a form, each cut out with bits of one to four of its lines."""
    for index in range(120):
        side = (28, 56, 84)[index % 3]
        cell = np.full((side, side), PAPER, np.uint8)
        for edge in rng.choice(4, rng.integers(1, 5), replace=False):
            width = int(rng.integers(1, max(3, side // 14)))
            start = int(rng.integers(0, side // 14 + 1))
            view = np.rot90(cell, edge)  # a line along its top is one along that edge
            view[start : start + width, int(rng.integers(0, 3)) :] = INK
        yield Row(cell if rng.random() < 0.7 else 255 - cell, "")


KINDS: tuple[Callable[[np.random.Generator], Iterator[Row]], ...] = (
    letters, signs, displays, circles, triangles, empty_cells,
)  # fmt: skip
"""What makes the pictures of each kind, with the digits that are on them."""


def _page() -> UInt8[np.ndarray, "h w"]:
    return np.full((SIDE, SIDE), PAPER, np.uint8)


def _printed(character: str, face: str) -> UInt8[np.ndarray, "h w"]:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
    image = Image.new("L", (SIDE, SIDE), PAPER)
    font = ImageFont.truetype(path, 110)
    ImageDraw.Draw(image).text(MIDDLE, character, fill=INK, font=font, anchor="mm")
    return np.array(image)
