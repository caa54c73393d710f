"""Pictures in folders: which files are taken for pictures."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits.errors import DigitsError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
"""Suffixes of the files in a folder that are taken for pictures."""


def find_pictures(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and those in folders that are called pictures, by their names.

    A folder is listed by names alone, and read as one goes.

    Raises:
        DigitsError: If a folder can't be listed.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            raise DigitsError(f"{path} can't be listed: {error.strerror}.") from error
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield path / name
