"""Batches of composed lines: images of about the same width, with their symbols and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Int, UInt8

from digits.data import Split
from digits.reading.symbols import COLUMN_STEP, LINE_HEIGHT
from digits.training.composition.layout import Edges
from digits.training.composition.line import write_line
from digits.training.composition.paper import to_image
from digits.training.composition.writers import Writers


@dataclass(frozen=True)
class BatchAmounts:
    """Amounts of batches.

    Source: chosen to keep memory and time small.
    """

    max_width: int = 400
    """Greatest width of an image, in pixels; what is wider is composed anew."""
    width_step: int = 8
    """Steps in which the width of an image grows, in pixels; even."""
    max_evaluated: int = 2000
    """Greatest number of lines composed of a split to evaluate on."""
    evaluated_batch: int = 256
    """Number of lines in a batch of these."""


AMOUNTS = BatchAmounts()


@dataclass(frozen=True)
class LineBatch:
    """Images of lines."""

    images: UInt8[np.ndarray, "n 40 w"]
    """White on black."""
    symbols: list[str]
    """Symbols of each line."""
    boxes: list[list[Edges]]
    """Box of each symbol, in pixels; a little of one may be outside of the image."""

    def part(self, first: int, num: int) -> "LineBatch":
        """Take so many lines, from the one of this number, with 0 for the first."""
        chosen = slice(first, first + num)
        return LineBatch(self.images[chosen], self.symbols[chosen], self.boxes[chosen])


def compose_line(
    writers: Writers, random: np.random.Generator
) -> tuple[UInt8[np.ndarray, "40 w"], str, list[Edges]]:
    """Compose a line, of which each symbol is seen: its image, its symbols, and their boxes."""
    while True:
        line = write_line(writers, random)
        image, boxes = to_image(line, writers, random)
        # A comma below a digit that hangs may be past the edge.
        is_seen = all(low > 0 and top < LINE_HEIGHT for _, top, _, low in boxes)
        if image.shape[1] <= AMOUNTS.max_width and is_seen:
            return (255 * image).astype(np.uint8), line.symbols, boxes


def compose_batch(writers: Writers, num: int, seed: tuple[int, ...]) -> LineBatch:
    """Compose lines; the same seed gives the same ones.

    Args:
        writers: Digits to compose the lines of.
        num: Number of lines.
        seed: Numbers that decide everything.
    """
    random = np.random.default_rng(seed)
    lines = [compose_line(writers, random) for _ in range(num)]
    width = max(image.shape[1] for image, _, _ in lines)
    step = AMOUNTS.width_step
    images = np.zeros((num, LINE_HEIGHT, ceil(width / step) * step), np.uint8)
    for place, (image, _, _) in zip(images, lines, strict=True):
        place[:, : image.shape[1]] = image
    return LineBatch(images, [symbols for _, symbols, _ in lines], [boxes for _, _, boxes in lines])


def compose_batches(
    writers: Writers, sizes: Sequence[int], seed: tuple[int, ...]
) -> list[LineBatch]:
    """Compose batches of lines alike in width, so that little of them is padding.

    Args:
        writers: Digits to compose the lines of.
        sizes: Number of lines in each batch.
        seed: Numbers that decide everything.

    Returns:
        The batches, wide ones and narrow ones in random order.
    """
    lines = compose_batch(writers, sum(sizes), seed)
    widths = _widths(lines)
    by_width = np.argsort(widths, kind="stable")
    places = np.random.default_rng((*seed, 1)).permutation(len(sizes))
    ends = np.cumsum([sizes[place] for place in places])
    batches: dict[int, LineBatch] = {}
    for place, chosen in zip(places.tolist(), np.split(by_width, ends[:-1]), strict=True):
        batches[place] = LineBatch(
            np.ascontiguousarray(lines.images[chosen, :, : widths[chosen].max()]),
            [lines.symbols[index] for index in chosen],
            [lines.boxes[index] for index in chosen],
        )
    return [batches[place] for place in range(len(sizes))]


def compose_from_split(split: Split) -> list[LineBatch]:
    """Compose lines of a split's digits, always the same ones, to evaluate a network on.

    Args:
        split: The digits.

    Returns:
        Batches with 2,000 lines in all; with fewer digits, as many as there are digits.
    """
    writers = Writers(split.images.cpu(), split.labels.cpu(), seed=0)
    num, size = min(AMOUNTS.max_evaluated, len(split)), AMOUNTS.evaluated_batch
    sizes = [min(size, num - begin) for begin in range(0, num, size)]
    return compose_batches(writers, sizes, (0,))


def _widths(lines: LineBatch) -> Int[np.ndarray, " n"]:
    """Find the width of each line without its padding, in whole steps of a column."""
    has_ink = lines.images.max(axis=1) > 0
    num_empty = np.argmax(has_ink[:, ::-1], axis=1)
    inked = np.where(has_ink.any(axis=1), lines.images.shape[2] - num_empty, LINE_HEIGHT)
    boxed = [ceil(max((right for _, _, right, _ in boxes), default=0)) for boxes in lines.boxes]
    ends = np.maximum(inked, boxed)
    return np.asarray(ends + ends % COLUMN_STEP)
