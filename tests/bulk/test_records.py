"""What the record of a file says besides what is read."""

from dataclasses import replace

import pytest

from digits.bulk.records import LEFT_OUT, record_of
from digits.bulk.sources import Source
from digits.reading.reader import Reader
from digits.reading.results import NOT_A_DIGIT, Mark
from tests.reading.test_orientation import ROWS, page_of, turned


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(num_threads=1)


@pytest.mark.parametrize("turns", range(4))
def test_a_line_beside_which_a_mark_was_left_out_is_told_however_the_picture_lies(
    reader: Reader, turns: int
) -> None:
    reading = reader.read(turned(page_of(*ROWS), turns))
    assert reading.turns == -turns % 4
    second = reading.picture.from_original(reading.lines[1].box)
    beside = second[0] + second[2] + 10, second[1], 10.0, second[3]
    mark = Mark(NOT_A_DIGIT, reading.picture.to_original(beside))
    record = record_of(Source("a.png", b""), [replace(reading, left_out=(mark,))])
    assert [line["reason"] for line in record.pages[0]["lines"]] == [None, LEFT_OUT, None]
