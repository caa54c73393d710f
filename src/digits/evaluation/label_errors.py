"""Label errors: labels that are likely wrong, by what networks say that have not seen them.

Source: Northcutt, Jiang and Chuang 2021, Confident Learning, arXiv:1911.00068, for how many there
are; which they are, a ranking says that finds more of them than the rule by itself
(docs/experiments.md, "Labels that are wrong").
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from digits.errors import InvalidInput

DOUBTED_MNIST = (
    947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729,
)  # fmt: skip
"""Test images of MNIST with whose label fewer than 3 of 5 people agree.

Source: Northcutt, Athalye and Mueller 2021, arXiv:2103.14749; labelerrors.com."""


class Doubts(NamedTuple):
    """Labels in the order in which they are to be looked at, the least probable first."""

    indices: Int64[Tensor, " n"]
    """Which of the labels they are. (n,)"""
    suggested: Int64[Tensor, " n"]
    """The most probable other class of each. (n,)"""
    confidence: Float[Tensor, " n"]
    """Probability of each label. (n,)"""
    num_likely: int
    """Number of them that are likely wrong."""


def doubt_labels(
    probabilities: Float[Tensor, "n classes"],
    labels: Int64[Tensor, " n"],
    among: Bool[Tensor, " n"] | None = None,
) -> Doubts:
    """Put labels in the order of their probability, and count those that are likely wrong.

    Args:
        probabilities: Those of each class, for each image, by a network not trained on it.
        labels: The labels as they are, 0 to classes - 1.
        among: Whether a label is to be doubted; all are, if not given.

    Raises:
        InvalidInput: If there are no labels.
    """
    if len(labels) == 0:
        raise InvalidInput("Expected at least one label, found none.")
    among = torch.ones_like(labels, dtype=torch.bool) if among is None else among
    own = probabilities.gather(1, labels[:, None])[:, 0]
    chosen = among.nonzero()[:, 0]
    indices = chosen[own[chosen].argsort(stable=True)]
    others = probabilities[indices].scatter(1, labels[indices, None], -torch.inf)
    num_likely = int((find_likely_errors(probabilities, labels) & among).sum())
    return Doubts(indices, others.argmax(dim=1), own[indices], num_likely)


def find_likely_errors(
    probabilities: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]
) -> Bool[Tensor, " n"]:
    """Tell which labels are likely wrong, by confident learning.

    A class is likely for an image if its probability is at least as high as, on average, for the
    images that are labelled with it. A label is likely wrong if, of the classes that are likely,
    the most probable is another.

    Args:
        probabilities: As `doubt_labels` takes them.
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
    return (found != labels) & (best > -torch.inf)
