"""Decoding: the cheapest path through an over-segmentation lattice, by the Viterbi algorithm."""

import numpy as np
from jaxtyping import Float

from digits.reading.ink import Candidate, Pieces

# What a way to cut a row costs beside its digits' confidence, in nats. A digit is rarely wider than
# high or much lower than its row; a seam rarely crosses ink, and a digit rarely has a wide gap.
CROSSED_INK, INNER_GAP, WIDTH, LOWNESS = 7.0, 4.5, 1.3, 0.4
USUAL_WIDTH, USUAL_HEIGHT, USUAL_GAP = 0.67, 0.7, 0.05  # in heights of the row's digits
LEFT_AWAY, SMALL_LEFT_AWAY = 2.5, 0.2
"""Cost in nats of skipping this ink; and of ink that is too small for a digit."""


def best_way(pieces: Pieces, probabilities: Float[np.ndarray, "n 10"]) -> list[int]:
    """The likeliest way to cut a row: indices of the candidates that are digits, from the left.

    Each way costs the logarithms of its digits' confidence, and what their shapes and cuts make
    unlikely. The cheapest is found by dynamic programming, from seam to seam.

    Args:
        pieces: A row between all its seams.
        probabilities: Of each candidate.
    """
    confidence = np.log(np.maximum(probabilities.max(axis=1, initial=0), 1e-9))
    costs, ways = [0.0], [(0, -1)]
    ending: list[list[int]] = [[] for _ in pieces.crossed]
    for index, candidate in enumerate(pieces.candidates):
        ending[candidate.last].append(index)
    for options in ending[1:]:
        best, way = np.inf, (0, -1)
        for index in options:
            candidate = pieces.candidates[index]
            before = costs[candidate.first] + _crossing(candidate, pieces)
            left_away = before + _loss(candidate)
            if left_away < best:
                best, way = left_away, (candidate.first, -1)
            as_digit = before - confidence[index] + _oddness(candidate)
            if candidate.may_be_digit and as_digit < best:
                best, way = as_digit, (candidate.first, index)
        costs.append(float(best))
        ways.append(way)
    chosen, last = [], len(pieces.crossed) - 1
    while last > 0:
        last, index = ways[last]
        if index >= 0:
            chosen.append(index)
    return chosen[::-1]


def _loss(candidate: Candidate) -> float:
    """Of leaving ink away as no digit, in nats."""
    if candidate.height == 0:
        return 0.0
    return SMALL_LEFT_AWAY if candidate.is_small else LEFT_AWAY * max(1.0, candidate.width)


def _crossing(candidate: Candidate, pieces: Pieces) -> float:
    """What the ink that the two seams cross makes unlikely, in nats."""
    crossed = pieces.crossed[candidate.first] + pieces.crossed[candidate.last]
    return CROSSED_INK * crossed / 2


def _oddness(candidate: Candidate) -> float:
    """How unlikely a digit's shape is, in nats."""
    return (
        INNER_GAP * max(0.0, candidate.gap - USUAL_GAP)
        + WIDTH * max(0.0, candidate.width - USUAL_WIDTH)
        + LOWNESS * max(0.0, USUAL_HEIGHT - candidate.height)
    )
