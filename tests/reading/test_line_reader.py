"""Lines as people write them: sideways, on squared paper, with separators, with other networks."""

from collections.abc import Sequence
from importlib.resources import files

import cv2
import numpy as np
import pytest

from digits.reading.confidence import CONFIDENCE
from digits.reading.ink import open_picture
from digits.reading.line_network import Columns, LineNetwork
from digits.reading.line_reader import LineReader
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.symbols import COLUMN_STEP, NUM_CLASSES
from digits.reading.work import Work
from tests.reading.drawings import INK, PAPER, draw, turned, write


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("turns", [1, 3])
def test_a_picture_that_lies_on_its_side_is_read_upright(reader: Reader, turns: int) -> None:
    page = draw("2479", height=90, thickness=8)
    reading = reader.read(np.ascontiguousarray(np.rot90(page, turns)))
    assert reading.text == "2479"
    upright = reader.read(page)
    for digit, expected in zip(reading.digits, upright.digits, strict=True):
        left, top, width, height = digit.box
        back = reading.picture.from_original(digit.box)
        assert reading.picture.to_original(back) == pytest.approx(digit.box)
        assert back == pytest.approx(expected.box, abs=6)
        assert left >= 0
        assert left + width <= page.shape[0] + 3
        assert top >= 0
        assert top + height <= page.shape[1] + 3


def squared(text: str, degrees: float, *, lined: bool) -> np.ndarray:
    """A number on squared or lined paper with strong lines."""
    page = np.full((260, 480), PAPER, np.uint8)
    for y in range(10, 260, 44):
        cv2.line(page, (0, y), (480, y), 110, 2)
    for x in range(10, 480, 44) if not lined else ():
        cv2.line(page, (x, 0), (x, 260), 110, 2)
    for index, digit in enumerate(text):
        write(page, digit, (70 + 75 * index, 165), 80, 7)
    return turned(page, degrees)[120:420, 60:480]


@pytest.mark.parametrize("lined", [True, False], ids=["lined", "squared"])
@pytest.mark.parametrize("degrees", [0, 2, -5])
def test_lines_of_the_paper_are_no_digits(reader: Reader, degrees: float, lined: bool) -> None:
    reading = reader.read(squared("4853", degrees, lined=lined))
    accepted = "".join(digit.text for digit in reading.digits if digit.reason is None)
    assert accepted == "4853"


def test_a_date_is_read_with_its_separators_told(reader: Reader) -> None:
    page = draw("24 12 2025", height=70, thickness=6)
    for index in (2, 5):
        x = 30 + round(70 * 0.95) * index
        cv2.line(page, (x + 52, 20), (x + 12, 115), INK, 6, cv2.LINE_AA)
    reading = reader.read(page)
    assert reading.text == "24?12?2025"
    marks = [mark for mark in reading.left_out if mark.kind == "separator"]
    assert len(marks) == 2


def test_a_line_says_how_sure_all_of_it_is(reader: Reader) -> None:
    reading = reader.read(np.vstack([draw("83    42"), draw("56    97")]))
    assert [line.text for line in reading.lines] == ["83 42", "56 97"]
    for line in reading.lines:
        assert (
            0.5 < line.confidence <= min(1.0, *(digit.confidence + 1e-6 for digit in line.digits))
        )
        left, top, width, height = line.box
        for digit in line.digits:
            x, y = digit.box[0] + digit.box[2] / 2, digit.box[1] + digit.box[3] / 2
            assert left <= x <= left + width
            assert top <= y <= top + height


class Sevens(Network):
    """A network to which every glyph is a seven."""

    def probabilities(self, glyphs: np.ndarray) -> np.ndarray:
        rows = np.full((len(glyphs), 10), 0.01, np.float32)
        rows[:, 7] = 0.91
        return rows


def test_a_network_of_one_s_own_names_the_digits_that_are_found() -> None:
    assert Reader(Sevens()).read(draw("1995")).text == "7777"


class Unsure(LineNetwork):
    """A network of lines to which every line is one digit: a one, or less likely a seven."""

    def columns(self, images: Sequence[np.ndarray]) -> list[Columns]:
        found = []
        for image in images:
            num = image.shape[1] // COLUMN_STEP
            said = np.full((NUM_CLASSES, num), 1e-9, np.float32)
            said[0] = 1
            said[:, num // 2] = 1e-9
            said[[2, 8], num // 2] = 0.6, 0.4
            around = np.array([0.5, 0.5, -0.6, 0.6], np.float32)
            found.append(Columns(np.log(said), np.tile(around[:, None], (1, num))))
        return found


def one_to_seven(page: np.ndarray, glyphs: Network) -> float:
    """Read a digit, and tell how much likelier it is a one than a seven."""
    lines = LineReader(Unsure(num_threads=1), glyphs, threshold=CONFIDENCE.threshold)
    picture = open_picture(page)
    (digit,) = lines.read(picture, Work(picture.num_pixels)).digits
    return digit.probabilities[1] / digit.probabilities[7]


def test_of_a_digit_that_stands_apart_both_networks_are_asked_if_one_is_unsure() -> None:
    both = one_to_seven(draw("7"), Sevens(num_threads=1))
    assert both == pytest.approx(np.sqrt(0.6 * 0.01) / np.sqrt(0.4 * 0.91), rel=0.01)


def test_one_that_is_joined_to_more_is_named_by_the_network_of_lines_alone() -> None:
    page = draw("7")
    middle = page.shape[0] // 2
    page[middle : middle + 8, 10 : page.shape[1] // 2] = INK
    assert one_to_seven(page, Sevens(num_threads=1)) == pytest.approx(0.6 / 0.4, rel=0.01)


def test_a_network_to_which_it_is_no_digit_is_not_heard() -> None:
    class Nothing(Network):
        def probabilities(self, glyphs: np.ndarray) -> np.ndarray:
            return np.full((len(glyphs), 10), 0.1, np.float32)

    unheard = one_to_seven(draw("7"), Nothing(num_threads=1))
    assert unheard == pytest.approx(0.6 / 0.4, rel=0.01)


def test_an_equals_sign_is_not_eleven_on_its_side(reader: Reader) -> None:
    page = np.full((200, 200), PAPER, np.uint8)
    for y in (85, 118):
        cv2.line(page, (60, y), (140, y), INK, 9, cv2.LINE_AA)
    assert not [digit for digit in reader.read(page).digits if digit.reason is None]


def test_a_file_of_a_line_network_reads_lines() -> None:
    weights = files("digits.reading") / "weights" / "lines.onnx"
    assert Reader(str(weights)).read(draw("1995")).text == "1995"


@pytest.mark.parametrize("thickness", [2, 4, 7])
def test_no_digit_is_read_in_an_empty_cell(reader: Reader, thickness: int) -> None:
    cell = np.full((90, 90), PAPER, np.uint8)
    cv2.line(cell, (3, 0), (5, 89), 100, thickness)
    cv2.line(cell, (0, 86), (89, 84), 100, thickness)
    assert not [digit for digit in reader.read(cell).digits if digit.reason is None]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_a_picture_of_one_level_is_blank(reader: Reader, dtype: type) -> None:
    assert reader.read(np.full((60, 90), 60_000, dtype)).text == ""
