import numpy as np
import pytest

from digits.training.composition.allographs import ALLOGRAPHS
from digits.training.composition.manner import AMOUNTS, draw_manner


def test_the_same_seed_draws_the_same_manner() -> None:
    one, same, other = (draw_manner(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_upstrokes_and_bars_go_together(random: np.random.Generator) -> None:
    manners = [draw_manner(random) for _ in range(2000)]
    with_upstroke = [manner.has_bar for manner in manners if manner.upstroke]
    without = [manner.has_bar for manner in manners if not manner.upstroke]
    assert np.mean(with_upstroke) > 0.75
    assert np.mean(without) < 0.35


def test_manners_are_within_their_ranges(random: np.random.Generator) -> None:
    for manner in (draw_manner(random) for _ in range(200)):
        assert AMOUNTS.scale[0] <= manner.scale <= AMOUNTS.scale[1]
        assert manner.digit_height == 20 * manner.scale
        assert manner.gap_deviation in AMOUNTS.gap_deviations
        assert any(low <= manner.gap <= high for low, high in AMOUNTS.gaps)
        assert 0 < manner.zero_size <= 1 <= manner.one_size


def test_a_digit_is_written_in_each_of_its_forms_by_as_many_writers(
    random: np.random.Generator,
) -> None:
    manners = [draw_manner(random) for _ in range(2000)]
    for label in range(10):
        chosen = [manner.allographs[label] for manner in manners if label in manner.allographs]
        forms = ALLOGRAPHS.get(label, ())
        assert len(chosen) / 2000 == pytest.approx(
            AMOUNTS.part_of_allographs * bool(forms), abs=0.05
        )
        for form in forms:
            assert chosen.count(form) / len(chosen) == pytest.approx(1 / len(forms), abs=0.1)
