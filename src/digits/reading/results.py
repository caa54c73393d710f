"""Results of reading: a digit with its confidence, and the reading of a picture."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from digits.reading.ink import Ink, Picture

REFUSED = "?"
"""Text of a refused digit."""


@dataclass(frozen=True)
class Digit:
    """A digit on a picture, as it is read or refused."""

    label: int
    """The best guess, 0 to 9, also when refused."""
    confidence: float
    """Probability of the best guess, 0 to 1, calibrated."""
    probabilities: tuple[float, ...]
    """Probabilities of all ten digits; what they lack to 1 is the doubt that it is a digit."""
    box: tuple[float, float, float, float]
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
        """Plain data for JSON: all but the glyph."""
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
class Reading:
    """The digits that were read on a picture, in lines."""

    lines: tuple[str, ...]
    """Each line's text, from top to bottom."""
    digits: tuple[Digit, ...]
    """Digits in reading order, refused ones included."""
    picture: Picture = field(repr=False)
    """The picture as it was read: upright, in grey levels."""
    ink: Ink = field(repr=False)
    """The ink that was read, of the hypothesis that had the most evidence."""

    @property
    def text(self) -> str:
        """All lines; a refused digit is a question mark."""
        return "\n".join(self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "text": self.text,
            "lines": list(self.lines),
            "digits": [digit.to_dict() for digit in self.digits],
        }
