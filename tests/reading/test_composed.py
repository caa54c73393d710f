"""Numbers composed of MNIST's test digits are read, and never less of them than before."""

import pytest

from digits.reading.reader import Reader
from tests.reading.composed import CATEGORIES, compose, corpus, read

pytestmark = pytest.mark.mnist

CORPUS = corpus()


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_every_category_has_its_floor() -> None:
    assert CORPUS.keys() == CATEGORIES.keys()


@pytest.mark.parametrize("category", CORPUS)
def test_no_fewer_are_read_right_than_before(reader: Reader, category: str) -> None:
    pictures, floor = CORPUS[category]
    found = {
        number: (composed.lines, read(reader, composed))
        for number in pictures
        for composed in [compose(category, number)]
    }
    wrong = {number: pair for number, pair in found.items() if pair[0] != pair[1]}
    assert len(pictures) - len(wrong) >= floor, wrong
