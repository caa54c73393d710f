"""Rows: a record as a table has it, with one row a digit, line or picture."""

from collections.abc import Iterator
from math import prod
from typing import Any, Literal, NamedTuple

from digits.bulk.records import HIGH_MARK, LEFT_OUT, Record
from digits.reading.results import NOT_A_DIGIT, REFUSED

By = Literal["digit", "line", "picture"]
"""What a row stands for."""

NO_INK, NO_DIGIT = "there is no ink", "there is ink, but no digit was read in it"
"""Reasons why nothing was read on a page."""


class Row(NamedTuple):
    """A row of a table. A page that can't be read, or has no digits, has one without text."""

    file: str
    """The name of the file, in characters that UTF-8 has."""
    page: int
    """The number of the page in it, from 1."""
    line: int | None = None
    """The number of the line on the page, from 1; none in a row of a whole page."""
    position: int | None = None
    """The place among the symbols of the line, from 1; none in a row of more than a digit."""
    text: str = ""
    """The digits, as they were read; what was refused is a question mark."""
    confidence: float | None = None
    """Probability that the text is right, 0 to 1, of several lines the product; none where there
    is no text, or the symbol is no digit."""
    left: float | None = None
    """Distance of its box from the left edge, in pixels of the picture; none of a whole page."""
    top: float | None = None
    """Distance of its box from the upper edge, in pixels."""
    width: float | None = None
    """Width of its box, in pixels."""
    height: float | None = None
    """Height of its box, in pixels."""
    reason: str | None = None
    """The reason why it is not sure, whatever its confidence: refused, left out, not readable."""

    def is_sure(self, sure: float) -> bool:
        """Whether it is right with this confidence, and nothing of it was refused or left out."""
        return self.reason is None and self.confidence is not None and self.confidence >= sure

    @property
    def has_failed(self) -> bool:
        """Whether it stands for a page that can't be read."""
        return not self.text and self.reason not in (NO_INK, NO_DIGIT)


COLUMNS: dict[By, tuple[str, ...]] = {
    "digit": Row._fields,
    "line": tuple(name for name in Row._fields if name != "position"),
    "picture": ("file", "page", "text", "confidence", "reason"),
}
"""Columns of a table, by what a row stands for."""


def written_name(name: str) -> str:
    """The name of a file in characters that UTF-8 has; other bytes of it, as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def rows_of(record: Record, by: By) -> list[Row]:
    """Make the rows of a record: one or more of each page, in its order."""
    file = written_name(record.name)
    return [
        Row(file, page["page"], **values)
        for page in record.pages
        for values in _rows_of_page(page, by)
    ]


def _rows_of_page(page: dict[str, Any], by: By) -> Iterator[dict[str, Any]]:
    if "error" in page:
        yield {"reason": page["error"]}
    elif not page["text"]:
        yield {"reason": NO_DIGIT if page["has_ink"] else NO_INK}
    elif by == "picture":
        yield {
            "text": page["text"],
            "confidence": round(prod(line["confidence"] for line in page["lines"]), 4),
            "reason": _reason_of_page(page),
        }
    elif by == "line":
        for number, line in enumerate(page["lines"], start=1):
            if line["text"]:
                kept = {name: line[name] for name in ("text", "confidence", "reason")}
                yield {"line": number, **kept, **_box(line)}
    else:
        marks = [mark for mark in page["left_out"] if "position" in mark]
        for symbol in sorted(page["digits"] + marks, key=lambda s: (s["line"], s["position"])):
            place = {"line": symbol["line"], "position": symbol["position"]}
            yield {**place, **_symbol(symbol), **_box(symbol)}


def _symbol(symbol: dict[str, Any]) -> dict[str, Any]:
    """A digit as it was read; or a mark that stands in a digit's place, as a question mark."""
    if "label" not in symbol:
        return {"text": REFUSED, "reason": HIGH_MARK}
    reason = symbol["reason"]
    text = str(symbol["label"]) if reason is None else REFUSED
    return {"text": text, "confidence": symbol["confidence"], "reason": reason}


def _reason_of_page(page: dict[str, Any]) -> str | None:
    reasons = [line["reason"] for line in page["lines"] if line["reason"] is not None]
    if not reasons and any(mark["kind"] == NOT_A_DIGIT for mark in page["left_out"]):
        reasons = [LEFT_OUT]
    return reasons[0] if reasons else None


def _box(part: dict[str, Any]) -> dict[str, float]:
    return dict(zip(("left", "top", "width", "height"), part["box"], strict=True))
