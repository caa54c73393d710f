"""Pictures that lie on their side or upside down, without a word of it in the file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import UInt8
from PIL import Image

from digits.reading.ink import Picture
from digits.reading.reader import Reader
from tests.reading.drawings import PAPER, draw

Page = UInt8[np.ndarray, "h w"]

ROWS = "24793", "71346", "90452"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def page_of(*rows: str) -> Page:
    """Rows of digits below each other."""
    drawn = [draw(row) for row in rows]
    width = max(row.shape[1] for row in drawn)
    return np.vstack(
        [np.pad(row, ((0, 0), (0, width - row.shape[1])), constant_values=PAPER) for row in drawn]
    )


def turned(page: Page, turns: int) -> Page:
    """Turn a page anticlockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(page, turns))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("rows", [("1995",), ROWS], ids=["a row", "three rows"])
def test_a_page_is_read_whichever_way_it_lies(
    reader: Reader, rows: tuple[str, ...], turns: int
) -> None:
    reading = reader.read(turned(page_of(*rows), turns))
    assert reading.text.split("\n") == list(rows)
    assert reading.turns == -turns % 4
    assert reading.to_dict()["turned"] == 90 * turns


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_boxes_are_those_of_the_picture_as_it_lies(reader: Reader, turns: int) -> None:
    page = turned(page_of(*ROWS), turns)
    upright = reader.read(turned(page, -turns)).digits
    found = reader.read(page).digits
    for digit, expected in zip(found, upright, strict=True):
        left, top, width, height = (round(value) for value in digit.box)
        cut_out = turned(page[top : top + height, left : left + width], -turns)
        x, y, wide, high = (round(value) for value in expected.box)
        assert cut_out.shape == pytest.approx((high, wide), abs=4)
        assert (cut_out < PAPER).sum() == pytest.approx(
            (turned(page, -turns)[y : y + high, x : x + wide] < PAPER).sum(), rel=0.1
        )


@pytest.mark.parametrize("digit", "0123456789")
def test_a_single_digit_is_never_turned(reader: Reader, digit: str) -> None:
    page = draw(digit)
    assert [reader.read(turned(page, turns)).turns for turns in range(4)] == [0] * 4


@pytest.mark.parametrize("column", ["3742", "108", "510802", "8808"])
def test_a_column_of_single_digits_stays(reader: Reader, column: str) -> None:
    reading = reader.read(page_of(*column))
    assert (reading.text.split("\n"), reading.turns) == (list(column), 0)


@pytest.mark.parametrize("number", ["6089", "1961", "8008", "0691"])
def test_a_number_that_reads_both_ways_stays(reader: Reader, number: str) -> None:
    assert (reader.read(draw(number)).text, reader.read(draw(number)).turns) == (number, 0)


def test_a_number_that_is_another_upside_down_is_read_as_it_lies(reader: Reader) -> None:
    reading = reader.read(turned(draw("6089"), 2))
    assert (reading.text, reading.turns) == ("6809", 0)


@given(
    turns=st.integers(0, 3),
    place=st.tuples(st.integers(0, 20), st.integers(0, 9)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 10)),
    scale=st.sampled_from([0.5, 1.0, 3.0]),
    origin=st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_a_box_goes_to_the_original_and_back(
    turns: int, place: tuple[int, int], size: tuple[int, int], scale: float, origin: tuple[int, int]
) -> None:
    grey = np.zeros((20, 41), np.uint8)
    (left, top), (width, height) = place, size
    grey[top : top + height, left : left + width] = 1
    colour = np.zeros((20, 41, 3), np.uint8)
    as_it_lies = Picture(colour, grey, scale, origin, False, None, (20, 41))
    picture = as_it_lies.turned(turns) if turns else as_it_lies
    rows, columns = np.nonzero(picture.grey)
    corner = float(columns.min()), float(rows.min())
    box = *corner, float(np.ptp(columns)) + 1, float(np.ptp(rows)) + 1
    expected = left * scale + origin[0], top * scale + origin[1], width * scale, height * scale
    assert picture.to_original(box) == pytest.approx(expected)
    assert picture.from_original(expected) == pytest.approx(box)


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (1, "it lies on its side; read turned by 90° clockwise"),
        (2, "it is upside down; read turned by 180°"),
        (3, "it lies on its side; read turned by 90° anticlockwise"),
    ],
)
def test_the_command_says_that_a_picture_was_turned(
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    turns: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(turned(draw("1995"), turns)).save("x.png")
    status, output, errors = call("read", "x.png", "--json")
    document = json.loads(output)
    assert (status, document["text"], document["turned"]) == (0, "1995", 90 * turns)
    assert errors == f"digits: x.png: {said}.\n"
