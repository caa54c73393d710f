"""Sums of a folder's files, which tell damage; in the form that `sha256sum -c` checks."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from digits.errors import DigitsError
from digits.files import write_atomic

NAME = "SHA256SUMS"
"""Name of the file that holds the sums of those beside it."""


def write_sums(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the sums of files.

    Args:
        folder: The folder of the files.
        contents: What each file contains, or is about to contain, by name.

    Raises:
        DigitsError: If they can't be written.
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    lines = "".join(f"{found}  {name}\n" for name, found in sums.items())
    write_atomic(folder / NAME, lines.encode())


def expect_sum(path: Path, content: bytes) -> bool:
    """Compare what a file contains with its sum, if the folder has sums.

    Returns:
        Whether the folder has sums.

    Raises:
        DigitsError: If they can't be read.
        ValueError: If the sum is another, or missing.
    """
    try:
        text = (path.parent / NAME).read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DigitsError(f"Can't read {path.parent / NAME}: {error.strerror}.") from error
    if f"{hashlib.sha256(content).hexdigest()}  {path.name}".encode() not in text.splitlines():
        raise ValueError(f"its sum in {NAME} is another")
    return True
