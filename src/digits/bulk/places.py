"""Places: where files to read are, by the arguments that name them."""

import glob
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from digits.errors import InvalidInput
from digits.reading.folder import natural_key

MAX_BYTES = 200_000_000
"""Limit on memory: bytes of a file that comes from standard input or an address. The largest
picture has as many, in three bytes a pixel."""


@dataclass(frozen=True)
class Address:
    """A file on a server of the internet."""

    url: str

    def load(self) -> bytes:
        """Fetch the file.

        Raises:
            DigitsError: If it can't be had, or is too large.
        """
        from digits.bulk.fetching import fetch  # with all that speaks HTTP; most files are here

        return fetch(self.url, max_bytes=MAX_BYTES)


@dataclass(frozen=True)
class StandardInput:
    """A file whose bytes come from standard input."""

    def check(self) -> None:
        """Refuse to wait for what someone would have to type.

        Raises:
            InvalidInput: If there is no file at standard input.
        """
        if sys.stdin is None or sys.stdin.isatty():
            raise InvalidInput("- is a picture from standard input: digits read - < photo.jpg")

    def load(self) -> bytes:
        """Read the file to its end.

        Raises:
            InvalidInput: If it is too large.
        """
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InvalidInput(f"Expected at most {MAX_BYTES:,} bytes, found more.")
        return content


STANDARD_INPUT = "-"
"""The name of the file that comes from standard input."""

Place = Path | Address | StandardInput


def places_of(argument: str | Path) -> list[Place]:
    """Tell what an argument names.

    Args:
        argument: A file or folder, or what is to be one; in text, also `-` for standard input, an
            address, or a pattern (`scans/*.png`), if there is no file of that name.

    Returns:
        A place; for a pattern, those of the files that match, in natural order.
    """
    if argument == STANDARD_INPUT:
        return [StandardInput()]
    if _is_address(argument):
        return [Address(str(argument))]
    found: list[Path] = []
    if is_pattern(argument):
        # That of a path takes no absolute patterns, and finds hidden files.
        found = [Path(name) for name in glob.glob(str(argument))]  # noqa: PTH207
    return [*sorted(found, key=_natural_key)] or [Path(argument)]


def is_pattern(argument: str | Path) -> bool:
    """Whether an argument is a pattern, which the shells of some systems do not expand."""
    return (
        isinstance(argument, str)
        and not _is_address(argument)
        and glob.escape(argument) != argument
        and not os.path.lexists(argument)
    )


def is_folder(place: Place) -> bool:
    """Whether there is a folder at a place."""
    try:
        return isinstance(place, Path) and place.is_dir()
    except OSError:  # its name is too long, or one may not look
        return False


def name_of(place: Place) -> str:
    """The name that a file is known by."""
    match place:
        case StandardInput():
            return STANDARD_INPUT
        case Address():
            return place.url
    return str(place)


def key_of(place: Place) -> str:
    """What two names of the same file have in common."""
    if isinstance(place, Path):
        # A .. stays as it is: behind a link, it does not lead back.
        return os.path.normcase(place.absolute())
    return name_of(place)


def _is_address(argument: str | Path) -> bool:
    return isinstance(argument, str) and bool(re.match("https?://", argument, re.IGNORECASE))


def _natural_key(path: Path) -> list[tuple[str, str]]:
    return [natural_key(part) for part in path.parts]
