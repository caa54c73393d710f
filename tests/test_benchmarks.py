"""What the benchmarks of reading count is right, and their pictures are always the same."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest
from alignment import align, count_wrong
from composed_rows import SPACINGS, Row, compose_rows, touching_edges
from hypothesis import given
from hypothesis import strategies as st
from not_digits import KINDS, displays
from ruled_paper import ruled_paper
from silent_errors import most_accepted


@pytest.mark.parametrize(
    ("true", "got", "pairs"),
    [
        ("", "", []),
        ("12", "12", [("1", "1"), ("2", "2")]),
        ("12", "2", [("1", None), ("2", "2")]),
        ("12", "132", [("1", "1"), (None, "3"), ("2", "2")]),
        ("12", "17", [("1", "1"), ("2", "7")]),
        ("12", "?2?", [("1", "?"), ("2", "2"), (None, "?")]),
    ],
)
def test_pairs_what_is_written_with_what_was_read(
    true: str, got: str, pairs: list[tuple[str | None, str | None]]
) -> None:
    assert align(true, got) == pairs


@given(st.text("0123", max_size=8), st.text("0123?", max_size=8))
def test_pairs_keep_both_texts_in_order(true: str, got: str) -> None:
    pairs = align(true, got)
    assert "".join(written or "" for written, _ in pairs) == true
    assert "".join(read or "" for _, read in pairs) == got


@pytest.mark.parametrize(
    ("true", "got", "wrong"),
    [("123", "123", 0), ("123", "173", 1), ("123", "1?3", 0), ("123", "13", 0), ("", "1?4", 2)],
)
def test_counts_accepted_digits_that_are_wrong_or_not_there(
    true: str, got: str, wrong: int
) -> None:
    assert count_wrong(true, got) == wrong


def test_accepts_the_most_readings_with_so_many_wrong() -> None:
    confidences = [0.9, 0.8, 0.7, 0.6, 0.5]
    right = [True, True, False, True, False]
    assert most_accepted(confidences, right, 1) == 2
    assert most_accepted(confidences, right, 25) == 4
    assert most_accepted(confidences, right, 40) == 5


def test_a_threshold_accepts_all_of_one_confidence_or_none() -> None:
    assert most_accepted([0.9, 0.8, 0.8], [True, True, False], 1) == 1


def test_what_was_not_read_is_never_accepted() -> None:
    assert most_accepted([0.9, 0.0], [True, True], 1) == 1
    assert most_accepted([], [], 1) == 0


@pytest.mark.mnist
@pytest.mark.parametrize("kind", SPACINGS)
def test_composes_the_same_rows_again(kind: str) -> None:
    first, again = (list(compose_rows(SPACINGS[kind], 3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.text == other.text
        np.testing.assert_array_equal(one.picture, other.picture)
    assert all(4 <= len(row.text) <= 11 for row in first)


@pytest.mark.mnist
def test_draws_the_same_ruled_paper_again() -> None:
    first, again = (ruled_paper(True, 0.8, 3, seed=1) for _ in range(2))
    assert first.text == again.text
    np.testing.assert_array_equal(first.picture, again.picture)


@pytest.mark.parametrize("make", KINDS)
def test_only_displays_show_digits(
    make: Callable[[np.random.Generator], Iterator[Row]],
) -> None:
    rows = list(islice(make(np.random.default_rng(0)), 6))
    assert all(row.text == "" for row in rows) is (make is not displays)
    assert all(row.picture.std() > 0 for row in rows)


def test_digits_touch_the_edges_of_their_pictures() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 6:22, 10:18] = 255
    (picture,) = touching_edges(image)
    assert picture[0].any()
    assert picture[-1].any()
    assert np.flatnonzero(picture.any(axis=0)).tolist() == list(range(7, 21))
