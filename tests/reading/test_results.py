"""Lines, and how they are written."""

import json

import numpy as np
import pytest

from digits.reading.results import NOT_A_DIGIT, Digit, Line, Mark

NONE = tuple([0.0] * 10)
BLANK = np.zeros((28, 28), np.uint8)


def line_of(symbols: str, text: str) -> Line:
    """A line of symbols beside each other: digits, `!` for a refused one, `€`, separators."""
    parts: list[Digit | Mark] = []
    for place, symbol in enumerate(symbols):
        box = (10.0 * place, 0.0, 10.0, 20.0)
        if symbol.isdigit() or symbol == "!":
            label, reason = (0, "it looks like no digit") if symbol == "!" else (int(symbol), None)
            parts.append(Digit(label, 0.9, NONE, box, BLANK, reason))
        else:
            unknown = symbol == "€"
            parts.append(Mark(NOT_A_DIGIT, box) if unknown else Mark("separator", box, symbol))
    return Line(text, 0.87654, tuple(parts), (0.0, 0.0, 10.0 * len(symbols), 20.0))


@pytest.mark.parametrize(
    ("symbols", "text", "written"),
    [
        ("1995", "1995", "1995"),
        ("12,50", "1250", "12,50"),
        ("24/12/2025", "24?12?2025", "24/12/2025"),
        ("1.234.-", "1234", "1.234.-"),
        ("€9,!0", "?9?0", "?9,?0"),
        ("83,5042", "8350 42", "83,50 42"),
        ("12/4257", "12?42 57", "12/42 57"),
        ("-", "", "-"),
        ("", "", ""),
    ],
)
def test_a_line_is_written_with_its_separators(symbols: str, text: str, written: str) -> None:
    line = line_of(symbols, text)
    assert line.written == written
    assert str(line) == text


def test_specks_and_rules_are_not_written() -> None:
    line = line_of("12", "12")
    speck, rule = Mark("speck", (9.0, 0.0, 2.0, 2.0)), Mark("rule", (0.0, 20.0, 20.0, 1.0))
    first, second = line.parts
    marked = Line(line.text, 1.0, (first, speck, second, rule), line.box)
    assert marked.written == "12"
    assert marked.digits == (first, second)
    assert marked.marks == (speck, rule)


def test_lines_and_marks_are_plain_data() -> None:
    line = line_of("1,5", "15")
    assert json.loads(json.dumps(line.to_dict())) == {
        "text": "15",
        "written": "1,5",
        "confidence": 0.8765,
        "box": [0, 0, 30, 20],
    }
    assert line.marks[0].to_dict() == {
        "kind": "separator",
        "text": ",",
        "box": [10.0, 0.0, 10.0, 20.0],
    }
