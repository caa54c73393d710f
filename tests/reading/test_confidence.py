"""Confidence of lines: what is doubtful as a whole has its least sure digit refused."""

import numpy as np
import pytest

from digits.reading.confidence import CONFIDENCE, doubt_line, judge
from digits.reading.results import Digit
from tests.reading.drawings import draw


def digit(label: int, confidence: float) -> Digit:
    probabilities = np.full(10, (1 - confidence) / 9)
    probabilities[label] = confidence
    thin = np.zeros((28, 28), np.uint8)
    thin[4:24, 13:15] = draw("1").max()
    return judge(probabilities, thin, (0.0, 0.0, 9.0, 20.0), threshold=0.5)


def refused(digits: list[Digit], line: float, threshold: float = 0.5) -> list[bool]:
    return [one.reason is not None for one in doubt_line(digits, line, threshold=threshold)]


def test_of_a_line_that_is_not_sure_the_least_sure_digit_is_refused() -> None:
    digits = [digit(3, 0.9), digit(4, 0.8), digit(5, 0.95)]
    needed = 0.5 ** (len(digits) / CONFIDENCE.line)
    assert refused(digits, needed * 1.01) == [False, False, False]
    assert refused(digits, needed * 0.99) == [False, True, False]


def test_one_digit_alone_is_likelier_than_all_else_that_the_line_may_say() -> None:
    alone = [digit(7, 0.9)]
    for threshold in (0.5, 0.78):
        assert refused(alone, 0.51, threshold) == [False]
        assert refused(alone, 0.49, threshold) == [True]
    assert refused(alone, 0.01, 0.0) == [False]


@pytest.mark.parametrize("digits", [[], [digit(3, 0.9), digit(4, 0.3)]], ids=["none", "one is"])
def test_nothing_more_is_refused_where_one_is_or_none_is_there(digits: list[Digit]) -> None:
    assert doubt_line(digits, 0.01, threshold=0.5) == digits
