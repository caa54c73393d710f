"""Silent errors: readings that are accepted whole, and wrong."""

from collections.abc import Sequence

import numpy as np

from digits.reading.results import Reading


def guess(reading: Reading) -> str:
    """The best guess of each digit, whether it is refused or not, whatever lines they stand in."""
    return "".join(str(digit.label) for digit in reading.digits)


def line_confidence(reading: Reading) -> float:
    """The least confidence of the lines that say anything; 0 where nothing was read."""
    if not reading.digits:
        return 0.0
    return min(line.confidence for line in reading.lines if line.text)


def is_accepted_whole(reading: Reading) -> bool:
    """Tell whether a reading has digits and refuses none of them."""
    return bool(reading.digits) and all(digit.reason is None for digit in reading.digits)


def most_accepted(confidences: Sequence[float], right: Sequence[bool], percent_wrong: int) -> int:
    """Count the most readings that a threshold can accept with at most so many of them wrong.

    Args:
        confidences: Confidence of each reading; what has none above 0 is never accepted.
        right: Whether each is right.
        percent_wrong: The most of the accepted ones that may be wrong.
    """
    sureness = np.asarray(confidences, np.float64)
    order = np.argsort(-sureness, kind="stable")
    sureness, is_wrong = sureness[order], ~np.asarray(right, bool)[order]
    accepted = np.arange(1, len(order) + 1)
    # A threshold accepts all readings of one confidence, or none.
    is_possible = np.append(sureness[1:] < sureness[:-1], True) & (sureness > 0)
    is_good = 100 * np.cumsum(is_wrong) <= percent_wrong * accepted
    return int(accepted[is_possible & is_good].max(initial=0))
