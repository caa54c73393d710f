"""How good predictions are: pure functions of logits, probabilities and labels.

Everything counts first and divides once; sums are made in float64.
"""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from digits.errors import InvalidInput


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
    num_right, num_images = int(confusion.diagonal().sum()), len(labels)
    return Metrics(
        num_images=num_images,
        num_errors=num_images - num_right,
        accuracy=num_right / num_images,
        interval=wilson_interval(num_right, num_images),
        negative_log_likelihood=negative_log_likelihood(logits, labels),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
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
