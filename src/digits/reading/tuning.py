"""Tuned numbers: hyperparameters of the classical stages, each with its unit, range and source.

Each stage keeps its numbers in a frozen dataclass at the top of its module, and one instance of it,
such as `layout.LAYOUT`. benchmarks/sensitivity.py tells which of them move any figure, and by how
much; a test doubles each and sees numbers misread.
"""

from dataclasses import dataclass, field, fields
from typing import Any

HANDWRITING = "chosen on handwriting that is not MNIST's, by benchmarks/reading.py"
"""Source of a number that names no other."""


def number(default: float, unit: str, *, low: float, high: float, source: str = HANDWRITING) -> Any:
    """Describe a tuned number: a field of a `Tuned` dataclass.

    Args:
        default: Its value.
        unit: What it counts, such as "heights of a digit".
        low: Least value that makes sense.
        high: Greatest value that makes sense.
        source: Where the value comes from.
    """
    return field(
        default=default, metadata={"unit": unit, "low": low, "high": high, "source": source}
    )


@dataclass(frozen=True)
class Tuned:
    """Base of the dataclasses that hold a stage's tuned numbers; checks each against its range."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value, low, high = getattr(self, each.name), each.metadata["low"], each.metadata["high"]
            if not low <= value <= high:
                raise ValueError(f"{each.name}: expected {low:g} to {high:g}, found {value:g}.")
