"""Part of a diagnosis: the facts about one thing, and the faults in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digits.doctor.faults import Finding

Fact = str | int | float | list[str] | dict[str, str] | None


@dataclass(frozen=True)
class Part:
    """What was seen of one thing, such as the cache."""

    name: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What is there, by name; for people and for programs."""
    findings: tuple[Finding, ...] = ()
