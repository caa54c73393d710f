"""Sources: the files to read, by name, and where their bytes are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digits.errors import DigitsError
from digits.reading.folder import find_pictures


@dataclass(frozen=True)
class Source:
    """A file to read, of one picture or of several pages."""

    name: str
    """The name that it is known by: in what is printed, in tables, and to tell what was read."""
    content: Path | bytes | DigitsError
    """The file, its bytes where it is none, or why they can't be had."""

    def load(self) -> Path | bytes:
        """Give what a reader takes: the file, or its bytes.

        Raises:
            DigitsError: If they can't be had.
        """
        if isinstance(self.content, DigitsError):
            raise self.content
        return self.content


def find_sources(paths: Iterable[Path]) -> Iterator[Source]:
    """Files as they are named, and the pictures of folders, in natural order.

    Raises:
        DigitsError: If a folder can't be listed.
    """
    for path in find_pictures(paths):
        yield Source(str(path), path)
