import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from digits.errors import InvalidInput
from digits.evaluation.intervals import (
    STUDENT_T,
    estimate_difference,
    estimate_mean,
    wilson_interval,
)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_contains_the_accuracy_and_stays_within_0_to_1(
    counts: tuple[int, int],
) -> None:
    correct, n = counts
    low, high = wilson_interval(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    # By definition, the observed accuracy is 1.96 standard errors away from either end.
    for end in (low, high):
        if 0 < end < 1:
            assert abs(correct / n - end) == pytest.approx(
                1.959964 * (end * (1 - end) / n) ** 0.5, rel=1e-5, abs=1e-12
            )


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(InvalidInput, match="found 3 of 2"):
        wilson_interval(3, 2)


def test_student_s_table_agrees_with_scipy() -> None:
    expected = stats.t.ppf(0.975, np.arange(1, len(STUDENT_T) + 1))
    np.testing.assert_allclose(STUDENT_T, expected, atol=5e-5)


VALUES = st.lists(st.floats(0.9, 1), min_size=2, max_size=12)


@given(values=VALUES)
def test_the_interval_of_a_mean_agrees_with_scipy(values: list[float]) -> None:
    found = estimate_mean(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.standard_error == pytest.approx(stats.sem(values), abs=1e-12)
    if found.standard_error > 1e-9:
        expected = stats.t.interval(0.95, len(values) - 1, found.mean, found.standard_error)
        assert found.interval == pytest.approx(expected, abs=1e-5)


@given(first=VALUES, second=VALUES)
def test_the_interval_of_a_difference_is_never_narrower_than_welch_s(
    first: list[float], second: list[float]
) -> None:
    found = estimate_difference(first, second)
    assert found.mean == pytest.approx(np.mean(first) - np.mean(second))
    if stats.sem(first) > 1e-6 and stats.sem(second) > 1e-6:
        welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
        assert found.interval[0] <= welch.low + 1e-5
        assert found.interval[1] >= welch.high - 1e-5


def test_an_interval_of_many_values_is_a_little_wide_and_not_narrow() -> None:
    values = list(np.linspace(0.98, 0.99, 200))
    found = estimate_mean(values)
    half = (found.interval[1] - found.interval[0]) / 2
    expected = stats.t.ppf(0.975, 199) * stats.sem(values)
    assert expected <= half < 1.05 * expected


@pytest.mark.parametrize("values", [[], [0.99]])
def test_a_mean_of_less_than_two_values_has_no_interval(values: list[float]) -> None:
    with pytest.raises(InvalidInput, match=f"at least 2 values.*found {len(values)}"):
        estimate_mean(values)
    with pytest.raises(InvalidInput, match="at least 2 values"):
        estimate_difference([0.9, 0.91], values)
