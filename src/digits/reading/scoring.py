"""Scoring: readings of labelled pictures, right, refused, or accepted and wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from digits.errors import DigitsError, InvalidInput
from digits.reading.reader import Reader
from digits.reading.results import REFUSED, Reading

RIGHT, REFUSED_PICTURE, WRONG, FAILED = "right", "refused", "wrong", "failed"
"""What may come of a picture: all of it read; something refused, or nothing read; accepted and
wrong; or it can't be read, for the reason that is told."""

BETWEEN = " .,-/|"
"""Characters of a label that are no digits, and are not compared."""


@dataclass(frozen=True)
class ScoredPicture:
    """What was read of a picture, beside what is written on it."""

    name: str
    label: str
    text: str
    """What was read, with "?" for what was refused; or why it can't be read."""
    verdict: str
    """`right`, `refused`, `wrong` or `failed`."""


@dataclass(frozen=True)
class Score:
    """How well labelled pictures were read."""

    pictures: tuple[ScoredPicture, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures by verdict."""
        found = Counter(picture.verdict for picture in self.pictures)
        return {verdict: found[verdict] for verdict in (RIGHT, REFUSED_PICTURE, WRONG, FAILED)}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: counts, and all pictures that were not read right."""
        return {
            "pictures": len(self.pictures),
            **self.counts,
            "not_right": [
                {"name": one.name, "label": one.label, "read": one.text, "verdict": one.verdict}
                for one in self.pictures
                if one.verdict != RIGHT
            ],
        }


def score_pictures(reader: Reader, pictures: Sequence[tuple[str, str, Any]]) -> Score:
    """Read labelled pictures, and compare: digits in order, without regard to spaces and lines.

    Args:
        reader: The reader to measure.
        pictures: Name, label and picture, as `Reader.read` takes it, of each.

    Raises:
        InvalidInput: If a label has no digits, or something else in it; before any is read.
    """
    expected = [digits_of(label) for _, label, _ in pictures]
    return Score(
        tuple(
            _score(name, label, digits, _read(reader, source))
            for (name, label, source), digits in zip(pictures, expected, strict=True)
        )
    )


def _read(reader: Reader, source: Any) -> Reading | DigitsError:
    try:
        return reader.read(source)
    except DigitsError as error:
        return error


def digits_of(label: str) -> str:
    """Take the digits of a label, such as "1 200,50", in order.

    Raises:
        InvalidInput: If it has none, or has anything in it but digits and what parts numbers.
    """
    digits = label.translate({ord(mark): None for mark in BETWEEN})
    if not (digits.isascii() and digits.isdecimal()):
        raise InvalidInput(
            f"Expected digits as a label, to compare what is read, found {label!r}; "
            "label pictures with the numbers that they show."
        )
    return digits


def _score(name: str, label: str, expected: str, reading: Reading | DigitsError) -> ScoredPicture:
    if isinstance(reading, DigitsError):
        return ScoredPicture(name, label, str(reading), FAILED)
    text = " ".join(reading.text.split())
    read = text.replace(" ", "")
    if read == expected:
        verdict = RIGHT
    elif not read or REFUSED in read:
        verdict = REFUSED_PICTURE
    else:
        verdict = WRONG
    return ScoredPicture(name, label, text, verdict)
