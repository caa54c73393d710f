"""Numbers composed of MNIST's test digits: pictures by category, and what stands on each.

A category is a function that makes its n-th picture, always the same one. So one picture can be had
without the others, and what the tests count stays what it is.
"""

import json
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from digits.reading.reader import Reader
from tests.reading.corner_cases import CORNER_CASES
from tests.reading.everyday import EVERYDAY
from tests.reading.pen import Composed, Pen

CATEGORIES = EVERYDAY | CORNER_CASES

CORPUS_FILE = Path(__file__).with_name("composed.json")
"""Floors: by category, the numbers of the pictures that are tested, and how many were read right;
written by `benchmarks/sensitivity.py --floors`, which leaves out those that a little less contrast
has read otherwise: so could the rounding of another processor."""

WITNESSES_FILE = Path(__file__).with_name("witnesses.json")
"""Witnesses: by tuned number, category and number of a picture that is read right, but not when
the tuned number is doubled; written by `benchmarks/sensitivity.py --witnesses`."""


@cache
def compose(category: str, number: int) -> Composed:
    """Make the picture of this number in a category."""
    rng = np.random.default_rng([crc32(category.encode()), number])
    return CATEGORIES[category](Pen(rng), rng)


def corpus() -> dict[str, tuple[list[int], int]]:
    """Load the floors: by category, the numbers of its pictures, and how many are read right."""
    content = json.loads(CORPUS_FILE.read_text())
    return {category: (found["pictures"], found["right"]) for category, found in content.items()}


def read(reader: Reader, composed: Composed) -> tuple[str, ...]:
    """Read a composed picture, and return its lines."""
    if composed.is_single:
        (digit,) = reader.read_glyphs([composed.picture])
        return (digit.text,)
    return tuple(line.text for line in reader.read(composed.picture).lines if line.text)
