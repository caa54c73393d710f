"""Pictures after what people report: displays, circles, printed letters, sudokus, sheets, grain."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from tests.reading.drawings import INK, PAPER, write

Page = UInt8[np.ndarray, "h w"]

SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcfgd")
"""The segments of a display that light up for each digit."""

ENDS = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
"""Ends of each segment, right and down from the upper left one, in lengths of a segment."""

SUDOKU = (
    "53..7....", "6..195...", ".98....6.", "8...6...3", "4..8.3..1", "7...2...6", ".6....28.",
    "...419..5", "....8..79",
)  # fmt: skip
"""Rows of a sudoku, with a point for each empty cell."""


def on_display(number: str, *, length: int = 70, width: int = 10, gap: int = 8) -> Page:
    """A number on a display of seven segments a digit, light on dark.

    Args:
        number: Its digits.
        length: Of a segment with its gaps, in pixels.
        width: Of a segment, in pixels.
        gap: Between the end of a segment and the point where it would meet the next, in pixels.
    """
    display = np.full((2 * length + 120, round(1.65 * length) * len(number) + 120), 20, np.uint8)
    for index, digit in enumerate(number):
        corner = np.array((60 + round(1.65 * length) * index, 60))
        for segment in SEGMENTS[int(digit)]:
            start, end = (corner + length * np.array(point) for point in ENDS[segment])
            along = np.sign(end - start) * gap
            cv2.line(display, start + along, end - along, 110, width)
    return display


def circled(digit: str, *, thickness: int = 5) -> Page:
    """A digit with a circle drawn around it."""
    page = np.full((400, 500), 250, np.uint8)
    write(page, digit, (222, 232), 80, thickness)
    cv2.circle(page, (250, 192), 120, INK, thickness, cv2.LINE_AA)
    return page


def printed(character: str, *, height: int = 110, side: int = 200) -> Page:
    """A character in print, on white."""
    image = Image.new("L", (side, side), 255)
    middle = side // 2, side // 2
    ImageDraw.Draw(image).text(middle, character, 0, _face(height), anchor="mm")
    return np.asarray(image)


def empty_cell(side: int, *, ink: int = 20, thickness: int = 1) -> Page:
    """A cell cut out of a form with bits of the lines around it, and nothing in it."""
    cell = np.full((side, side), 250, np.uint8)
    cell[: 3 * thickness] = cell[:, -2 * thickness :] = ink
    cell[-thickness:] = cell[:, thickness : 2 * thickness] = ink
    return cell


def in_perspective(page: Page, corners: list[list[int]], size: tuple[int, int]) -> Page:
    """A page seen askew: its corners from the upper left one clockwise, on grey."""
    height, width = page.shape
    around = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    view = cv2.getPerspectiveTransform(around, np.array(corners, np.float32))
    return np.asarray(
        cv2.warpPerspective(page, view, size, flags=cv2.INTER_AREA, borderValue=180), np.uint8
    )


def photographed(page: Page, *, grain: float, dim: float = 0.75) -> Page:
    """With light that falls off to the right, and grain of so many levels."""
    light = np.linspace(1, dim, page.shape[1])
    noise = np.random.default_rng(0).normal(0, grain, page.shape)
    return np.clip(page * light + noise, 0, 255).astype(np.uint8)


def sudoku() -> Page:
    """A photo of a printed sudoku, held a little askew."""
    cell, margin = 80, 48
    side = 9 * cell + 2 * margin
    image = Image.new("L", (side, side), 250)
    for row, digits in enumerate(SUDOKU):
        for column, digit in enumerate(digits.replace(".", " ")):
            middle = margin + cell * (column + 0.5), margin + cell * (row + 0.5)
            ImageDraw.Draw(image).text(middle, digit, 20, _face(44), anchor="mm")
    page = np.array(image)
    for index in range(10):
        at, thickness = margin + cell * index, 5 if index % 3 == 0 else 2
        cv2.line(page, (at, margin), (at, side - margin), 20, thickness)
        cv2.line(page, (margin, at), (side - margin, at), 20, thickness)
    corners = np.array([[0.04, 0.05], [0.95, 0.07], [0.9, 0.94], [0.06, 0.92]]) * side
    askew = in_perspective(page, corners.astype(int).tolist(), (side, side))
    return photographed(askew, grain=2)


def on_squared_sheet(digit: str) -> Page:
    """A photo of one digit on a sheet of squared paper, in mild perspective."""
    page = np.full((1000, 800), 220, np.uint8)
    for at in range(20, 1000, 60):
        cv2.line(page, (0, at), (800, at), 200, 2, cv2.LINE_AA)
        cv2.line(page, (at, 0), (at, 1000), 200, 2, cv2.LINE_AA)
    write(page, digit, (340, 560), 200, 16, ink=60)
    corners = [[-40, -25], [765, -35], [745, 960], [-20, 945]]
    return photographed(in_perspective(page, corners, (700, 900)), grain=3)


def large_on_ruled_sheet(
    digit: str, *, is_squared: bool, slope: float = 0, line: int = 120
) -> Page:
    """A sheet of ruled paper on which a digit is written that is taller than half of it.

    Args:
        digit: What is written.
        is_squared: Squares, or lines across only.
        slope: Fall of the lines.
        line: Grey level of the lines.
    """
    page = np.full((600, 800), PAPER, np.uint8)
    for across in (page, page.T) if is_squared else (page,):
        height, width = across.shape
        for at in range(40, height, 70):
            fall = (-slope if across is not page else slope) * width / 2
            start, end = (0, round(at - fall)), (width, round(at + fall))
            drawn = cv2.line(across.copy(), start, end, line, 3, cv2.LINE_AA)
            across[:] = drawn
    write(page, digit, (260, 500), 400, 36)
    return page


def small_on_large(digit: str) -> Page:
    """A photo of 12 megapixels with grain, and one digit of 110 pixels."""
    page = np.full((3000, 4000), 220, np.uint8)
    write(page, digit, (1800, 1200), 110, 9)
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 20, (500, 500)), (0, 0), 0.8)
    return np.clip(page + np.tile(np.rint(noise), (6, 8)).astype(np.int16), 0, 255).astype(np.uint8)


def faint_zigzags() -> Page:
    """Five rows of a zig-zag, hardly darker than their ground: a thousand strokes that touch."""
    page = np.full((1000, 1000), 128, np.uint8)
    x = np.arange(10, 976, 4)
    for top in range(24, 340, 72):
        points = np.stack([x, top + 18 * (np.arange(len(x)) % 2)], axis=1)
        cv2.polylines(page, [points.astype(np.int32)], False, 112, 2)
    return page


def _face(height: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", height)
