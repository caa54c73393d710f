"""Soft targets: the probability that each class should have, and the cross-entropy against them.

One tensor says what the loss asks for and which answers count as right: a label is one-hot, label
smoothing moves a part of it to all classes, and an outlier, to which any answer is as right, is
uniform.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def one_hot(labels: Int[Tensor, " n"], num_classes: int) -> Float[Tensor, "n classes"]:
    """Make targets of labels: all probability on the label."""
    return F.one_hot(labels, num_classes).float()


def smooth_labels(
    targets: Float[Tensor, "n classes"], label_smoothing: float
) -> Float[Tensor, "n classes"]:
    """Spread this part of the probability evenly over all classes (label smoothing).

    Source: Szegedy et al. 2015, arXiv:1512.00567.
    """
    # Uniform targets stay as they are, to the bit. A tensor made of a number would be copied to a
    # GPU, and wait for it.
    return targets.lerp(targets.new_full((), 1 / targets.shape[1]), label_smoothing)


def smoothed_entropy(label_smoothing: float, num_classes: int) -> float:
    """Entropy of a smoothed label in nats: the least cross-entropy that a network can reach.

    >>> f"{smoothed_entropy(0.1, 10):.3f}"
    '0.500'
    """
    targets = smooth_labels(one_hot(torch.tensor([0]), num_classes), label_smoothing)
    return float(torch.special.entr(targets).sum())


def cross_entropy(
    logits: Float[Tensor, "n classes"], targets: Float[Tensor, "n classes"]
) -> Float[Tensor, " n"]:
    """Cross-entropy of each image's prediction against its targets, in nats."""
    return F.cross_entropy(logits, targets, reduction="none")


def is_right(
    logits: Float[Tensor, "n classes"], targets: Float[Tensor, "n classes"]
) -> Bool[Tensor, " n"]:
    """Whether the predicted class has the greatest target; any class does if they are uniform."""
    predictions = logits.argmax(dim=1, keepdim=True)
    return targets.gather(1, predictions)[:, 0] == targets.amax(dim=1)
