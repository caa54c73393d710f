"""What `digits doctor` prints."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console

from digits.doctor.faults import Finding
from digits.doctor.part import Fact, Part
from digits.show.console import print_json, print_lines

MAX_WIDTH = 100
"""Most characters of a line of facts, on a terminal as wide."""
WIDTH_OF_NAMES = 15
"""Characters of the column of their names."""


def show_diagnosis(parts: Sequence[Part], *, as_json: bool) -> None:
    """Print what was examined, and then what was found, the faults last.

    Args:
        parts: The parts of the diagnosis.
        as_json: Whether to print a JSON document instead.
    """
    findings = [finding for part in parts for finding in part.findings]
    faults = [finding for finding in findings if finding.is_fault]
    warnings = [finding for finding in findings if not finding.is_fault]
    if as_json:
        document: dict[str, Any] = {part.name: dict(part.facts) for part in parts}
        print_json({"parts": document, "warnings": _as_data(warnings), "faults": _as_data(faults)})
        return
    console = Console()
    width = min(console.width, MAX_WIDTH)
    lines: list[str] = []
    for part in parts:
        lines.append(part.name)
        for name, fact in part.facts.items():
            lines += _lines_of(name, fact, width)
    lines.append("")
    lines += [f"warning ({each.name}): {each.line}" for each in warnings]
    lines += [f"fault ({each.name}): {each.line}" for each in faults]
    if not faults:
        lines.append("no fault found")
    print_lines(console, lines)


def _as_data(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"name": f.name, "message": f.message, "mend": f.mend} for f in findings]


def _lines_of(name: str, fact: Fact, width: int) -> list[str]:
    """A fact as lines of so many characters: its name, and what it is beside it."""
    if isinstance(fact, dict):
        fact = [f"{key} {value}" for key, value in fact.items()]
    if isinstance(fact, list):
        fact = ", ".join(fact)
    return wrap(
        str("none" if fact in (None, "") else fact),
        width,
        initial_indent=f"  {name:<{WIDTH_OF_NAMES}} ",
        subsequent_indent=" " * (WIDTH_OF_NAMES + 3),
        break_long_words=False,
        break_on_hyphens=False,
    )
