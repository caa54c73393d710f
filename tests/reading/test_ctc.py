import numpy as np
import pytest

from digits.reading.ctc import BLANK, greedy
from digits.reading.symbols import NUM_CLASSES, SYMBOLS


def columns(text: str) -> np.ndarray:
    """Scores of columns whose likeliest class is that of each character; a blank for a space."""
    classes = [BLANK if c == " " else SYMBOLS.index(c) + 1 for c in text]
    return np.eye(NUM_CLASSES, dtype=np.float32)[:, classes]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("12", "12"),
        (" 11 22  ", "12"),
        ("1 1", "11"),
        ("11 1,,5 5-", "11,55-"),
        ("    ", ""),
        ("", ""),
    ],
)
def test_greedy_decoding_joins_repeats_and_drops_blanks(text: str, read: str) -> None:
    assert greedy(columns(text)) == read
