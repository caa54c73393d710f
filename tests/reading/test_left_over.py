"""Nothing is lost in silence: ink that no symbol covers is listed with its box."""

import cv2
import numpy as np
import pytest

from digits.reading.ink import erase_ruled_lines, left_over
from digits.reading.ink.binarization import binarize
from digits.reading.reader import Reader
from tests.reading.drawings import INK, draw


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_what_is_covered_is_read_and_the_rest_is_told() -> None:
    mask = np.zeros((100, 300), bool)
    mask[20:80, 10:40] = mask[20:80, 60:90] = mask[40:60, 150:170] = True
    mask[50:53, 200:203] = True  # too small to tell of
    found = left_over(mask, mask, [(8, 18, 34, 64)])
    assert {mark.kind for mark in found} == {"not a digit", "speck"}
    assert sorted(mark.box for mark in found) == [(60, 20, 30, 60), (150, 40, 20, 20)]


def test_ruled_lines_that_were_erased_are_told() -> None:
    page = draw("52", height=80, spacing=1.4, margin=60)
    cv2.line(page, (0, 170), (page.shape[1], 170), INK, 2)
    ink = binarize(page)
    found = left_over(ink.mask, erase_ruled_lines(ink).mask, [(60, 50, 200, 90)])
    (rule,) = [mark for mark in found if mark.kind == "rule"]
    assert rule.box[2] > 0.9 * page.shape[1]
    assert abs(rule.box[1] - 169) < 4


def test_a_blank_page_leaves_nothing_over() -> None:
    blank = np.zeros((50, 80), bool)
    assert left_over(blank, blank, []) == []


def test_a_scribble_beside_a_number_is_told_of(reader: Reader) -> None:
    page = np.hstack([draw("47"), np.full((120, 160), 235, np.uint8)])
    for radius in (12, 22, 34):
        cv2.ellipse(page, (page.shape[1] - 80, 60), (radius, radius // 2), 20, 0, 300, INK, 3)
    reading = reader.read(page)
    assert [digit.label for digit in reading.digits][:2] == [4, 7]
    told = [mark.box for mark in reading.left_out]
    told += [digit.box for digit in reading.digits if digit.reason is not None]
    assert any(x > page.shape[1] - 160 for x, _, _, _ in told)
