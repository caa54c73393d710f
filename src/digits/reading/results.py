"""Results of reading: digits and marks with their confidence, lines, the reading of a picture."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from digits.reading.ink import Ink, Picture

REFUSED = "?"
"""Text of a refused digit."""

NOT_A_DIGIT = "not a digit"
"""Kind of a mark that is as high as a digit."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, in pixels of the picture."""


@dataclass(frozen=True)
class Digit:
    """A digit on a picture, as it is read or refused."""

    label: int
    """The best guess, 0 to 9, also when refused."""
    confidence: float
    """Probability of the best guess, 0 to 1, calibrated."""
    probabilities: tuple[float, ...]
    """Probabilities of all ten digits; what they lack to 1 is the doubt that it is a digit."""
    box: Box
    """Left, top, width and height, in pixels of the picture."""
    glyph: UInt8[np.ndarray, "28 28"] = field(repr=False)
    """The glyph that the network classified."""
    reason: str | None = None
    """The reason why it is refused; none if it is not."""

    @property
    def text(self) -> str:
        """The digit, or a question mark if it is refused."""
        return str(self.label) if self.reason is None else REFUSED

    @property
    def alternatives(self) -> tuple[tuple[int, float], ...]:
        """The two next guesses and their probabilities."""
        order = sorted(range(10), key=lambda label: -self.probabilities[label])
        return tuple((label, self.probabilities[label]) for label in order[1:3])

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            All but the glyph.
        """
        return {
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "probabilities": [round(value, 4) for value in self.probabilities],
            "alternatives": [
                {"label": label, "confidence": round(confidence, 4)}
                for label, confidence in self.alternatives
            ],
            "box": [round(value, 1) for value in self.box],
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Mark:
    """Ink that was seen and is no digit."""

    kind: str
    """What it is: separator, not a digit, rule, speck."""
    box: Box
    """Left, top, width and height, in pixels of the picture."""
    text: str = ""
    """The separator as it is written, such as "," or "/"; nothing for other kinds."""

    @property
    def is_high(self) -> bool:
        """Whether it is as high as a digit; if so, a line's text has a question mark for it."""
        return self.kind == NOT_A_DIGIT or self.text == "/"

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            What it is, its text and its box.
        """
        return {
            "kind": self.kind,
            "text": self.text,
            "box": [round(value, 1) for value in self.box],
        }


@dataclass(frozen=True)
class Line:
    """A line of text: words beside each other."""

    text: str
    """Its digits, with a space between words; what is refused, or no digit but as high as one, is
    a question mark."""
    confidence: float
    """Probability that all of it is right: each digit, and that there are no others."""
    parts: tuple[Digit | Mark, ...]
    """Its digits, refused ones included, and the marks among them, from left to right."""
    box: Box
    """Left, top, width and height, in pixels of the picture."""

    def __str__(self) -> str:
        return self.text

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Its digits from left to right, refused ones included."""
        return tuple(part for part in self.parts if isinstance(part, Digit))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks among its digits, from left to right."""
        return tuple(part for part in self.parts if isinstance(part, Mark))

    @property
    def written(self) -> str:
        """The text with its separators, as they are written: "12,50", "24/12/2025"."""
        in_text = iter(re.findall(r" ?\S", self.text))  # each symbol with the space before it
        written = ""
        for part in self.parts:
            if isinstance(part, Digit) or part.is_high:
                written += next(in_text, "")[:-1]
            is_unknown = isinstance(part, Mark) and part.kind == NOT_A_DIGIT
            written += REFUSED if is_unknown else part.text
        return written

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            The text, also with separators, the confidence and the box.
        """
        return {
            "text": self.text,
            "written": self.written,
            "confidence": round(self.confidence, 4),
            "box": [round(value, 1) for value in self.box],
        }


@dataclass(frozen=True)
class Reading:
    """The digits that were read on a picture, in lines."""

    lines: tuple[Line, ...]
    """The lines, from top to bottom."""
    left_out: tuple[Mark, ...]
    """Marks that were seen and are no digits."""
    picture: Picture = field(repr=False)
    """The picture as it was read: upright, in grey levels."""
    ink: Ink = field(repr=False)
    """The ink that was read, of the hypothesis that had the most evidence."""
    page: int = 1
    """Its page in the file, from 1."""

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Digits in reading order, refused ones included."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def text(self) -> str:
        """All lines; a refused digit is a question mark."""
        return "\n".join(line.text for line in self.lines if line.text)

    @property
    def turns(self) -> int:
        """Quarter turns anticlockwise by which the picture was turned to be read: 0 to 3."""
        return self.picture.turns

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns:
            What the HTTP API gives, but for the glyphs of the digits.
        """
        return {
            "text": self.text,
            "turned": -90 * self.turns % 360,  # degrees clockwise
            "lines": [line.to_dict() for line in self.lines],
            "digits": [digit.to_dict() for digit in self.digits],
            "left_out": [mark.to_dict() for mark in self.left_out],
        }
