"""Connectionist temporal classification (CTC): from the columns of a line to its symbols.

Source: Graves et al. 2006, Connectionist temporal classification.
"""

import numpy as np
from jaxtyping import Float

from digits.reading.symbols import SYMBOLS

BLANK = 0
"""Class of a column in which no symbol stands."""


def greedy(scores: Float[np.ndarray, "classes columns"]) -> str:
    """Read a line by the likeliest class of each column (greedy decoding).

    Args:
        scores: A score of each class in each column, such as the logarithm of its probability.

    Returns:
        The symbols: one for all columns beside each other with the same class, none for blanks.
    """
    classes = scores.argmax(axis=0)
    begins = np.diff(classes, prepend=BLANK) != 0
    return "".join(SYMBOLS[index - 1] for index in classes[begins & (classes != BLANK)])
