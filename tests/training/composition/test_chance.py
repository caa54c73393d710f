import numpy as np
import pytest

from digits.training.composition.chance import factor, integer, limits, smooth_field, which


def test_things_happen_as_often_as_their_parts_say(random: np.random.Generator) -> None:
    drawn = [which((0.5, 0.2), random) for _ in range(4000)]
    assert np.bincount(drawn, minlength=3) / 4000 == pytest.approx([0.5, 0.2, 0.3], abs=0.03)
    assert limits((0.5, 0.25)) == [0.5, 0.75]


def test_integers_reach_both_bounds(random: np.random.Generator) -> None:
    assert {integer((2, 4), random) for _ in range(100)} == {2, 3, 4}


def test_factors_are_log_normal_about_one(random: np.random.Generator) -> None:
    logs = np.log([factor(0.2, random) for _ in range(4000)])
    assert logs.mean() == pytest.approx(0, abs=0.02)
    assert logs.std() == pytest.approx(0.2, abs=0.02)


def test_fields_are_smooth(random: np.random.Generator) -> None:
    field = smooth_field((40, 120), (4, 10), random)
    assert field.shape == (40, 120)
    assert np.abs(np.diff(field, axis=1)).max() < 0.7
    assert 0.3 < field.std() < 1.5
