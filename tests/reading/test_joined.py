"""Joined ink: which symbols stand on one component, and what becomes of digits among them."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from digits.reading.ink import components_under
from digits.reading.reader import Reader
from tests.reading.drawings import INK, PAPER, draw


def test_symbols_on_one_component_have_its_number() -> None:
    mask = np.zeros((20, 60), bool)
    mask[5:15, 5:25] = mask[4:16, 40:50] = True
    boxes = [(4.0, 4.0, 11.0, 12.0), (15.0, 4.0, 11.0, 12.0), (38.0, 3.0, 14.0, 14.0)]
    left, right, other = components_under(mask, boxes)
    assert left == right != other
    assert 0 not in (left, other)


def test_a_box_without_ink_or_outside_of_the_picture_has_none() -> None:
    mask = np.zeros((20, 60), bool)
    mask[5:15, 5:25] = True
    boxes = [(3.0, 3.0, 20.0, 14.0), (30.0, 2.0, 9.0, 9.0), (70.0, -30.0, 9.0, 9.0)]
    assert components_under(mask, boxes) == [1, 0, 0]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def crossed_circle(page: np.ndarray) -> None:
    cv2.circle(page, (100, 100), 60, INK, 6, cv2.LINE_AA)
    for sign in (-1, 1):
        cv2.line(page, (58, 100 - 42 * sign), (142, 100 + 42 * sign), INK, 6, cv2.LINE_AA)


def disc(page: np.ndarray) -> None:
    cv2.circle(page, (100, 100), 55, INK, cv2.FILLED, cv2.LINE_AA)


def letter(page: np.ndarray) -> None:
    for points in (((50, 150), (50, 50), (100, 110), (150, 50), (150, 150)),):
        cv2.polylines(page, [np.array(points, np.int32)], False, INK, 10, cv2.LINE_AA)


@pytest.mark.parametrize("write", [crossed_circle, disc, letter])
def test_no_part_of_what_is_no_digit_is_one(
    reader: Reader, write: Callable[[np.ndarray], None]
) -> None:
    page = np.full((200, 200), PAPER, np.uint8)
    write(page)
    reading = reader.read(page)
    assert not [digit for digit in reading.digits if digit.reason is None]
    assert reading.left_out or reading.digits, "it is told that something is there"


def test_with_a_threshold_of_zero_nothing_is_refused() -> None:
    page = np.hstack([draw("3"), np.full((160, 160), PAPER, np.uint8)[: draw("3").shape[0]]])
    crossed_circle(page[-200:, -200:])
    digits = Reader(threshold=0).read(page).digits
    assert all(digit.reason is None for digit in digits)
