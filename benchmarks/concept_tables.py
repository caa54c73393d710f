"""Make the tables of docs/concepts from results/confidence.json, in Markdown."""

import json
from pathlib import Path
from typing import Any

from digits.evaluation.intervals import wilson_interval

RESULT = Path(__file__).parent / "results" / "confidence.json"


def make_digits_table() -> str:
    """Make the table of what a reader's threshold accepts of MNIST's test digits."""
    found = json.loads(RESULT.read_text())["digits"]
    return _table("refused below", found, "nothing")


def make_lines_table() -> str:
    """Make the table of what `--sure` accepts of composed rows."""
    found = json.loads(RESULT.read_text())["lines"]
    return _table("`--sure`", found, "not given")


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


def _table(threshold_name: str, found: dict[str, Any], first: str) -> str:
    lines = [
        f"| {threshold_name} | accepted of {found['read']:,} | wrong "
        "| share wrong, 95 % interval |",
        "| --- | ---: | ---: | ---: |",
    ]
    for threshold, counts in found["from"].items():
        accepted, wrong = counts["accepted"], counts["wrong"]
        low, high = wilson_interval(wrong, accepted)
        name = first if float(threshold) == 0 else threshold
        lines.append(
            f"| {name} | {accepted:,} | {wrong} "
            f"| {wrong / accepted:.2%} ({100 * low:.2f}–{100 * high:.2f}) |"
        )
    return "\n".join(lines)
