"""Labels that are likely wrong, against cleanlab, which has the rules from their authors."""

import numpy as np
import pytest
import torch
from cleanlab.filter import find_label_issues

from digits.errors import InvalidInput
from digits.evaluation.label_errors import doubt_labels, find_likely_errors


def noisy(num: int, num_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Probabilities of a network that is mostly right, and labels of which a tenth are others."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, num_classes, num)
    logits = rng.normal(0, 1.2, (num, num_classes))
    logits[np.arange(num), true] += 4.5
    labels = true.copy()
    wrong = rng.random(num) < 0.1
    labels[wrong] = (true[wrong] + rng.integers(1, num_classes, wrong.sum())) % num_classes
    probabilities = torch.from_numpy(logits).softmax(dim=1)
    return probabilities, torch.from_numpy(labels), wrong


@pytest.mark.parametrize(("num_classes", "seed"), [(2, 0), (3, 1), (10, 2), (47, 3)])
def test_the_same_labels_are_found_as_by_cleanlab(num_classes: int, seed: int) -> None:
    probabilities, labels, wrong = noisy(2000, num_classes, seed)
    counted = find_label_issues(
        labels.numpy(), probabilities.numpy(), filter_by="confident_learning", n_jobs=1
    )
    assert np.array_equal(find_likely_errors(probabilities, labels).numpy(), counted)
    found = doubt_labels(probabilities, labels)
    assert found.num_likely == counted.sum()
    expected = find_label_issues(
        labels.numpy(),
        probabilities.numpy(),
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    assert found.indices[: found.num_likely].tolist() == expected.tolist()
    assert wrong[expected].mean() > 0.8
    assert (found.confidence.diff() >= 0).all()
    assert (found.suggested != labels[found.indices]).all()


def test_a_class_without_images_is_likely_for_none() -> None:
    probabilities = torch.tensor([[0.1, 0.9, 0.0], [0.9, 0.05, 0.05], [0.8, 0.15, 0.05]]).double()
    labels = torch.tensor([0, 0, 2])
    assert find_likely_errors(probabilities, labels).tolist() == [False, False, True]
    labels = torch.tensor([0, 1, 2])
    assert find_likely_errors(probabilities, labels).all()


def test_some_of_the_labels_can_be_doubted_alone() -> None:
    probabilities, labels, _ = noisy(500, 5, seed=4)
    among = torch.arange(500) % 2 == 0
    every, some = doubt_labels(probabilities, labels), doubt_labels(probabilities, labels, among)
    assert some.indices.tolist() == [index for index in every.indices.tolist() if index % 2 == 0]
    assert some.num_likely == int(find_likely_errors(probabilities, labels)[::2].sum())


def test_labels_that_the_network_shares_are_not_suspected() -> None:
    probabilities = torch.eye(4, dtype=torch.float64) * 0.9 + 0.025
    assert doubt_labels(probabilities, torch.arange(4)).num_likely == 0


def test_no_labels_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one label, found none"):
        doubt_labels(torch.zeros(0, 3).double(), torch.zeros(0, dtype=torch.int64))
