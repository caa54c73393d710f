"""Numbers composed of MNIST's test digits: pictures by category, and what stands on each.

A category is a function that makes its n-th picture, always the same one. So one picture can be had
without the others, and what the tests count stays what it is.
"""

from collections.abc import Iterator
from functools import cache
from zlib import crc32

import numpy as np

from digits.reading.reader import Reader
from tests.reading.corner_cases import CORNER_CASES
from tests.reading.everyday import EVERYDAY
from tests.reading.pen import Composed, Pen

CATEGORIES = EVERYDAY | CORNER_CASES
NUM_EXAMPLES = 14


def examples() -> Iterator[tuple[str, int]]:
    """Give the category and the number of each picture of the corpus."""
    for name in CATEGORIES:
        for number in range(NUM_EXAMPLES):
            yield name, number


@cache
def compose(name: str, number: int) -> Composed:
    """The picture of this number in a category."""
    rng = np.random.default_rng([crc32(name.encode()), number])
    return CATEGORIES[name](Pen(rng), rng)


def read(reader: Reader, composed: Composed) -> tuple[str, ...]:
    """Read a composed picture; its lines."""
    if composed.is_single:
        (digit,) = reader.read_glyphs([composed.picture])
        return (digit.text,)
    return reader.read(composed.picture).lines
