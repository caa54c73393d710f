"""Marks: separators, signs, shapes, letters and displays."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digits.training.composition import displays, letters, separators, shapes, signs
from digits.training.composition.displays import DISPLAY
from digits.training.composition.letters import LETTER, LETTERS
from digits.training.composition.strokes import Mark, Stroke, to_ink

MARKS = {
    name: value
    for module in (separators, signs)
    for name, value in vars(module).items()
    if isinstance(value, Mark)
} | {"LETTER": LETTER, "DISPLAY": DISPLAY, "RING": Mark("?", signs.write_ring)}
MARKS |= {f"SIGN{index}": sign for index, sign in enumerate(signs.SIGNS)}
MARKS |= {f"SHAPE{index}": shape for index, shape in enumerate(shapes.SHAPES)}


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


def test_a_disc_has_no_hole_and_circles_have_two(random: np.random.Generator) -> None:
    disc, circles, crossed, *_ = shapes.SHAPES
    holes = [num_holes(mark.write(random)) for mark in (disc, circles, crossed)]
    assert holes == [0, 2, 4]


def num_holes(strokes: list[Stroke]) -> int:
    """Count the holes of what is drawn with a thin pen; what is between two circles is one."""
    ink, _, _ = to_ink(strokes, 60, 3)
    ink = np.pad(ink, 1)
    return int(cv2.connectedComponents((ink < 0.5).astype(np.uint8), connectivity=4)[0]) - 2


def test_a_box_lacks_a_side_at_least_and_has_a_corner(random: np.random.Generator) -> None:
    box = shapes.SHAPES[-1]
    for _ in range(50):
        sides = box.write(random)
        assert len(sides) in (2, 3)
        corners = [side[1] for side in sides[:-1]]
        assert all(
            np.hypot(*np.subtract(corner, side[0])) < 0.2
            for corner, side in zip(corners, sides[1:], strict=True)
        )


def test_printed_letters_have_serifs_at_their_tops_and_feet(
    random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = replace(letters.AMOUNTS, part_scribbles=0.0, part_printed=1.0, part_upright=1.0)
    for part, least in ((0.0, 0), (1.0, 1)):
        monkeypatch.setattr(letters, "AMOUNTS", replace(printed, part_with_serifs=part))
        drawn = [LETTER.write(random) for _ in range(60)]
        level = [sum(len(s) == 2 and s[0][1] == s[1][1] for s in strokes) for strokes in drawn]
        without = [len(strokes) for strokes in drawn]
        assert (np.mean(level) > 1.5) == bool(least)
        assert max(without) > 2 * least
