"""Make the tables of docs/concepts from results/confidence.json, in Markdown."""

import json
from pathlib import Path
from typing import Any

from digits.evaluation.intervals import wilson_interval

RESULT = Path(__file__).parent / "results" / "confidence.json"


def make_digits_table() -> str:
    """Make the table of what a reader's threshold accepts of MNIST's test digits."""
    found = json.loads(RESULT.read_text())["digits"]
    lines = ["| refused below | accepted | of these wrong | wrong, with its 95 % interval |"]
    return _table(lines, found, "0, nothing refused")


def make_lines_table() -> str:
    """Make the table of what `--sure` accepts of composed rows."""
    found = json.loads(RESULT.read_text())["lines"]
    lines = ["| `--sure` | accepted | of these wrong | wrong, with its 95 % interval |"]
    return _table(lines, found, "not given")


def make_temperature_table() -> str:
    """Make the table of what its temperature does to the confidence of `balanced`."""
    found = json.loads(RESULT.read_text())["balanced"]
    lines = [
        "| temperature | mean confidence | right | ECE | accepted from 0.99 on | of these wrong |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, temperature in (("at_1", 1.0), ("calibrated", found["temperature"])):
        row = found[name]
        sure = row["from"]["0.99"]
        lines.append(
            f"| {temperature:.2f} | {row['mean_confidence']:.2%} | {row['accuracy']:.2%} "
            f"| {row['calibration_error']:.2%} | {sure['accepted']:,} | {sure['wrong']} |"
        )
    return "\n".join(lines)


def _table(lines: list[str], found: dict[str, Any], first: str) -> str:
    lines.append("| --- | ---: | ---: | ---: |")
    for threshold, counts in found["from"].items():
        accepted, wrong = counts["accepted"], counts["wrong"]
        low, high = wilson_interval(wrong, accepted)
        name = first if float(threshold) == 0 else threshold
        lines.append(
            f"| {name} | {accepted:,} of {found['read']:,} | {wrong} "
            f"| {wrong / accepted:.2%} ({low:.2%} to {high:.2%}) |"
        )
    return "\n".join(lines)
