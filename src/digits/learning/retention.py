"""Retention: what networks do on what no correction speaks of, measured before and after learning.

It is measured on training images that are held out, which no network here was trained on.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from digits.data import Split
from digits.evaluation.lines import edit_distance
from digits.hardware import derive_seed
from digits.reading.confidence import CONFIDENCE
from digits.reading.ctc import greedy
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.recipe import load_recipe
from digits.training.augmentation import augment
from digits.training.augmentation.outliers import make_outliers
from digits.training.composition import Writers, compose_batches
from digits.training.seeds import COMPOSE, REHEARSE, STYLES
from digits.training.targets import one_hot

Figures = dict[str, float]
"""Shares, 0 to 1, by the names of what they are of; higher is better."""

LIMITS: Figures = {
    "digits read right": 0.0008,
    "digits in other styles read right": 0.003,
    "digits accepted": 0.003,
    "outliers refused": 0.005,
    "lines read exactly": 0.01,
    "digits of lines read right": 0.003,
    "lines without a digit too many": 0.003,
}
"""Most by which each figure may fall.

Source: what other people's handwriting loses with them, docs/experiments.md, "Learning from
corrections".
"""

TEST_LIMIT = 0.001
"""Most by which the share of MNIST's test images that are read right may fall."""

ROUNDING = 1e-6
"""Difference of shares, which are counts divided by thousands, that is due to rounding."""

NUM_HELD_OUT = 5000
"""Number of training images that are held out, as the networks of the package had them held out."""

NUM_LINES, LINES_IN_BATCH = 1024, 64
"""Number of lines to measure on, and in a batch."""


def fallen(before: Figures, after: Figures) -> list[str]:
    """List the figures that fell by more than they may."""
    return [name for name in after if before[name] - after[name] > LIMITS[name] + ROUNDING]


class GlyphRetention:
    """Held-out digits as they are, in other styles and strokes, and outliers made of them.

    Args:
        held_out: Digits that the network was not trained on.
        seed: Seed of how they are changed.
    """

    def __init__(self, held_out: Split, *, seed: int) -> None:
        self._images, self._labels = held_out.images.numpy(), held_out.labels.numpy()
        generator = torch.Generator().manual_seed(derive_seed(seed, REHEARSE))
        changes = replace(load_recipe("reader").augmentation, outliers=0, unchanged=0)
        images = held_out.images[:, None]
        changed, targets = augment(images, held_out.labels, changes, generator)
        self._changed, self._new_labels = _as_glyphs(changed), targets.argmax(dim=1).numpy()
        whole = one_hot(held_out.labels, 10)
        self._outliers = _as_glyphs(make_outliers(images.float(), whole, 1, generator)[0])

    def measure(self, network: Network) -> Figures:
        """Measure a network of glyphs."""
        probabilities = network.probabilities(self._images)
        changed = network.probabilities(self._changed)
        outliers = network.probabilities(self._outliers).max(axis=1)
        return {
            "digits read right": _right(probabilities, self._labels),
            "digits in other styles read right": _right(changed, self._new_labels),
            "digits accepted": float((probabilities.max(axis=1) >= CONFIDENCE.threshold).mean()),
            "outliers refused": float((outliers < CONFIDENCE.threshold).mean()),
        }


class LineRetention:
    """Lines composed of held-out digits, with separators, signs and letters among them.

    Args:
        held_out: Digits that the network was not trained on.
        seed: Seed of the composition.
    """

    def __init__(self, held_out: Split, *, seed: int) -> None:
        writers = Writers(held_out.images, held_out.labels, seed=derive_seed(seed, STYLES))
        sizes = [LINES_IN_BATCH] * (NUM_LINES // LINES_IN_BATCH)
        self._batches = compose_batches(writers, sizes, (derive_seed(seed, COMPOSE),))

    def measure(self, network: LineNetwork) -> Figures:
        """Measure a network of lines, by the likeliest class of each column."""
        pairs = [
            (greedy(columns.log_probabilities), symbols)
            for batch in self._batches
            for columns, symbols in zip(
                network.columns(list(batch.images)), batch.symbols, strict=True
            )
        ]
        digits = [(_digits(read), _digits(written)) for read, written in pairs]
        num_digits = sum(len(written) for _, written in digits)
        num_wrong = sum(edit_distance(read, written) for read, written in digits)
        return {
            "lines read exactly": float(np.mean([read == written for read, written in pairs])),
            "digits of lines read right": 1 - num_wrong / num_digits,
            "lines without a digit too many": float(
                np.mean([len(read) <= len(written) for read, written in digits])
            ),
        }


def share_right(network: Network, split: Split) -> float:
    """Compute the share of a split's images that a network of glyphs reads right."""
    return _right(network.probabilities(split.images.numpy()), split.labels.numpy())


def _right(probabilities: np.ndarray, labels: Int64[np.ndarray, " n"]) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def _as_glyphs(images: torch.Tensor) -> UInt8[np.ndarray, "n 28 28"]:
    return images[:, 0].clamp(0, 255).byte().numpy()


def _digits(symbols: str) -> str:
    return "".join(symbol for symbol in symbols if symbol.isdigit())
