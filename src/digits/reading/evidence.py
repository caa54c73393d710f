"""Evidence: how much speaks for a reading, beside others of the same picture."""

from digits.reading.ink import HYPOTHESES
from digits.reading.results import NOT_A_DIGIT, Reading

ALIKE = 3
"""Decimals of the evidence for a reading that tell it from another."""


def num_marks(reading: Reading) -> int:
    """Count what is on a picture beside separators: digits, and what is as high as they."""
    return len(reading.digits) + sum(mark.kind == NOT_A_DIGIT for mark in reading.left_out)


def share_read(reading: Reading) -> float:
    """Compute the share of the marks that were read as digits."""
    accepted = sum(digit.reason is None for digit in reading.digits)
    return accepted / max(1, num_marks(reading))


def is_mostly_read(reading: Reading) -> bool:
    """Tell whether so many of the marks were read as digits that it may be given."""
    return share_read(reading) >= HYPOTHESES.sure


def is_sure(reading: Reading) -> bool:
    """Tell whether all lines of a reading are sure."""
    confidences = [line.confidence for line in reading.lines if line.digits]
    return bool(confidences) and min(confidences) > HYPOTHESES.sure


def is_whole(reading: Reading) -> bool:
    """Tell whether all lines of a reading are sure, and all that is as high as digits was read."""
    return is_sure(reading) and share_read(reading) == 1


def strength(reading: Reading) -> float:
    """Add up what its digits say for a reading."""
    evidence = sum(digit.confidence - HYPOTHESES.evidence for digit in reading.digits)
    return round(evidence, ALIKE)


def strength_of_sure(num_digits: int) -> float:
    """Compute what so many digits say for a reading if all of them are sure: the most they can."""
    return num_digits * (1 - HYPOTHESES.evidence)


def weigh(reading: Reading) -> tuple[bool, float, int]:
    """Weigh a reading beside others of the same picture.

    Any counts more than an empty one: what can't be read is shown. Of those that are as sure, the
    one counts most that needs the fewest marks.
    """
    return bool(reading.digits), strength(reading), -num_marks(reading)
