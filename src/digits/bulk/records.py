"""Records: what was read of a file, as plain data that goes between processes and into files."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from digits.bulk.cutouts import cut_out
from digits.bulk.sources import Source
from digits.errors import DigitsError
from digits.reading.ink import Picture
from digits.reading.reader import Reader
from digits.reading.results import NOT_A_DIGIT, Digit, Line, Mark, Reading

HIGH_MARK, LEFT_OUT = "a mark as high as a digit is none", "ink as high as a digit was left out"
"""Reasons why a line is not sure, each of whose digits may be."""


@dataclass(frozen=True)
class Record:
    """What was read of a file."""

    name: str
    """The name of its source."""
    pages: tuple[dict[str, Any], ...]
    """Its pages in order, each with its number, from 1, as `page`: as `Reading.to_dict` has it, and
    whether there is ink as `has_ink`; or with the reason why it can't be read as `error`. Each line
    has the `reason` why it is not sure, whatever its confidence, or none. Each digit, and each mark
    that a line has a question mark for, has the number of its `line`, and its `position` among the
    symbols there, both from 1. Where they were asked for, doubtful lines have a `cutout`, a PNG
    file in Base64; and so has a doubtful page that has no such line."""

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


def read_source(
    reader: Reader, source: Source, *, rotate: bool = True, cutouts_below: float = 0.0
) -> Record:
    """Read all pages of a file, to its record.

    Args:
        reader: The reader to use.
        source: The file.
        rotate: Apply the EXIF orientation.
        cutouts_below: Confidence, 0 to 1, below which lines and pages have a cut-out, as have those
            in which something was refused or left out; with 0, there are none.
    """
    pages = read_pages(reader, source, rotate=rotate)
    return record_of(source, pages, cutouts_below=cutouts_below)


def record_of(
    source: Source, pages: Iterable[Reading | DigitsError], *, cutouts_below: float = 0.0
) -> Record:
    """Make the record of what was read of a file; `cutouts_below` is as `read_source` has it."""
    return Record(
        source.name,
        tuple(_page(number, page, cutouts_below) for number, page in enumerate(pages, start=1)),
    )


def _page(number: int, page: Reading | DigitsError, cutouts_below: float) -> dict[str, Any]:
    if isinstance(page, DigitsError):
        return {"page": number, "error": str(page)}
    has_ink = bool(page.left_out) or bool(page.ink.mask.any())
    plain = {"page": number, "has_ink": has_ink, **page.to_dict()}
    _place_symbols(page, plain)
    in_lines = {id(mark) for line in page.lines for mark in line.marks}
    beside = [mark for mark in page.left_out if id(mark) not in in_lines]
    for line, in_plain in zip(page.lines, plain["lines"], strict=True):
        in_plain["reason"] = _reason(line, beside, page.picture)
    if cutouts_below > 0:
        _add_cutouts(page, plain, cutouts_below)
    return plain


def _place_symbols(page: Reading, plain: dict[str, Any]) -> None:
    """Say in which line, and where there, each symbol of the lines' texts stands."""
    places: dict[int, tuple[int, int]] = {}
    for number, line in enumerate(page.lines, start=1):
        symbols = [part for part in line.parts if isinstance(part, Digit) or part.is_high]
        places |= {id(part): (number, place) for place, part in enumerate(symbols, start=1)}
    parts: tuple[Digit | Mark, ...] = (*page.digits, *page.left_out)
    for part, in_plain in zip(parts, (*plain["digits"], *plain["left_out"]), strict=True):
        if id(part) in places:
            in_plain["line"], in_plain["position"] = places[id(part)]


def _reason(line: Line, beside: Sequence[Mark], picture: Picture) -> str | None:
    """The reason why a line is not sure, whatever its confidence: the first from the left.

    Args:
        line: The line.
        beside: Marks that no line has, but the page.
        picture: The picture as it was read, in which lines are level.
    """
    for part in line.parts:
        if isinstance(part, Digit) and part.reason is not None:
            return part.reason
        if isinstance(part, Mark) and part.is_high:
            return HIGH_MARK
    _, top, _, height = picture.from_original(line.box)
    boxes = [picture.from_original(mark.box) for mark in beside if mark.kind == NOT_A_DIGIT]
    middles = [box[1] + box[3] / 2 for box in boxes]
    return LEFT_OUT if any(top <= middle <= top + height for middle in middles) else None


def _add_cutouts(page: Reading, plain: dict[str, Any], below: float) -> None:
    has_any = False
    for line, in_plain in zip(page.lines, plain["lines"], strict=True):
        if in_plain["reason"] is not None or in_plain["confidence"] < below:
            in_plain["cutout"] = cut_out(page.picture, line.box)
            has_any = True
    is_sure = prod(line["confidence"] for line in plain["lines"]) >= below
    is_read = bool(page.digits) and all(mark.kind != NOT_A_DIGIT for mark in page.left_out)
    if not has_any and plain["has_ink"] and not (is_sure and is_read):
        plain["cutout"] = cut_out(page.picture)
