"""Confidence intervals: of an accuracy, of a mean over seeds, of the difference of two means."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from digits.errors import InvalidInput

STUDENT_T = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
"""Half-width of Student's t interval (95 %) in standard errors, from one degree of freedom."""


@dataclass(frozen=True)
class Estimate:
    """Estimate of a mean, or of a difference of means, with its 95 % confidence interval."""

    mean: float
    """Mean on the scale of the values, or the first mean minus the second."""
    standard_error: float
    """Standard error of `mean`."""
    interval: tuple[float, float]
    """Student's t interval (95 %) of the mean. From few values it is wide and may exceed 1."""
    num_values: int
    """Sample size; for a difference, that of the smaller sample."""


def wilson_interval(
    num_correct: int, num_images: int, *, z: float = 1.959964
) -> tuple[float, float]:
    """Compute the Wilson score interval of an accuracy.

    Unlike the normal approximation it stays within 0 to 1 and holds for accuracies close to 1.

    Args:
        num_correct: Number of images classified correctly, 0 to num_images.
        num_images: Number of images, at least 1.
        z: Half-width in standard deviations of the normal distribution; 1.96 gives 95 %.

    Returns:
        Lower and upper end, 0 to 1.

    Raises:
        InvalidInput: If num_images < 1 or num_correct is out of range.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.

    >>> low, high = wilson_interval(9907, 10_000)
    >>> f"{low:.4f} {high:.4f}"
    '0.9886 0.9924'
    """
    if not 0 <= num_correct <= num_images or num_images < 1:
        raise InvalidInput(f"Expected 0 ≤ correct ≤ images, found {num_correct} of {num_images}.")
    p, n = num_correct / num_images, num_images
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # The interval contains the accuracy itself; rounding must not push an end past it.
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean, with Student's t interval (95 %).

    Args:
        values: At least two independent values, such as the accuracy with each seed.

    Returns:
        The mean, its standard error and its interval, on the scale of the values.

    Raises:
        InvalidInput: If there are fewer than two values.

    Source: Student 1908, The probable error of a mean.

    >>> accuracy = estimate_mean([0.991, 0.993, 0.992])
    >>> f"{accuracy.mean:.3f}: {accuracy.interval[0]:.4f} to {accuracy.interval[1]:.4f}"
    '0.992: 0.9895 to 0.9945'
    """
    if len(values) < 2:
        raise InvalidInput(
            f"Expected at least 2 values, because one has no spread; found {len(values)}."
        )
    return _estimate(mean(values), stdev(values) / sqrt(len(values)), len(values))


def estimate_difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Estimate the difference of two means, with a conservative Welch interval (95 %).

    The variances may differ. The degrees of freedom are those of the smaller sample, so the
    interval is never narrower than Welch's.

    Args:
        first: At least two independent values.
        second: At least two independent values of the other sample.

    Returns:
        The mean of `first` minus that of `second`. Its `num_values` is the smaller sample's size.

    Raises:
        InvalidInput: If either sample has fewer than two values.

    Source: Welch 1938, The significance of the difference between two means.
    """
    one, other = estimate_mean(first), estimate_mean(second)
    standard_error = sqrt(one.standard_error**2 + other.standard_error**2)
    return _estimate(one.mean - other.mean, standard_error, min(len(first), len(second)))


def _estimate(mean: float, standard_error: float, num_values: int) -> Estimate:
    # Beyond the table its last entry is a few percent too large, which errs on the wide side.
    half = STUDENT_T[min(num_values - 1, len(STUDENT_T)) - 1] * standard_error
    return Estimate(mean, standard_error, (mean - half, mean + half), num_values)
