"""Folders: what programs leave behind in them, and the order in which people count names."""

import re
from os.path import splitext

LEFT_BEHIND = frozenset({"__macosx", "desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"})
"""Files and folders that systems keep in folders of pictures, for themselves; in lower case."""

NUMBERS = re.compile(r"(\d+)")


def is_hidden(name: str) -> bool:
    """Whether a file or folder is out of people's sight: a system's, or named to be hidden."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def natural_key(name: str) -> tuple[str, str]:
    """Key to sort file names by as people count: `scan2.png` before `scan10.png`.

    A number has how many digits it has before it, so that longer ones come later. Names that
    differ only in their suffix or in leading zeros are sorted by their characters.
    """
    stem, _ = splitext(name)  # noqa: PTH122 - that of a path takes several times as long
    parts = NUMBERS.split(stem)
    # No name contains \0, so that a text that ends comes before one that goes on.
    parts[1::2] = [f"\0{chr(len(part))}{part}" for part in map(_plain, parts[1::2])]
    return "".join(parts), name


def _plain(number: str) -> str:
    """A number in the usual digits, without leading zeros."""
    return str(int(number))
