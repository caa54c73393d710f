"""Ensemble: what the network of glyphs and that of lines say together about a digit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class EnsembleParameters(Tuned):
    """Tuned numbers of asking both networks: asking one takes less time."""

    sure_alone: float = number(0.99, "probability", low=0.9, high=1)
    """Confidence from which on the network that is asked first is believed alone."""


ENSEMBLE = EnsembleParameters()


def average(
    first: Float[np.ndarray, "*n 10"], second: Float[np.ndarray, "*n 10"]
) -> Float[np.ndarray, "*n 10"]:
    """Average the probabilities of both networks: their geometric mean.

    It is small where they disagree.
    """
    return np.asarray(np.sqrt(first * second))
