"""Label errors: labels that are likely wrong, by what networks say that have not seen them.

Source: Northcutt, Jiang and Chuang 2021, Confident Learning, arXiv:1911.00068, for how many there
are; which they are, a ranking says that finds more of them than the rule by itself
(docs/experiments.md, "Labels that are wrong").
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from digits.errors import InvalidInput


class LabelErrors(NamedTuple):
    """Labels that are likely wrong, the least probable first."""

    indices: Int64[Tensor, " likely"]
    """Which of the labels they are. (likely,)"""
    suggested: Int64[Tensor, " likely"]
    """The most probable other class of each. (likely,)"""
    confidence: Float[Tensor, " likely"]
    """Probability of each label. (likely,)"""


def find_label_errors(
    probabilities: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]
) -> LabelErrors:
    """Find labels that are likely wrong: as many as confident learning counts, the least probable.

    Args:
        probabilities: Those of each class, for each image, by a network not trained on it.
        labels: The labels as they are, 0 to classes - 1.

    Raises:
        InvalidInput: If there are no images.
    """
    if len(labels) == 0:
        raise InvalidInput("Expected at least one label, found none.")
    own = probabilities.gather(1, labels[:, None])[:, 0]
    indices = own.argsort(stable=True)[: count_label_errors(probabilities, labels)]
    others = probabilities[indices].scatter(1, labels[indices, None], -torch.inf)
    return LabelErrors(indices, others.argmax(dim=1), own[indices])


def count_label_errors(
    probabilities: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]
) -> int:
    """Count the labels that are likely wrong, by confident learning.

    A class is likely for an image if its probability is at least as high as, on average, for the
    images that are labelled with it. Of the classes that are likely for an image, the most probable
    is another than its label: so many times.

    Args:
        probabilities: As `find_label_errors` takes them.
        labels: The same.
    """
    num_classes = probabilities.shape[1]
    own = probabilities.gather(1, labels[:, None])[:, 0]
    counts = labels.bincount(minlength=num_classes)
    sums = torch.zeros(num_classes, dtype=own.dtype).index_add(0, labels, own)
    # A class that labels no image is likely for none.
    thresholds = torch.where(counts > 0, sums / counts.clamp(min=1), torch.inf)
    among_likely = probabilities.where(probabilities >= thresholds, -torch.inf)
    best, found = among_likely.max(dim=1)
    return int(((found != labels) & (best > -torch.inf)).sum())
