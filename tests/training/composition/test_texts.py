import numpy as np
import pytest

from digits.reading.symbols import SYMBOLS
from digits.training.composition.letters import LETTER, LETTER_AMONG_DIGITS
from digits.training.composition.separators import DASH, POINT
from digits.training.composition.strokes import Mark
from digits.training.composition.texts import (
    AMOUNTS,
    ANY,
    ENDINGS,
    LEADING,
    STRUCTURES,
    Text,
    choose_text,
)


def digits_of(text: Text) -> list[int]:
    return [entry for entry in text if not isinstance(entry, Mark)]


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    random = np.random.default_rng(0)
    return [choose_text(random) for _ in range(6000)]


def test_leading_digits_of_amounts_follow_benford_s_law(texts: list[Text]) -> None:
    leading = [digits[0] for digits in map(digits_of, texts) if digits and digits[0] >= 0]
    assert 0 not in leading
    parts = np.bincount(leading, minlength=10)[1:] / len(leading)
    assert pytest.approx(1) == LEADING.sum()
    assert parts == pytest.approx(LEADING, abs=0.03)
    numbers = sum(bool(digits_of(text)) for text in texts)
    assert len(leading) / numbers == pytest.approx(AMOUNTS.part_amounts, abs=0.03)


def test_part_of_the_texts_has_no_digits_and_no_separators(texts: list[Text]) -> None:
    without = [text for text in texts if not digits_of(text)]
    assert len(without) / len(texts) == pytest.approx(AMOUNTS.part_without_digits, abs=0.015)
    assert any(not text for text in without), "some are blank"
    assert {entry.symbol for text in without for entry in text if isinstance(entry, Mark)} == {"?"}


def test_numbers_are_as_long_as_their_frequencies_say(texts: list[Text]) -> None:
    lengths = [len(digits) for digits in map(digits_of, texts) if digits]
    expected = np.array(AMOUNTS.lengths) / sum(AMOUNTS.lengths)
    found = np.bincount(lengths)[1:] / len(lengths)
    assert found == pytest.approx(expected, abs=0.02)


def test_every_symbol_of_marks_is_one_that_lines_have(texts: list[Text]) -> None:
    symbols = {entry.symbol for text in texts for entry in text if isinstance(entry, Mark)}
    assert symbols == set(SYMBOLS) - set("0123456789")


def test_letters_that_some_writers_digits_look_like_stand_alone_only(texts: list[Text]) -> None:
    assert any(LETTER in text for text in texts)
    assert all(bool(digits_of(text)) == (LETTER not in text) for text in texts if LETTER in text)
    assert all(digits_of(text) for text in texts if LETTER_AMONG_DIGITS in text)


@pytest.mark.parametrize(
    ("structure", "count", "places"),
    [
        (0, 7, [{1, 4}]),
        (0, 4, [{1}]),
        (1, 5, [{2}, {3}, {4}]),
        (1, 3, [{1}, {2}]),
        (2, 6, [{2, 4}]),
    ],
)
def test_separators_stand_where_people_put_them(
    structure: int, count: int, places: list[set[int]], random: np.random.Generator
) -> None:
    found = []
    for _ in range(50):
        plan: list[list[Mark]] = [[] for _ in range(count + 1)]
        STRUCTURES[structure].write(plan, random)
        found.append({index for index, marks in enumerate(plan) if marks})
    assert all(each in places for each in found)
    assert all(each in found for each in places)


def test_numbers_end_with_marks_as_often_as_their_parts_say(texts: list[Text]) -> None:
    numbers = [text for text in texts if digits_of(text)]
    ended = sum(tuple(text[-2:]) == (POINT, DASH) for text in numbers) / len(numbers)
    assert ended == pytest.approx(AMOUNTS.endings[ENDINGS.index((POINT, DASH))], abs=0.015)
    alone = sum(text == [ANY] for text in numbers)
    assert alone > 0
