"""Decoding: scores the cuts of an over-segmentation lattice; its cheapest path, by Viterbi."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from digits.reading.ink import Candidate, Lattice
from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class DecodingParameters(Tuned):
    """Tuned costs of a path, beside the negative logarithms of its digits' confidence.

    A digit is rarely wider than high or much lower than its word, and a cut rarely crosses ink.
    """

    crossed_ink: float = number(7.0, "nats a height of a digit", low=1, high=30)
    """Cost of the ink that a cut crosses."""
    odd_size: float = number(1.3, "nats a height of a digit", low=0.2, high=6)
    """Cost of what a digit is wider, or less high, than usual."""
    usual_width: float = number(0.67, "heights of a digit", low=0.3, high=1.5)
    """Greatest width that costs nothing."""
    usual_height: float = number(0.7, "heights of a digit", low=0.3, high=1)
    """Least height that costs nothing."""
    skip: float = number(2.5, "nats", low=0.5, high=10)
    """Cost of skipping ink, as no digit; times its width if that is more than a digit's height."""
    skip_small: float = number(0.2, "nats", low=0, high=2)
    """Cost of skipping ink that is too small for a digit."""


DECODING = DecodingParameters()


def best_path(lattice: Lattice, probabilities: Float[np.ndarray, "n 10"]) -> list[int]:
    """Find the cheapest path through a lattice, by dynamic programming from cut to cut.

    A path costs the negative logarithms of its digits' confidence, and what their shapes and cuts
    make unlikely, in nats.

    Args:
        lattice: A word between all its cuts.
        probabilities: The network's probabilities of each candidate.

    Returns:
        Indices of the candidates that are digits, from the left.
    """
    confidence = np.log(np.maximum(probabilities.max(axis=1, initial=0), 1e-9))
    costs, steps = [0.0], [(0, -1)]
    ending: list[list[int]] = [[] for _ in lattice.crossed]
    for index, candidate in enumerate(lattice.candidates):
        ending[candidate.last].append(index)
    for options in ending[1:]:
        best, step = np.inf, (0, -1)
        for index in options:
            candidate = lattice.candidates[index]
            before = costs[candidate.first] + cut_cost(candidate, lattice)
            skipped = before + skip_cost(candidate)
            if skipped < best:
                best, step = skipped, (candidate.first, -1)
            as_digit = before - confidence[index] + shape_cost(candidate)
            if candidate.may_be_digit and as_digit < best:
                best, step = as_digit, (candidate.first, index)
        costs.append(float(best))
        steps.append(step)
    chosen, last = [], len(lattice.crossed) - 1
    while last > 0:
        last, index = steps[last]
        if index >= 0:
            chosen.append(index)
    return chosen[::-1]


def cut_cost(candidate: Candidate, lattice: Lattice) -> float:
    """Score a candidate's two cuts: half the cost in nats of the ink that each crosses."""
    crossed = lattice.crossed[candidate.first] + lattice.crossed[candidate.last]
    return DECODING.crossed_ink * crossed / 2


def shape_cost(candidate: Candidate) -> float:
    """Score a candidate's shape: the cost in nats of a digit with its width and height."""
    too_wide = max(0.0, candidate.width - DECODING.usual_width)
    too_low = max(0.0, DECODING.usual_height - candidate.height)
    return DECODING.odd_size * (too_wide + too_low)


def skip_cost(candidate: Candidate) -> float:
    """Cost in nats of skipping a candidate's ink."""
    if candidate.height == 0:
        return 0.0
    return DECODING.skip_small if candidate.is_small else DECODING.skip * max(1.0, candidate.width)
