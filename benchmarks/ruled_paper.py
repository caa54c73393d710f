"""Digits on whole sheets: rows on squared and lined paper, and a small one on a large photo."""

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
from composed_rows import Row
from jaxtyping import Float, UInt8
from samples import write

WIDTH, HEIGHT = 1200, 800
"""Size of a photo of paper, in pixels."""

SPACING, LINE_WIDTH = 72, 2.0
"""Distance of the lines of ruled paper and their width, in pixels."""

LINE, PEN = (90, 130, 200), (40, 50, 120)
"""Colours of the lines, and of the pen."""

SIDE, STEP = 200, 165
"""Side of an image of MNIST on ruled paper, and from one digit to the next, in pixels."""

LARGE_WIDTH, LARGE_HEIGHT, SMALL_SIDE = 4000, 3000, 154
"""Size of a photo of 12 megapixels, and of an image of MNIST whose digit is 110 pixels high."""


def ruled_papers() -> Iterator[Row]:
    """Draw 96 sheets: squared or lined, fainter and darker lines, turned by 0 to 5 degrees."""
    kinds = product((True, False), (0.5, 0.8), range(6), range(4))
    for seed, (is_squared, darkness, degrees, _) in enumerate(kinds):
        yield ruled_paper(is_squared, darkness, degrees, seed)


def ruled_paper(is_squared: bool, darkness: float, degrees: float, seed: int) -> Row:
    """Draw a row of three to five digits on ruled paper.

    Args:
        is_squared: Squares, or lines across only.
        darkness: Share of the lines' colour, 0 to 1.
        degrees: Angle by which the sheet lies turned, its row with it.
        seed: Chooses digits, where they stand, and noise.
    """
    rng = np.random.default_rng(seed)
    text = "".join(map(str, rng.integers(10, size=rng.integers(3, 6))))
    # Drawn upright on a larger sheet, of which the turned middle is seen
    height, width = HEIGHT + 400, WIDTH + 400
    y, x = np.ogrid[:height, :width]
    from_row, from_column = (
        np.abs((place + rng.integers(SPACING)) % SPACING - SPACING / 2) for place in (y, x)
    )
    distance = np.minimum(from_row, from_column) if is_squared else from_row + 0 * x
    lines = darkness * np.clip(LINE_WIDTH / 2 + 0.5 - distance, 0, 1)
    ink = np.zeros((height, width))
    left = (width - STEP * len(text)) // 2 + int(rng.integers(-60, 61))
    top = (height - SIDE) // 2 + int(rng.integers(-150, 151))
    places = [(left + STEP * i, top + int(rng.integers(-8, 9))) for i in range(len(text))]
    write(ink, text, places, SIDE, seed)
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), np.float64)
    turn[:, 2] -= np.array((width - WIDTH, height - HEIGHT)) / 2
    sheet = _paper(HEIGHT, WIDTH, rng)
    for cover, colour in ((lines, LINE), (ink, PEN)):
        _colour(sheet, np.asarray(cv2.warpAffine(cover, turn, (WIDTH, HEIGHT))), colour)
    return Row(_photo(sheet, 2, rng), text)


def small_on_large() -> Iterator[Row]:
    """Draw each of the ten digits, 110 pixels high, on 12 megapixels of grain."""
    for digit in range(10):
        rng = np.random.default_rng(digit)
        ink = np.zeros((LARGE_HEIGHT, LARGE_WIDTH), np.float32)
        place = int(rng.integers(800, 3000)), int(rng.integers(600, 2200))
        write(ink, str(digit), [place], SMALL_SIDE, digit)
        sheet = _paper(LARGE_HEIGHT, LARGE_WIDTH, rng)
        _colour(sheet, ink, PEN)
        yield Row(_photo(sheet, 6, rng), str(digit))


def _paper(height: int, width: int, rng: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    """White paper, dimmer towards its upper left corner."""
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x / width, y / height) + rng.uniform(-0.1, 0.1)
    light = (210 + 60 * distance).astype(np.float32)
    return light[..., None] * np.array((1, 0.995, 0.97), np.float32)


def _colour(
    sheet: Float[np.ndarray, "h w 3"], cover: Float[np.ndarray, "h w"], colour: tuple[int, int, int]
) -> None:
    """Cover a sheet with a colour, where and as much as the cover says."""
    sheet += cover[..., None] * (np.array(colour, np.float32) - sheet)


def _photo(
    sheet: Float[np.ndarray, "h w 3"], grain: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """A photo of a sheet with grain, which spreads a pixel or two, of that many levels."""
    noise = rng.standard_normal(sheet.shape[:2], np.float32)
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8))
    blurred *= grain / blurred.std()
    return np.clip(sheet + blurred[..., None], 0, 255).astype(np.uint8)
