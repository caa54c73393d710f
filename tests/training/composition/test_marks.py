"""Marks: separators, signs, letters and displays."""

import cv2
import numpy as np
import pytest

from digits.training.composition import displays, separators, signs
from digits.training.composition.displays import DISPLAY
from digits.training.composition.letters import LETTER, LETTERS
from digits.training.composition.strokes import Mark, to_ink

MARKS = {
    name: value
    for module in (separators, signs)
    for name, value in vars(module).items()
    if isinstance(value, Mark)
} | {"LETTER": LETTER, "DISPLAY": DISPLAY, "RING": Mark("?", signs.write_ring)}
MARKS |= {f"SIGN{index}": sign for index, sign in enumerate(signs.SIGNS)}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_strokes_lie_within_their_ink_and_are_not_cut_off(
    mark: Mark, random: np.random.Generator
) -> None:
    for width in (0.7, 1.5, 2.5, 4.0):
        strokes = mark.write(random)
        ink, left, top = to_ink(strokes, 20, width)
        assert 0 <= ink.min() < ink.max() <= 1
        edge = max(ink[:, [0, -1]].max(), ink[[0, -1]].max())
        assert edge < 0.85 * ink.max(), "the soft edge of a stroke at most"
        for x, y in (point for stroke in strokes for point in stroke):
            column, row = round(20 * x - left), round(20 * y - top)
            assert 1 <= row < len(ink) - 1
            assert 1 <= column < ink.shape[1] - 1
            assert ink[row - 1 : row + 2, column - 1 : column + 2].any()


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_the_same_seed_writes_the_same_mark(mark: Mark) -> None:
    one, same, other = (mark.write(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_marks_stand_about_where_digits_do(random: np.random.Generator) -> None:
    for mark in MARKS.values():
        heights = [y for _ in range(50) for stroke in mark.write(random) for _, y in stroke]
        assert -0.7 < min(heights) < max(heights) < 1.8


def test_points_are_low_and_apostrophes_high(random: np.random.Generator) -> None:
    def middle(mark: Mark) -> float:
        return float(np.mean([mark.write(random)[0][0][1] for _ in range(100)]))

    assert middle(separators.APOSTROPHE) < 0.3 < 0.8 < middle(separators.POINT)
    assert 0.4 < middle(separators.DASH) < 0.7


def test_segments_of_a_display_do_not_touch(random: np.random.Generator) -> None:
    for _ in range(50):
        strokes = DISPLAY.write(random)
        ink, _, _ = to_ink(strokes, 60, 1)
        num_labels, _ = cv2.connectedComponents((ink > 0.5).astype(np.uint8))
        assert num_labels - 1 == len(strokes)


def test_displays_show_no_one_and_no_seven() -> None:
    lit = {frozenset(segments) for segments in displays.LIT}
    assert len(lit) == len(displays.LIT) == 8
    assert not lit & {frozenset("bc"), frozenset("abc")}
    assert all(segments <= displays.SEGMENTS.keys() for segments in lit)


def test_letters_are_within_a_digit_s_height() -> None:
    assert len(LETTERS) > 30
    for strokes in LETTERS.values():
        for x, y in (point for stroke in strokes for point in stroke):
            assert -0.1 <= x <= 1
            assert -0.01 <= y <= 1.01
