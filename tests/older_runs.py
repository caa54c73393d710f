"""Runs as they were before every file of a finished run had its sum."""

import json
from pathlib import Path

from digits.sums import NAME as SUMS


def without_sums(folder: Path) -> None:
    """Take a finished run its sums, and what its summary says of them."""
    (folder / SUMS).unlink()
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    del summary["sums"]
    path.write_text(json.dumps(summary))
