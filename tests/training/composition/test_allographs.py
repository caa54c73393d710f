from dataclasses import replace

import numpy as np
import pytest

from digits.training.composition.allographs import ALLOGRAPHS, AMOUNTS, Allograph, write_allograph
from digits.training.composition.digit import write_digit
from digits.training.composition.letters import LETTERS, LIKE_DIGITS
from digits.training.composition.manner import Manner
from digits.training.composition.writers import Shape, stroke_width

ALL = [(label, allograph) for label, allographs in ALLOGRAPHS.items() for allograph in allographs]


@pytest.mark.parametrize(("label", "allograph"), ALL)
def test_a_form_is_as_high_as_a_digit_and_no_wider_than_two(
    label: int, allograph: Allograph
) -> None:
    points = np.array([point for stroke in allograph for point in stroke])
    low, high = points.min(axis=0), points.max(axis=0)
    assert low[1] == pytest.approx(0, abs=0.12), label
    assert high[1] == pytest.approx(1, abs=0.06), label
    assert 0.1 < high[0] - low[0] < 1, label


@pytest.mark.parametrize(("label", "allograph"), ALL)
def test_strokes_that_meet_stay_together_however_they_are_distorted(
    label: int, allograph: Allograph, random: np.random.Generator
) -> None:
    ends = [point for stroke in allograph for point in (stroke[0], stroke[-1])]
    for _ in range(20):
        written = write_allograph(allograph, random)
        found = [point for stroke in written for point in (stroke[0], stroke[-1])]
        for one, end in zip(found, ends, strict=True):
            for other, other_end in zip(found, ends, strict=True):
                assert np.allclose(one, other, atol=1e-9) == (end == other_end), label


def test_points_move_as_far_as_the_amounts_say(random: np.random.Generator) -> None:
    allograph = ALLOGRAPHS[4][1]
    feet = np.array([write_allograph(allograph, random)[-1][-1] for _ in range(2000)])
    assert feet[:, 1].mean() == pytest.approx(allograph[-1][-1][1], abs=0.01)
    assert feet[:, 1].std() == pytest.approx(AMOUNTS.jitter[1], rel=0.1)


def test_writers_write_the_digits_of_their_forms_and_others_as_they_are(
    plain: Manner, random: np.random.Generator
) -> None:
    bar = np.full((20, 3), 255, np.uint8)
    writer = replace(plain, allographs={4: ALLOGRAPHS[4][0]})
    fours = [write_digit(Shape(bar, 4), writer, random) for _ in range(100)]
    assert {four.symbol for four in fours} == {"4"}
    heights, widths = np.mean([four.ink.shape for four in fours], axis=0)
    assert 20 < heights < 20 + 2 * stroke_width(bar), "the pen is as wide as before"
    assert widths > 8
    assert write_digit(Shape(bar, 5), writer, random).ink.shape[1] < 6


def test_letters_like_digits_are_letters() -> None:
    assert set(LIKE_DIGITS) < LETTERS.keys()
