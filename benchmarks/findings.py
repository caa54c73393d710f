"""What a part of the attack found: tries, faults, the longest time and the largest memory."""

from dataclasses import dataclass, field
from typing import Any

MAX_LISTED = 100
"""Faults of a part that are listed; all are counted."""


class Faults(list[str]):
    """All faults that were found; each is printed at once."""

    def expect(self, condition: bool, fault: str) -> None:
        """Add a fault, unless the condition holds."""
        if not condition:
            print(f"  FAULT: {fault}", flush=True)
            self.append(fault)


@dataclass
class Findings:
    """What a part found so far."""

    tries: int = 0
    """Number of files, runs, requests or connections."""
    faults: Faults = field(default_factory=Faults)
    """What went wrong, each with the seed, or the saved input, by which it comes again."""
    longest_seconds: float = 0.0
    """Longest time of a try: of the processor within a process, wall time of a run or an answer."""
    longest: str = ""
    """Which try that was."""
    largest_bytes: int = 0
    """Most memory that the attacked process held: its resident set."""
    largest: str = ""
    """Which try that was."""
    details: dict[str, Any] = field(default_factory=dict)
    """What else there is to say, by part."""

    def add(self, name: str, seconds: float, num_bytes: int) -> None:
        """Count a try."""
        self.tries += 1
        if seconds > self.longest_seconds:
            self.longest_seconds, self.longest = seconds, name
        if num_bytes > self.largest_bytes:
            self.largest_bytes, self.largest = num_bytes, name

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "tries": self.tries,
            "faults": len(self.faults),
            "longest_seconds": round(self.longest_seconds, 3),
            "longest": self.longest,
            "largest_bytes": self.largest_bytes,
            "largest": self.largest,
            **self.details,
            "first_faults": self.faults[:MAX_LISTED],
        }
