"""Composition of several batches at once, and what a run remembers of how lines are composed."""

import hashlib
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import Int

from digits.data import Split
from digits.reading.symbols import COLUMN_STEP
from digits.training.composition.batch import LineBatch, compose_batch
from digits.training.composition.hands import Hands

SOURCES = (Path(__file__).parent, Path(__file__).parents[1] / "augmentation")
"""Folders of the code that decides how lines are made."""

MAX_LINES = 2000
"""Most lines composed of a split to evaluate on."""

EVALUATED = 256
"""Lines in a batch of these."""


def compose_batches(hands: Hands, sizes: Sequence[int], seed: tuple[int, ...]) -> list[LineBatch]:
    """Compose batches of lines alike in width, so that little of them is padding.

    Args:
        hands: Digits to compose the lines of.
        sizes: Number of lines in each batch.
        seed: Numbers that decide everything.

    Returns:
        The batches, wide ones and narrow ones in random order.
    """
    lines = compose_batch(hands, sum(sizes), seed)
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
    hands = Hands(split.images.cpu(), split.labels.cpu(), seed=0)
    num = min(MAX_LINES, len(split))
    sizes = [min(EVALUATED, num - begin) for begin in range(0, num, EVALUATED)]
    return compose_batches(hands, sizes, (0,))


def digest_composition() -> str:
    """Digest the code that composes lines: what it draws with is not in a run's recipe.

    Returns:
        The first 12 hexadecimal digits of a SHA-256.
    """
    paths = [path for folder in SOURCES for path in sorted(folder.glob("*.py"))]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:12]


def _widths(lines: LineBatch) -> Int[np.ndarray, " n"]:
    """Find the width of each line without its padding, in whole steps of a column."""
    num_empty = np.argmax(lines.images.max(axis=1)[:, ::-1] > 0, axis=1)
    inked = lines.images.shape[2] - num_empty
    boxed = [ceil(max(right for _, _, right, _ in boxes)) for boxes in lines.boxes]
    ends = np.maximum(inked, boxed)
    return np.asarray(ends + ends % COLUMN_STEP)
