"""Pictures in folders: which files are taken for pictures, and in which order."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits.errors import DigitsError
from digits.reading.ink.formats import OTHER_SUFFIXES, SUFFIXES


def find_pictures(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and the pictures of folders, told by their names, in natural order.

    Pictures in formats that can't be read are among them, so that none is left out in silence.
    A folder is listed when the pictures before it have been taken.

    Raises:
        DigitsError: If a folder can't be listed.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                names = sorted((entry.name for entry in entries), key=natural_key)
        except OSError as error:
            raise DigitsError(f"{path} can't be listed: {error.strerror}.") from error
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES | OTHER_SUFFIXES:
                yield path / name


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Key to sort file names by as people count: `scan2.png` before `scan10.png`.

    Texts alternate with numbers, so that like is compared with like. Names that differ only in
    their suffix or in leading zeros are sorted by their characters.
    """
    texts_and_numbers = re.split(r"(\d+)", Path(name).stem)
    return [int(part) if part.isdecimal() else part for part in texts_and_numbers], name
