"""Batches of composed lines: images of about the same width, with their symbols and boxes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from digits.reading.symbols import LINE_HEIGHT
from digits.training.composition.writers import Writers
from digits.training.composition.line import write_line
from digits.training.composition.paper import to_image

MAX_WIDTH = 400
"""Greatest width of an image, in pixels; what is wider is composed anew."""


@dataclass(frozen=True)
class LineBatch:
    """Images of lines."""

    images: UInt8[np.ndarray, "n 40 w"]
    symbols: list[str]
    boxes: list[list[tuple[float, float, float, float]]]
    """Left, top, right, bottom of each symbol, in pixels."""


def compose_line(writers: Writers, random: np.random.Generator) -> tuple[np.ndarray, str, list]:
    """Compose one line."""
    while True:
        line = write_line(writers, random)
        image, boxes = to_image(line, writers, random)
        if image.shape[1] <= MAX_WIDTH:
            return (255 * image).astype(np.uint8), line.symbols, boxes


def compose_batch(writers: Writers, num: int, seed: tuple[int, ...]) -> LineBatch:
    """Compose lines; the same seed gives the same ones.

    Args:
        writers: Digits to compose them of.
        num: How many.
        seed: Numbers that decide everything.
    """
    random = np.random.default_rng(seed)
    lines = [compose_line(writers, random) for _ in range(num)]
    width = -(-max(image.shape[1] for image, _, _ in lines) // 8) * 8
    images = np.zeros((num, LINE_HEIGHT, width), np.uint8)
    for place, (image, _, _) in zip(images, lines, strict=True):
        place[:, : image.shape[1]] = image
    return LineBatch(images, [symbols for _, symbols, _ in lines], [boxes for _, _, boxes in lines])
