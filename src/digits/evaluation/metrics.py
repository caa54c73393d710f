"""How good predictions are: pure functions of logits, probabilities and labels.

Everything counts first and divides once; sums are made in float64.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, exp, log, sqrt
from statistics import mean, stdev
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from digits.errors import InvalidInput

STUDENT_T = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
"""Half-width of a 95 % interval in standard errors, by degrees of freedom from 1."""

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9)
"""Shares of the images for which the risk is given."""


@dataclass(frozen=True)
class DigitMetrics:
    """One digit against all others. Ratios are 0 where nothing was predicted or present."""

    digit: int
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Metrics:
    """What a network, or a committee, makes of a labelled split."""

    num_images: int
    num_errors: int
    accuracy: float
    """Fraction right, 0 to 1."""
    interval: tuple[float, float]
    """95 % Wilson interval of the accuracy, 0 to 1."""
    negative_log_likelihood: float
    """Mean over images, in nats."""
    expected_calibration_error: float
    """0 to 1; 0.02 is two percentage points."""
    risk_at_coverage: tuple[tuple[float, float], ...]
    """Share of wrong answers when only the surest are given: coverage and risk, 0 to 1."""
    digits: tuple[DigitMetrics, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Counts; row: the true digit, column: the predicted one."""

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, lists and dicts, ready for JSON; counts are `images` and `errors`."""
        return {
            "images": self.num_images,
            "errors": self.num_errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "negative_log_likelihood": self.negative_log_likelihood,
            "expected_calibration_error": self.expected_calibration_error,
            "risk_at_coverage": [list(pair) for pair in self.risk_at_coverage],
            "digits": [asdict(digit) for digit in self.digits],
            "confusion_matrix": [list(row) for row in self.confusion_matrix],
        }


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, bin by bin; empty bins have counts, and means, of 0.

    There is one edge more than there are bins.
    """

    edges: Float[Tensor, " edges"]
    counts: Int[Tensor, " bins"]
    confidence: Float[Tensor, " bins"]
    accuracy: Float[Tensor, " bins"]


@dataclass(frozen=True)
class Estimate:
    """A mean of values that chance moves, or the difference of two: accuracies over seeds, say."""

    mean: float
    """On the scale of the values; of a difference, the first mean minus the second."""
    standard_error: float
    """Of the mean."""
    interval: tuple[float, float]
    """95 % interval of the mean (Student's t). With few values it is wide, and may pass 1."""
    num_values: int
    """Of a difference, those of the smaller sample."""


def compute_metrics(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Metrics:
    """All the figures of a split at once.

    Args:
        logits: A row an image; log-probabilities serve as well. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.
    """
    _check(logits, labels)
    probabilities = logits.double().softmax(dim=1)
    confusion = confusion_matrix(logits.argmax(dim=1), labels, num_classes=logits.shape[1])
    curve = risk_coverage(probabilities, labels)
    num_right, num_images = int(confusion.diagonal().sum()), len(labels)
    return Metrics(
        num_images=num_images,
        num_errors=num_images - num_right,
        accuracy=num_right / num_images,
        interval=wilson_interval(num_right, num_images),
        negative_log_likelihood=negative_log_likelihood(logits, labels),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
        risk_at_coverage=tuple((c, curve.risk_at(c)) for c in COVERAGES),
        digits=digit_metrics(confusion),
        confusion_matrix=tuple(tuple(row) for row in confusion.tolist()),
    )


def wilson_interval(num_right: int, num_images: int, *, z: float = 1.959964) -> tuple[float, float]:
    """Where the true accuracy lies, with 95 % confidence.

    Unlike the textbook ± it stays inside 0–1 and holds near 1, where digits live.

    Args:
        num_right: Images read right, 0 to num_images.
        num_images: At least 1.
        z: Standard deviations either side; 1.96 is 95 %.

    Returns:
        Lower and upper end, 0 to 1.

    Raises:
        InvalidInput: If the counts are impossible.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.

    >>> low, high = wilson_interval(9907, 10_000)
    >>> f"{low:.4f} {high:.4f}"
    '0.9886 0.9924'
    """
    if not 0 <= num_right <= num_images or num_images < 1:
        raise InvalidInput(f"Expected 0 ≤ right ≤ images, found {num_right} of {num_images}.")
    p, n = num_right / num_images, num_images
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # The interval holds the accuracy itself; rounding must not push an end past it.
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def estimate_mean(values: Sequence[float]) -> Estimate:
    """The mean of values, and how far from it the true mean may be.

    Args:
        values: At least two, drawn independently: one for each seed, say.

    Raises:
        InvalidInput: If there are fewer than two.

    Source: Student 1908, The probable error of a mean.

    >>> accuracy = estimate_mean([0.991, 0.993, 0.992])
    >>> f"{accuracy.mean:.3f}: {accuracy.interval[0]:.4f} to {accuracy.interval[1]:.4f}"
    '0.992: 0.9895 to 0.9945'
    """
    if len(values) < 2:
        raise InvalidInput(
            f"Expected at least 2 values, as one has no spread; found {len(values)}."
        )
    return _estimate(mean(values), stdev(values) / sqrt(len(values)), len(values))


def estimate_difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """How far the mean of `first` lies above that of `second`.

    The spreads may differ. Degrees of freedom are those of the smaller sample, which makes the
    interval rather too wide than too narrow; `num_values` is that sample's size.

    Raises:
        InvalidInput: If either has fewer than two values.

    Source: Welch 1938, The significance of the difference between two means.
    """
    one, other = estimate_mean(first), estimate_mean(second)
    standard_error = sqrt(one.standard_error**2 + other.standard_error**2)
    return _estimate(one.mean - other.mean, standard_error, min(len(first), len(second)))


def _estimate(mean: float, standard_error: float, num_values: int) -> Estimate:
    # Past the end of the table the last number is right to a few percent, on the wide side.
    half = STUDENT_T[min(num_values - 1, len(STUDENT_T)) - 1] * standard_error
    return Estimate(mean, standard_error, (mean - half, mean + half), num_values)


def confusion_matrix(
    predictions: Int[Tensor, " n"], labels: Int[Tensor, " n"], *, num_classes: int = 10
) -> Int[Tensor, "classes classes"]:
    """Count how often each class (row) was read as each class (column)."""
    cells = labels.long() * num_classes + predictions.long()
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def digit_metrics(confusion: Int[Tensor, "classes classes"]) -> tuple[DigitMetrics, ...]:
    """Precision, recall and F1 of each class from a confusion matrix."""
    right = confusion.diagonal().double()
    predicted = confusion.sum(dim=0).double()
    present = confusion.sum(dim=1).double()
    # A class that was never predicted, or is absent, has no right ones either: 0 / 1 is 0.
    precision = right / predicted.clamp(min=1)
    recall = right / present.clamp(min=1)
    f1 = 2 * right / (predicted + present).clamp(min=1)
    return tuple(
        DigitMetrics(digit, float(precision[digit]), float(recall[digit]), float(f1[digit]), int(n))
        for digit, n in enumerate(present)
    )


def negative_log_likelihood(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> float:
    """Surprise at the true class, mean over images, in nats. Lower is better; 0 is certain."""
    _check(logits, labels)
    log_probabilities = logits.double().log_softmax(dim=1)
    return float(-log_probabilities.gather(1, labels.long()[:, None]).mean())


def committee(logits: Sequence[Float[Tensor, "n classes"]]) -> Float[Tensor, "n classes"]:
    """Join several predictions: the mean of their probabilities, as log-probabilities."""
    log_probabilities = torch.stack(list(logits)).double().log_softmax(dim=2)
    mean = log_probabilities.logsumexp(dim=0) - log(len(logits))
    return mean.float()


def reliability(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], *, num_bins: int = 15
) -> Reliability:
    """Sort predictions by confidence into equal-width bins on (0, 1].

    Args:
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)
        num_bins: At least 1.

    Raises:
        InvalidInput: If n is 0, lengths differ, or num_bins < 1.
    """
    _check(probabilities, labels)
    if num_bins < 1:
        raise InvalidInput(f"Expected at least 1 bin, found {num_bins}.")
    confidence, predictions = probabilities.double().max(dim=1)
    right = (predictions == labels).double()
    edges = torch.linspace(0, 1, num_bins + 1, dtype=torch.float64)
    # Bin b holds edges[b] < confidence ≤ edges[b + 1].
    bins = torch.bucketize(confidence, edges[1:-1].contiguous())
    counts = torch.bincount(bins, minlength=num_bins)
    divisor = counts.clamp(min=1)
    return Reliability(
        edges=edges,
        counts=counts,
        confidence=torch.bincount(bins, weights=confidence, minlength=num_bins) / divisor,
        accuracy=torch.bincount(bins, weights=right, minlength=num_bins) / divisor,
    )


def expected_calibration_error(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], *, num_bins: int = 15
) -> float:
    """Gap between confidence and accuracy, averaged over confidence bins.

    Args:
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)
        num_bins: Equal-width bins on (0, 1].

    Returns:
        Error on a 0-1 scale; 0.02 is two percentage points. Lower is better.

    Raises:
        InvalidInput: If n is 0, lengths differ, or num_bins < 1.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    bins = reliability(probabilities, labels, num_bins=num_bins)
    gaps = (bins.confidence - bins.accuracy).abs()
    return float((gaps * bins.counts).sum() / len(labels))


def fit_temperature(logits: Float[Tensor, "*views n classes"], labels: Int[Tensor, " n"]) -> float:
    """The number to divide logits by for the likelihood of the labels to be highest.

    Args:
        logits: A row an image; of several views of it if what is used is the mean of their
            probabilities. (n, classes) or (views, n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Returns:
        The temperature, 0.05 to 20; above 1 for a network that is too sure.

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    views = logits.double().unsqueeze(0) if logits.ndim == 2 else logits.double()
    _check(views[0], labels)
    low, high = log(0.05), log(20)
    # The loss has one minimum: golden-section search keeps it between the two ends.
    golden = (sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss_at(left, views, labels) < _loss_at(right, views, labels):
            high = right
        else:
            low = left
    return exp((low + high) / 2)


def _loss_at(
    log_temperature: float, views: Float[Tensor, "views n classes"], labels: Int[Tensor, " n"]
) -> float:
    return negative_log_likelihood(committee(list(views / exp(log_temperature))), labels)


@dataclass(frozen=True)
class RiskCoverage:
    """What is wrong among the surest answers, for each share of answers that are given."""

    coverage: Float[Tensor, " n"]
    """Share of the images that are answered, from 1/n to 1."""
    risk: Float[Tensor, " n"]
    """Share of those that are wrong."""
    confidence: Float[Tensor, " n"]
    """Of the least sure of them: the threshold that gives this coverage."""

    def risk_at(self, coverage: float) -> float:
        """Share of wrong answers among that share of the images."""
        index = max(0, ceil(coverage * len(self.coverage) - 1e-9) - 1)
        return float(self.risk[index])


def risk_coverage(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]
) -> RiskCoverage:
    """How many errors are left when the least sure answers are withheld.

    Args:
        probabilities: Rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.

    Source: El-Yaniv and Wiener 2010, On the foundations of noise-free selective classification.
    """
    _check(probabilities, labels)
    confidence, answers = probabilities.double().max(dim=1)
    order = confidence.argsort(descending=True, stable=True)
    wrong = (answers != labels)[order].double().cumsum(dim=0)
    count = torch.arange(1, len(labels) + 1, dtype=torch.float64)
    return RiskCoverage(
        coverage=count / len(labels), risk=wrong / count, confidence=confidence[order]
    )


def _check(scores: Tensor, labels: Tensor) -> None:
    if scores.ndim != 2 or labels.ndim != 1 or len(scores) != len(labels) or len(labels) == 0:
        raise InvalidInput(
            "Expected scores (n, classes) and labels (n,) with n ≥ 1, "
            f"found {tuple(scores.shape)} and {tuple(labels.shape)}."
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < scores.shape[1]:
        raise InvalidInput(
            f"Expected labels 0 to {scores.shape[1] - 1}, "
            f"found {int(labels.min())} to {int(labels.max())}."
        )
