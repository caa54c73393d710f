"""Classification metrics: accuracy, confusion, calibration, selective prediction.

All are pure functions of logits or probabilities and labels. Counts are added up first and
divided once; sums are in float64.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, exp, log, sqrt
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from digits.errors import InvalidInput
from digits.evaluation.intervals import wilson_interval

COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9)
"""Coverages, as fractions of the images, at which `Metrics` states the risk."""


@dataclass(frozen=True)
class ClassMetrics:
    """One-vs-rest metrics of a class; a ratio is 0 where its denominator is."""

    label: int
    """The class, from 0."""
    precision: float
    """Fraction of the images predicted as this class that are of it, 0 to 1."""
    recall: float
    """Fraction of the images of this class that are predicted as it, 0 to 1."""
    f1: float
    """Harmonic mean of precision and recall, 0 to 1."""
    support: int
    """Number of images of this class."""


@dataclass(frozen=True)
class Metrics:
    """Metrics of a network, or of a committee of networks, on a labelled split."""

    num_images: int
    """Number of images."""
    num_errors: int
    """Number of images classified wrongly."""
    accuracy: float
    """Fraction of images classified correctly, 0 to 1."""
    interval: tuple[float, float]
    """Wilson interval (95 %) of the accuracy: lower and upper end, 0 to 1."""
    negative_log_likelihood: float
    """Negative log-likelihood of the labels, mean over images, in nats."""
    expected_calibration_error: float
    """Expected calibration error, 0 to 1; 0.02 is two percentage points."""
    risk_at_coverage: tuple[tuple[float, float], ...]
    """Points (coverage, risk) of the risk–coverage curve at `COVERAGES`, 0 to 1."""
    classes: tuple[ClassMetrics, ...]
    """Metrics of each class, in the order of the classes."""
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Numbers of images; the row is the true class, the column the predicted one."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            The fields by their names, but `images` and `errors` for the two counts.
        """
        return {
            "images": self.num_images,
            "errors": self.num_errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "negative_log_likelihood": self.negative_log_likelihood,
            "expected_calibration_error": self.expected_calibration_error,
            "risk_at_coverage": [list(pair) for pair in self.risk_at_coverage],
            "classes": [asdict(each) for each in self.classes],
            "confusion_matrix": [list(row) for row in self.confusion_matrix],
        }


@dataclass(frozen=True)
class Reliability:
    """Calibration curve: mean confidence and accuracy in each bin of confidence.

    `charts.reliability_diagram` draws it. In an empty bin all values are 0.
    """

    edges: Float[Tensor, " edges"]
    """Edges of the bins, 0 to 1; one more than there are bins."""
    counts: Int[Tensor, " bins"]
    """Number of images in each bin."""
    confidence: Float[Tensor, " bins"]
    """Mean confidence of the images in each bin, 0 to 1."""
    accuracy: Float[Tensor, " bins"]
    """Accuracy on the images in each bin, 0 to 1."""

    @property
    def mean_confidence(self) -> float:
        """Mean confidence of all images, 0 to 1."""
        return float((self.counts * self.confidence).sum() / self.counts.sum())

    @property
    def mean_accuracy(self) -> float:
        """Accuracy on all images, 0 to 1."""
        return float((self.counts * self.accuracy).sum() / self.counts.sum())


def compute_metrics(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> Metrics:
    """Compute all metrics of a split.

    Args:
        logits: Logits or log-probabilities, one row per image. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Returns:
        The metrics of the class with the highest logit in each row.

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.
    """
    _check(logits, labels)
    probabilities = logits.double().softmax(dim=1)
    confusion = confusion_matrix(logits.argmax(dim=1), labels, num_classes=logits.shape[1])
    curve = risk_coverage(probabilities, labels)
    num_correct, num_images = int(confusion.diagonal().sum()), len(labels)
    return Metrics(
        num_images=num_images,
        num_errors=num_images - num_correct,
        accuracy=num_correct / num_images,
        interval=wilson_interval(num_correct, num_images),
        negative_log_likelihood=negative_log_likelihood(logits, labels),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
        risk_at_coverage=tuple((c, curve.risk_at(c)) for c in COVERAGES),
        classes=class_metrics(confusion),
        confusion_matrix=tuple(tuple(row) for row in confusion.tolist()),
    )


def confusion_matrix(
    predictions: Int[Tensor, " n"], labels: Int[Tensor, " n"], *, num_classes: int
) -> Int[Tensor, "classes classes"]:
    """Count how often each class was predicted as each class.

    Args:
        predictions: Predicted classes, 0 to num_classes - 1. (n,)
        labels: True classes, 0 to num_classes - 1. (n,)
        num_classes: Number of classes.

    Returns:
        Counts; the row is the true class, the column the predicted one. (classes, classes)
    """
    cells = labels.long() * num_classes + predictions.long()
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def class_metrics(confusion: Int[Tensor, "classes classes"]) -> tuple[ClassMetrics, ...]:
    """Compute precision, recall and F1 score of each class.

    Args:
        confusion: Counts as `confusion_matrix` returns them. (classes, classes)

    Returns:
        One record per class, in the order of the classes.
    """
    correct = confusion.diagonal().double()
    predicted = confusion.sum(dim=0).double()
    present = confusion.sum(dim=1).double()
    # A class that is never predicted, or absent, has no correct predictions either: 0 / 1 is 0.
    precision = correct / predicted.clamp(min=1)
    recall = correct / present.clamp(min=1)
    f1 = 2 * correct / (predicted + present).clamp(min=1)
    return tuple(
        ClassMetrics(label, float(precision[label]), float(recall[label]), float(f1[label]), int(n))
        for label, n in enumerate(present)
    )


def negative_log_likelihood(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> float:
    """Compute the negative log-likelihood (cross-entropy) of the labels.

    Args:
        logits: Logits or log-probabilities, one row per image. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Returns:
        Mean over images, in nats, at least 0. Lower is better.

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.
    """
    _check(logits, labels)
    log_probabilities = logits.double().log_softmax(dim=1)
    return float(-log_probabilities.gather(1, labels.long()[:, None]).mean())


def committee(logits: Sequence[Float[Tensor, "n classes"]]) -> Float[Tensor, "n classes"]:
    """Average the predictions of an ensemble: a committee of networks, or several views.

    Args:
        logits: The logits of each member, at least one. (n, classes)

    Returns:
        Logarithms of the members' mean probabilities. (n, classes)
    """
    log_probabilities = torch.stack(list(logits)).double().log_softmax(dim=2)
    mean = log_probabilities.logsumexp(dim=0) - log(len(logits))
    return mean.float()


def reliability(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], *, num_bins: int = 15
) -> Reliability:
    """Compute the calibration curve of a reliability diagram.

    Args:
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)
        num_bins: Number of equal-width bins of confidence on (0, 1], at least 1.

    Returns:
        Count, mean confidence and accuracy of each bin.

    Raises:
        InvalidInput: If n is 0, lengths differ, or num_bins < 1.
    """
    _check(probabilities, labels)
    if num_bins < 1:
        raise InvalidInput(f"Expected at least 1 bin, found {num_bins}.")
    confidence, predictions = probabilities.double().max(dim=1)
    correct = (predictions == labels).double()
    edges = torch.linspace(0, 1, num_bins + 1, dtype=torch.float64)
    # Bin b holds edges[b] < confidence ≤ edges[b + 1].
    bins = torch.bucketize(confidence, edges[1:-1].contiguous())
    counts = torch.bincount(bins, minlength=num_bins)
    divisor = counts.clamp(min=1)
    return Reliability(
        edges=edges,
        counts=counts,
        confidence=torch.bincount(bins, weights=confidence, minlength=num_bins) / divisor,
        accuracy=torch.bincount(bins, weights=correct, minlength=num_bins) / divisor,
    )


def expected_calibration_error(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"], *, num_bins: int = 15
) -> float:
    """Compute the expected calibration error (ECE).

    It is the gap between confidence and accuracy in each bin of confidence, averaged over images.

    Args:
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)
        num_bins: Number of equal-width bins of confidence on (0, 1], at least 1.

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
    """Fit the temperature of temperature scaling by maximum likelihood.

    Args:
        logits: One row per image: (n, classes). Where the prediction is the mean of the
            probabilities of several views of an image: (views, n, classes).
        labels: True classes, 0 to classes - 1. (n,)

    Returns:
        The temperature by which the logits are divided, 0.05 to 20. It exceeds 1 for an
        overconfident network.

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    views = logits.double().unsqueeze(0) if logits.ndim == 2 else logits.double()
    _check(views[0], labels)
    low, high = log(0.05), log(20)
    # The loss has a single minimum, and golden-section search brackets it.
    golden = (sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = (_loss_at(point, views, labels) for point in (left, right))
    while high - low > 1e-4:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = _loss_at(left, views, labels)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = _loss_at(right, views, labels)
    return exp((low + high) / 2)


def _loss_at(
    log_temperature: float, views: Float[Tensor, "views n classes"], labels: Int[Tensor, " n"]
) -> float:
    return negative_log_likelihood(committee(list(views / exp(log_temperature))), labels)


@dataclass(frozen=True)
class RiskCoverage:
    """Risk–coverage curve of selective prediction, by descending confidence."""

    coverage: Float[Tensor, " n"]
    """Fraction of the images for which a prediction is given, from 1/n to 1."""
    risk: Float[Tensor, " n"]
    """Error rate on those images, 0 to 1."""
    confidence: Float[Tensor, " n"]
    """Lowest confidence among those images: the threshold that gives this coverage."""

    def risk_at(self, coverage: float) -> float:
        """Look up the risk at a coverage.

        Args:
            coverage: Fraction of the images, 0 to 1.

        Returns:
            Error rate on at least that fraction, those of the highest confidence, 0 to 1.
        """
        index = max(0, ceil(coverage * len(self.coverage) - 1e-9) - 1)
        return float(self.risk[index])


def risk_coverage(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]
) -> RiskCoverage:
    """Compute the risk–coverage curve of selective prediction (a reject option).

    Args:
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        labels: True classes, 0 to classes - 1. (n,)

    Returns:
        One point for each number of predictions given, from 1 to n.

    Raises:
        InvalidInput: If n is 0, lengths differ, or a label is out of range.

    Source: El-Yaniv and Wiener 2010, On the foundations of noise-free selective classification.
    """
    _check(probabilities, labels)
    confidence, predictions = probabilities.double().max(dim=1)
    order = confidence.argsort(descending=True, stable=True)
    wrong = (predictions != labels)[order].double().cumsum(dim=0)
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
