"""Likelihood of a number in the columns of words, whatever separators and signs are in between."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from digits.reading.ctc import log_likelihoods
from digits.reading.line_network import Columns

NUM_DIGIT_CLASSES = 11
"""Number of classes where all that is no digit counts as blank: a blank, and the digits."""

NEVER = -1e9
"""Logarithm of a probability of nothing."""


def digits_alone(
    log_probabilities: Float32[np.ndarray, "16 t"],
) -> Float32[np.ndarray, "11 t"]:
    """Count all that is no digit as blank: the logarithms of a column's probabilities."""
    others = np.concatenate([log_probabilities[:1], log_probabilities[NUM_DIGIT_CLASSES:]])
    blank = np.logaddexp.reduce(others, axis=0, keepdims=True)
    return np.concatenate([blank, log_probabilities[1:NUM_DIGIT_CLASSES]])


def likelihoods_of(columns: Sequence[Columns], numbers: list[str]) -> dict[str, float]:
    """Compute the logarithm of the probability that each number stands on a word: mean over views.

    Args:
        columns: What the line network gives for the word, in some views.
        numbers: Digits that may stand there; none, where it is empty.
    """
    classes = [tuple(int(digit) + 1 for digit in number) for number in numbers]
    logs = [
        log_likelihoods(digits_alone(view.log_probabilities)[None], classes)[0].astype(np.float64)
        for view in columns
    ]
    means = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    return dict(zip(numbers, means.tolist(), strict=True))


def split_number(number: str, words: list[list[Columns]]) -> tuple[float, list[str]]:
    """Split a number over the words on which it stands, in the likeliest way.

    Args:
        number: The digits of all words.
        words: What the line network gives for each word, in some views.

    Returns:
        The logarithm of the probability, and the digits of each word, of which some have none.
    """
    # By how many digits the words so far have: the likeliest way.
    best: dict[int, tuple[float, list[str]]] = {0: (0.0, [])}
    for columns in words:
        ends = range(len(number) + 1)
        texts = sorted({number[begin:end] for begin in best for end in ends if begin <= end})
        likely = likelihoods_of(columns, texts)
        longer: dict[int, tuple[float, list[str]]] = {}
        for begin, (likelihood, split) in best.items():
            for end in ends[begin:]:
                text = number[begin:end]
                total = likelihood + likely[text]
                if end not in longer or total > longer[end][0]:
                    longer[end] = total, [*split, text]
        best = longer
    return best.get(len(number), (NEVER, []))
