"""What all output has in common: JSON for programs, lines and tables for people."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

WORDS = (
    "", "layer", "kind", "recipe", "run folder", "report", "class", "read as", "picture", "label",
    "verdict", "or",
)  # fmt: skip
"""Titles of columns that hold words."""

MOST_LISTED = 10
"""Most names of one kind that are listed of a data set."""


def print_json(document: Any) -> None:
    """Print a JSON document on standard output.

    Args:
        document: Numbers, strings, lists and dicts.
    """
    print(json.dumps(document, indent=2, allow_nan=False))


def print_lines(console: Console, lines: Sequence[str]) -> None:
    """Print lines as they are, however long; there is no markup in them."""
    for line in lines:
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)


def table_of(*titles: str, **settings: Any) -> Table:
    """Make an empty table, with columns of words to the left and of numbers to the right."""
    table = Table(box=None, header_style="bold", footer_style="bold", pad_edge=False, **settings)
    for title in titles:
        is_of_words = title in WORDS
        table.add_column(title, justify="left" if is_of_words else "right")
    return table
