"""Targets of lines: the symbols and their boxes, the loss against them, and what counts as right.

Symbols are aligned with columns by the network itself (CTC); boxes are regressed in the columns
that lie within them.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from digits.reading.ctc import BLANK, greedy
from digits.reading.symbols import (
    COLUMN_STEP,
    DIGIT_HEIGHT,
    LINE_HEIGHT,
    NUM_CLASSES,
    SYMBOLS,
)
from digits.training.composition import LineBatch

BOX_WEIGHT = 2.0
"""Weight of the boxes' loss, in nats a unit of distance; that of the symbols has weight 1."""

BOX_BETA = 0.1
"""Difference of distances below which the boxes' loss is quadratic, in heights of a digit."""

BOX_MARGIN = 1.0
"""Pixels beside a box in which columns still belong to it."""


class LineTargets(NamedTuple):
    """Targets of a batch of lines, on the CPU."""

    symbols: list[str]
    """Symbols of each line."""
    distances: Float[Tensor, "n 4 columns"]
    """Distances of the edges of the nearest symbol's box, as the network gives them."""
    is_inside: Bool[Tensor, "n columns"]
    """Whether the column lies within that box."""


def make_targets(batch: LineBatch) -> LineTargets:
    """Make the targets of a batch of lines."""
    middles = COLUMN_STEP * np.arange(batch.images.shape[2] // COLUMN_STEP) + COLUMN_STEP / 2
    distances, is_inside = zip(
        *(_box_targets(boxes, middles) for boxes in batch.boxes), strict=True
    )
    return LineTargets(
        batch.symbols,
        torch.from_numpy(np.stack(distances)).float(),
        torch.from_numpy(np.stack(is_inside)),
    )


def _box_targets(
    boxes: list[tuple[float, float, float, float]], middles: Float[np.ndarray, " columns"]
) -> tuple[Float[np.ndarray, "4 columns"], Bool[np.ndarray, " columns"]]:
    """Compute the distances of the nearest box's edges, and which columns lie within it."""
    if not boxes:
        return np.zeros((4, len(middles))), np.zeros(len(middles), bool)
    left, top, right, bottom = np.array(boxes).T
    nearest = np.abs(middles[:, None] - (left + right) / 2).argmin(axis=1)
    left, top, right, bottom = (edge[nearest] for edge in (left, top, right, bottom))
    half = LINE_HEIGHT / 2
    distances = np.stack([middles - left, right - middles, top - half, bottom - half])
    is_inside = (left - BOX_MARGIN <= middles) & (middles <= right + BOX_MARGIN)
    return distances / DIGIT_HEIGHT, is_inside


def judge_lines(
    outputs: Float[Tensor, "n channels columns"], targets: LineTargets
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """Compute the loss of each line, in nats, and whether its symbols were read exactly."""
    # Torch can't compute the gradient of CTC the same way twice on a GPU; it is little work.
    found = outputs.cpu()
    losses = ctc_losses(found[:, :NUM_CLASSES], targets.symbols)
    losses = losses + BOX_WEIGHT * box_losses(found[:, NUM_CLASSES:], targets)
    scores = found[:, :NUM_CLASSES].detach().numpy()
    is_right = [
        greedy(line) == symbols for line, symbols in zip(scores, targets.symbols, strict=True)
    ]
    return losses.to(outputs.device), torch.tensor(is_right, device=outputs.device)


def ctc_losses(
    logits: Float[Tensor, "n classes columns"], symbols: list[str]
) -> Float[Tensor, " n"]:
    """Compute how unlikely each line's symbols are, in nats, wherever they stand in the columns.

    A line with too few columns for its symbols has no loss.

    Source: Graves et al. 2006, Connectionist temporal classification.
    """
    classes = [SYMBOLS.index(symbol) + 1 for line in symbols for symbol in line]
    return F.ctc_loss(
        logits.permute(2, 0, 1).log_softmax(dim=2),
        torch.tensor(classes, dtype=torch.long),
        torch.full((len(logits),), logits.shape[2]),
        torch.tensor([len(line) for line in symbols]),
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )


def box_losses(
    distances: Float[Tensor, "n 4 columns"], targets: LineTargets
) -> Float[Tensor, " n"]:
    """Compute the smooth L1 loss of the boxes' edges: in each line, the mean over its columns."""
    losses = F.smooth_l1_loss(distances, targets.distances, reduction="none", beta=BOX_BETA)
    is_inside: Int[Tensor, "n 1 columns"] = targets.is_inside[:, None].int()
    return (losses * is_inside).sum(dim=(1, 2)) / is_inside.sum(dim=(1, 2)).clamp(min=1)
