"""Records: what was read of a file, as plain data that goes between processes and into files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from digits.bulk.sources import Source
from digits.errors import DigitsError
from digits.reading.reader import Reader
from digits.reading.results import Reading


@dataclass(frozen=True)
class Record:
    """What was read of a file."""

    name: str
    """The name of its source."""
    pages: tuple[dict[str, Any], ...]
    """Its pages in order, each with its number, from 1, as `page`: as `Reading.to_dict` has it, and
    whether there is ink as `has_ink`; or with the reason why it can't be read as `error`."""

    @property
    def has_failed(self) -> bool:
        """Whether a page can't be read."""
        return any("error" in page for page in self.pages)


def read_pages(
    reader: Reader, source: Source, *, rotate: bool = True
) -> Iterator[Reading | DigitsError]:
    """Read the pages of a file one after the other: each, or the reason why it can't be read.

    Args:
        reader: The reader to use.
        source: The file.
        rotate: Apply the EXIF orientation.

    Yields:
        The pages; the reason alone, if the file as a whole can't be read. None of them is kept, as
        a reading holds its picture.
    """
    try:
        yield from reader.read_pages(source.load(), rotate=rotate)
    except DigitsError as error:
        yield error


def read_source(reader: Reader, source: Source, *, rotate: bool = True) -> Record:
    """Read all pages of a file, to its record.

    Args:
        reader: The reader to use.
        source: The file.
        rotate: Apply the EXIF orientation.
    """
    return record_of(source, read_pages(reader, source, rotate=rotate))


def record_of(source: Source, pages: Iterable[Reading | DigitsError]) -> Record:
    """Make the record of what was read of a file."""
    return Record(
        source.name, tuple(_page(number, page) for number, page in enumerate(pages, start=1))
    )


def _page(number: int, page: Reading | DigitsError) -> dict[str, Any]:
    if isinstance(page, DigitsError):
        return {"page": number, "error": str(page)}
    has_ink = bool(page.left_out) or bool(page.ink.mask.any())
    return {"page": number, "has_ink": has_ink, **page.to_dict()}
