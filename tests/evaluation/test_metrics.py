from math import log

import numpy as np
import pytest
import torch
from scipy import optimize, special
from sklearn import metrics as sk
from torchmetrics.functional.classification import multiclass_calibration_error

from digits.errors import InvalidInput
from digits.evaluation.metrics import (
    compute_metrics,
    confusion_matrix,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    risk_coverage,
)


@pytest.fixture
def sample() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (2000,), generator=generator)
    logits = torch.randn(2000, 10, generator=generator)
    logits[torch.arange(2000), labels] += 2
    return logits, labels


def test_metrics_agree_with_scikit_learn(sample: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, labels = sample
    found = compute_metrics(logits, labels)
    predictions = logits.argmax(dim=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predictions)
    assert found.accuracy == pytest.approx(sk.accuracy_score(labels, predictions))
    assert found.num_errors == int((predictions != labels).sum())
    np.testing.assert_allclose([d.precision for d in found.classes], precision)
    np.testing.assert_allclose([d.recall for d in found.classes], recall)
    np.testing.assert_allclose([d.f1 for d in found.classes], f1)
    np.testing.assert_array_equal([d.support for d in found.classes], support)
    np.testing.assert_array_equal(found.confusion_matrix, sk.confusion_matrix(labels, predictions))
    assert found.negative_log_likelihood == pytest.approx(
        sk.log_loss(labels, logits.double().softmax(dim=1))
    )


def test_calibration_error_agrees_with_torchmetrics(
    sample: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = sample
    probabilities = logits.softmax(dim=1)
    expected = multiclass_calibration_error(probabilities, labels, num_classes=10, n_bins=15)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(
        float(expected), abs=1e-5
    )


def test_certain_and_correct_is_perfectly_calibrated() -> None:
    labels = torch.arange(10)
    assert expected_calibration_error(torch.eye(10), labels) == 0
    assert compute_metrics(1000 * torch.eye(10), labels).negative_log_likelihood == 0


def test_uniform_predictions_cost_the_logarithm_of_ten() -> None:
    found = compute_metrics(torch.zeros(50, 10), torch.arange(50) % 10)
    assert found.negative_log_likelihood == pytest.approx(log(10))
    assert found.expected_calibration_error == pytest.approx(0, abs=1e-12)


def test_a_digit_that_never_occurs_has_zeros_and_no_division_by_zero() -> None:
    found = compute_metrics(torch.eye(10)[[1, 1]], torch.tensor([1, 1]))
    assert (found.classes[7].precision, found.classes[7].recall, found.classes[7].f1) == (0, 0, 0)
    assert found.classes[1].f1 == 1


def test_reliability_counts_every_image_once(sample: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, labels = sample
    bins = reliability(logits.softmax(dim=1), labels, num_bins=10)
    assert int(bins.counts.sum()) == 2000
    filled = bins.counts > 0
    assert (bins.confidence[filled] > bins.edges[:-1][filled]).all()
    assert (bins.confidence[filled] <= bins.edges[1:][filled]).all()


def test_confusion_matrix_rows_are_the_truth() -> None:
    matrix = confusion_matrix(torch.tensor([3, 3, 5]), torch.tensor([3, 5, 5]), num_classes=10)
    assert matrix[[3, 5, 5, 3], [3, 3, 5, 5]].tolist() == [1, 1, 1, 0]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64)),
        (torch.zeros(2, 10), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 10), torch.tensor([0, 10])),
        (torch.zeros(2, 10), torch.tensor([0, -1])),
    ],
)
def test_impossible_input_is_refused(scores: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(InvalidInput, match="Expected"):
        compute_metrics(scores, labels)
    with pytest.raises(InvalidInput, match="Expected"):
        reliability(scores, labels)


def test_impossible_bins_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 1 bin"):
        reliability(torch.eye(10), torch.arange(10), num_bins=0)


def test_the_temperature_is_that_of_scipy_s_minimum(
    sample: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = sample
    for factor in (0.3, 1.0, 4.0):
        scaled = factor * logits
        best = optimize.minimize_scalar(
            lambda t, scaled=scaled: negative_log_likelihood(scaled.double() / t, labels),
            bounds=(0.05, 20),
            method="bounded",
        )
        assert fit_temperature(scaled, labels) == pytest.approx(best.x, rel=1e-2)


def test_the_temperature_of_several_views_is_that_of_their_mean_probabilities(
    sample: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = sample
    views = torch.stack([3 * logits, 3 * logits + torch.randn_like(logits) * 4])
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        means = special.softmax(views.double().numpy() / temperature, axis=2).mean(axis=0)
        return float(-np.log(means[rows, labels.numpy()]).mean())

    best = optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    assert fit_temperature(views, labels) == pytest.approx(best, rel=1e-2)
    # The best temperature for the mean of the logits differs.
    assert abs(fit_temperature(views.mean(dim=0), labels) / best - 1) > 0.05


def test_risk_is_the_error_rate_on_the_most_confident_images(
    sample: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = sample
    probabilities = logits.double().softmax(dim=1)
    curve = risk_coverage(probabilities, labels)
    confidence, predictions = probabilities.max(dim=1)
    for coverage in (0.1, 0.5, 0.95, 1.0):
        chosen = confidence.topk(round(coverage * len(labels))).indices
        risk = (predictions != labels)[chosen].double().mean()
        assert curve.risk_at(coverage) == pytest.approx(float(risk))
    assert curve.coverage[-1] == 1
    assert bool((curve.confidence.diff() <= 0).all())
    found = compute_metrics(logits, labels).risk_at_coverage
    assert dict(found)[1.0] == pytest.approx(1 - compute_metrics(logits, labels).accuracy)
