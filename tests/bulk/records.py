"""Records that the tests make, and a reader of them that counts what it is asked to read."""

from collections.abc import Generator, Iterator
from typing import Any

from digits.bulk.records import Record
from digits.bulk.sources import Source

SURE, DOUBTFUL, REFUSED, FAILED, BLANK = range(5)
"""Kinds of records, in turn."""

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsW3I9QAAAABJRU5ErkJggg=="
)
"""A PNG file of a white pixel, in Base64."""


def line_of(number: int, text: str, confidence: float, reason: str | None = None) -> dict[str, Any]:
    """A line as a page of a record has it."""
    box = [10.0, 20.0 * number, 15.0 * len(text), 18.0]
    return {"text": text, "confidence": confidence, "box": box, "reason": reason}


def page_of(*lines: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A page of a record, with a digit for each of its lines' symbols."""
    digits = [
        {
            "label": int(symbol.replace("?", "4")),
            "confidence": line["confidence"],
            "reason": line["reason"] if symbol == "?" else None,
            "box": line["box"],
            "line": number_of_line,
            "position": position,
        }
        for number_of_line, line in enumerate(lines, start=1)
        for position, symbol in enumerate(line["text"], start=1)
    ]
    text = "\n".join(line["text"] for line in lines)
    return {
        "page": number,
        "has_ink": bool(lines),
        "text": text,
        "lines": list(lines),
        "digits": digits,
        "left_out": [],
    }


def record(index: int, *, name: str | None = None, with_cutouts: bool = False) -> Record:
    """Make the record of a file, of a kind in turn."""
    kind, text = index % 5, str(1000 + index)
    name = name or f"scans/{index}.png"
    if kind == FAILED:
        return Record(name, ({"page": 1, "error": "Expected a picture, found none."},))
    if kind == BLANK:
        return Record(name, (page_of(),))
    if kind == SURE:
        lines = [line_of(1, text, 0.9999), line_of(2, text[::-1], 0.995)]
    elif kind == DOUBTFUL:
        lines = [line_of(1, text, 0.97)]
    else:
        lines = [line_of(1, "1?", 0.6, "it may be a 4 or a 9")]
    if with_cutouts and kind != SURE:
        lines[0]["cutout"] = PIXEL
    return Record(name, (page_of(*lines),))


def sources(num: int) -> list[Source]:
    """Sources of so many records."""
    return [Source(f"scans/{index}.png", b"") for index in range(num)]


class Readings:
    """Gives the record of each source that it is asked for, and counts them."""

    def __init__(self, *, with_cutouts: bool = False, stop_after: int | None = None) -> None:
        self.names: list[str] = []
        """Names of the sources that it was asked for."""
        self._with_cutouts = with_cutouts
        self._stop_after = stop_after

    def __call__(self, given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        for source in given:
            if len(self.names) == self._stop_after:
                raise KeyboardInterrupt
            self.names.append(source.name)
            index = int(source.name.removesuffix(".png").rpartition("/")[2])
            yield record(index, name=source.name, with_cutouts=self._with_cutouts)
