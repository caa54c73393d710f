"""Decoding: the columns of a line, seen in several views, to its likeliest symbols."""

from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from jaxtyping import Float

from digits.reading import ctc
from digits.reading.line_network import Columns
from digits.reading.symbols import COLUMN_STEP, DIGIT_HEIGHT, LINE_HEIGHT, SYMBOLS

NUM_EDITS = 6
"""Number of likely edits of each view's greedy reading that are tried, alone and by two."""


@dataclass(frozen=True)
class Symbol:
    """A symbol of a line, and where it stands on the image of a view."""

    text: str
    probabilities: Float[np.ndarray, " 10"]
    """Probabilities of the ten digits."""
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the image."""


@dataclass(frozen=True)
class Decoded:
    """The likeliest symbols of a line."""

    symbols: list[Symbol]
    confidence: float
    """Probability that all its digits are right, and that there are no others."""
    view: int
    """Number of the view in which the symbols' boxes are: the one that tells them best."""


def propose(view: Columns) -> set[ctc.Classes]:
    """Propose readings of a line, by what the network gave for one view of it."""
    return ctc.propose(view.log_probabilities, NUM_EDITS)


def decode(views: list[Columns], readings: list[ctc.Classes]) -> Decoded:
    """Find the symbols of a line: of some readings, the most probable on average over views."""
    logs = ctc.log_likelihoods(_stacked(views), readings)
    weights = np.exp(logs.astype(np.float64)).mean(axis=0)
    texts = ["".join(SYMBOLS[symbol - 1] for symbol in reading) for reading in readings]
    by_digits: dict[str, float] = {}
    for text, weight in zip(texts, weights, strict=True):
        number = _digits_of(text)
        by_digits[number] = by_digits.get(number, 0.0) + float(weight)
    number = max(by_digits, key=by_digits.__getitem__)
    best = max(
        (index for index, text in enumerate(texts) if _digits_of(text) == number),
        key=lambda index: weights[index],
    )
    probabilities = _of_digits(number, by_digits)
    view = int(logs[:, best].argmax())
    peaks = ctc.align(views[view].log_probabilities, readings[best])
    symbols, place = [], 0
    for text, peak in zip(texts[best], peaks, strict=True):
        row = np.zeros(10)
        if text.isdigit():
            row = probabilities[place]
            place += 1
        symbols.append(Symbol(text, row, _box(views[view], peak)))
    return Decoded(symbols, by_digits[number], view)


def _stacked(views: list[Columns]) -> np.ndarray:
    """Stack views, the shorter ones with columns that are surely blank behind."""
    width = max(view.log_probabilities.shape[1] for view in views)
    classes = len(views[0].log_probabilities)
    stacked = np.full((len(views), classes, width), ctc.NEVER, np.float32)
    stacked[:, ctc.BLANK] = 0
    for place, view in zip(stacked, views, strict=True):
        place[:, : view.log_probabilities.shape[1]] = view.log_probabilities
    return stacked


def _digits_of(text: str) -> str:
    return "".join(symbol for symbol in text if symbol.isdigit())


def _of_digits(number: str, by_digits: dict[str, float]) -> Float[np.ndarray, "n 10"]:
    """Probabilities of each digit of a number: sums over the readings, aligned with it."""
    rows = np.zeros((len(number), 10))
    total = sum(by_digits.values())
    for other, weight in by_digits.items():
        if weight > 1e-9:
            for place, symbol in _aligned(number, other):
                rows[place, int(symbol)] += weight / total
    return rows


def _aligned(number: str, other: str) -> list[tuple[int, str]]:
    """Align a number with another by edit distance: each digit with what stands in its place."""
    if len(number) == len(other):
        return list(enumerate(other))
    # What both end in, and begin with, needs no search; it is most of them.
    end = _num_alike(number[::-1], other[::-1])
    start = _num_alike(number[: len(number) - end], other[: len(other) - end])
    middle = _searched(number[start : len(number) - end], other[start : len(other) - end])
    pairs = [(place, number[place]) for place in range(start)]
    pairs += [(start + place, digit) for place, digit in middle]
    return pairs + [(place, number[place]) for place in range(len(number) - end, len(number))]


def _num_alike(one: str, other: str) -> int:
    """Count the digits that two numbers have in common at their beginnings."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _searched(number: str, other: str) -> list[tuple[int, str]]:
    costs = [list(range(len(other) + 1))]
    for i, digit in enumerate(number):
        row = [i + 1]
        for j, symbol in enumerate(other):
            same = costs[i][j] + (digit != symbol)
            row.append(min(same, costs[i][j + 1] + 1, row[j] + 1))
        costs.append(row)
    pairs, i, j = [], len(number), len(other)
    while i and j:
        if costs[i][j] == costs[i - 1][j - 1] + (number[i - 1] != other[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, other[j]))
        elif costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _box(view: Columns, column: int) -> tuple[float, float, float, float]:
    """Find the box of the symbol that peaks at a column."""
    left, right, top, bottom = (view.edges[:, column] * DIGIT_HEIGHT).tolist()
    middle = COLUMN_STEP * column + COLUMN_STEP / 2
    left, right = max(0.0, middle - max(left, 1)), middle + max(right, 1)
    top = min(max(top + DIGIT_HEIGHT, 0.0), LINE_HEIGHT - 1.0)
    bottom = min(max(bottom + DIGIT_HEIGHT, top + 1), LINE_HEIGHT)
    return left, top, right - left, bottom - top
