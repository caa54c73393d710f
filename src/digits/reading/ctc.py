"""Connectionist temporal classification (CTC): from the columns of a line to its symbols.

Source: Graves et al. 2006, Connectionist temporal classification.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from digits.reading.symbols import SYMBOLS

BLANK = 0
"""Class of a column in which no symbol stands."""

NEVER = np.float32(-1e9)
"""Logarithm of a probability of nothing."""

RESCALED = 8
"""Columns after which the sums over alignments are brought back to 1, as they become ever smaller:
one that is 1e-38 of the likeliest is lost, which no reading that matters is."""

Classes = tuple[int, ...]
"""The classes of a line's symbols, from left to right."""


class Spike(NamedTuple):
    """Columns beside each other whose likeliest class is the same symbol."""

    symbol: int
    first: int
    end: int


def spikes(log_probabilities: Float32[np.ndarray, "k t"]) -> list[Spike]:
    """Find the symbols of the likeliest class of each column (greedy decoding)."""
    best = log_probabilities.argmax(axis=0)
    edges = np.flatnonzero(np.diff(best, prepend=-1, append=-1))
    return [
        Spike(int(best[first]), int(first), int(end))
        for first, end in itertools.pairwise(edges)
        if best[first] != BLANK
    ]


def greedy(log_probabilities: Float32[np.ndarray, "k t"]) -> str:
    """Read the symbols of a line: one for all columns of a spike, none for blanks."""
    return "".join(SYMBOLS[spike.symbol - 1] for spike in spikes(log_probabilities))


class Edit(NamedTuple):
    """A change of one symbol of a line."""

    gain: float
    """Difference that it makes to the logarithm of the probability, about."""
    place: int
    """Number of the symbol that is replaced or removed, or before which one is inserted."""
    removes: int
    """Number of symbols that are removed: 0 or 1."""
    inserts: Classes
    """Symbols that stand there instead: none or one."""


def propose(log_probabilities: Float32[np.ndarray, "k t"], num_edits: int) -> set[Classes]:
    """Propose readings of a line: the greedy one, and it with one or two likely edits.

    Args:
        log_probabilities: Logarithm of the probability of each class, in each column.
        num_edits: Number of the likeliest edits that are tried, alone and by two.
    """
    found = spikes(log_probabilities)
    greedy = tuple(spike.symbol for spike in found)
    edits = sorted(_edits(log_probabilities, found, num_edits), reverse=True)[:num_edits]
    readings = {greedy, *(_edited(greedy, (edit,)) for edit in edits)}
    for one, other in itertools.combinations(edits, 2):
        first, second = sorted((one, other), key=lambda edit: edit.place)
        if first.place + max(first.removes, 1 - len(second.inserts)) <= second.place:
            readings.add(_edited(greedy, (first, second)))
    return readings


def _edits(
    log_probabilities: Float32[np.ndarray, "k t"], found: list[Spike], most: int
) -> list[Edit]:
    """List the likeliest replacements and removals of symbols, and insertions between them.

    Args:
        log_probabilities: Logarithm of the probability of each class, in each column.
        found: The symbols of the greedy reading.
        most: Number of edits; more if some are as likely.
    """
    # A column stands behind the last, as `reduceat` needs to know where that ends.
    over_blank = np.zeros((len(log_probabilities), log_probabilities.shape[1] + 1), np.float32)
    over_blank[:, :-1] = log_probabilities - log_probabilities[BLANK]
    symbols = np.array([spike.symbol for spike in found], int)
    bounds = np.array([(spike.first, spike.end) for spike in found], int).ravel()

    def of_spikes(reduce: np.ufunc, values: Float32[np.ndarray, "k t"]) -> np.ndarray:
        return reduce.reduceat(values, bounds, axis=1)[:, ::2]

    # In each column the other symbol or a blank, whichever is likelier, with one at its best. The
    # symbol is removed if the other one is a blank.
    gains = of_spikes(np.add, np.maximum(over_blank, 0))
    gains += np.minimum(of_spikes(np.maximum, over_blank), 0)
    places = np.arange(len(found))
    gains -= of_spikes(np.add, over_blank)[symbols, places]
    gains[symbols, places] = NEVER
    best = log_probabilities.argmax(axis=0)
    others = log_probabilities[1:]
    second, value = others.argmax(axis=0) + 1, others.max(axis=0)
    is_peak = best == BLANK
    is_peak[1:] &= value[1:] >= value[:-1]
    is_peak[:-1] &= value[:-1] >= value[1:]
    peaks = np.flatnonzero(is_peak)
    inserted = over_blank[second[peaks], peaks]
    befores = np.searchsorted(bounds[1::2], peaks, side="right")
    every = np.concatenate([gains.ravel(), inserted])
    least = np.partition(every, -most)[-most] if len(every) > most else NEVER
    edits = []
    for symbol, place in np.argwhere(gains >= max(least, NEVER / 2)).tolist():
        inserts = () if symbol == BLANK else (symbol,)
        edits.append(Edit(float(gains[symbol, place]), place, 1, inserts))
    for peak in np.flatnonzero(inserted >= least).tolist():
        symbol = int(second[peaks[peak]])
        edits.append(Edit(float(inserted[peak]), int(befores[peak]), 0, (symbol,)))
    return edits


def _edited(classes: Classes, edits: tuple[Edit, ...]) -> Classes:
    for edit in reversed(edits):
        rest = classes[edit.place + edit.removes :]
        classes = classes[: edit.place] + edit.inserts + rest
    return classes


def log_likelihoods(
    log_probabilities: Float32[np.ndarray, "views k t"], readings: list[Classes]
) -> Float32[np.ndarray, "views n"]:
    """Compute the logarithm of the probability of each reading, summed over all alignments.

    Args:
        log_probabilities: Logarithm of the probability of each class, in each column.
        readings: The classes of each reading's symbols.
    """
    states, may_skip, ends = _states(readings)
    # Shorter readings are filled up with a class of which the probability is 0 everywhere.
    num_views, num_classes, num_columns = log_probabilities.shape
    columns = np.zeros((num_columns, num_views, num_classes + 1), np.float32)
    columns[:, :, :-1] = np.exp(log_probabilities.transpose(2, 0, 1))
    states = np.where(np.arange(states.shape[1]) <= ends[:, None], states, num_classes)
    skips = may_skip.astype(np.float32)
    before = np.zeros((num_views, len(states), states.shape[1] + 2), np.float32)
    before[:, :, 2:4] = columns[0][:, states[:, :2]]
    logs = np.zeros(before.shape[:2])
    for number, column in enumerate(columns[1:], 1):
        total = before[:, :, :-2] * skips
        total += before[:, :, 1:-1]
        total += before[:, :, 2:]
        total *= column.take(states, axis=1)
        if number % RESCALED == 0:  # the likeliest state of each reading becomes 1
            most = total.max(axis=2)
            total /= np.where(most > 0, most, 1)[:, :, None]
            logs += _log(most)
        before[:, :, 2:] = total
    each = np.arange(len(states))
    last = before[:, each, ends + 2] + before[:, each, ends + 1]
    return np.asarray(logs + _log(last), np.float32)


def _log(probabilities: Float32[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    is_any = probabilities > 0
    return np.where(is_any, np.log(np.where(is_any, probabilities, 1), dtype=np.float64), NEVER)


def _states(
    readings: list[Classes],
) -> tuple[np.ndarray, Bool[np.ndarray, "n s"], np.ndarray]:
    """List the states of each reading, with blanks between its symbols.

    Returns:
        The states, whether each may be skipped, and the number of the last of each reading.
    """
    longest = max(map(len, readings))
    states = np.zeros((len(readings), 2 * longest + 1), np.int64)
    for row, classes in zip(states, readings, strict=True):
        row[1 : 2 * len(classes) : 2] = classes
    may_skip = np.zeros(states.shape, bool)
    may_skip[:, 3::2] = (states[:, 3::2] != states[:, 1:-2:2]) & (states[:, 3::2] != BLANK)
    return states, may_skip, np.array([2 * len(classes) for classes in readings])


def align(log_probabilities: Float32[np.ndarray, "k t"], classes: Classes) -> list[int]:
    """Align a reading with the columns of a line (Viterbi): the column where each symbol peaks."""
    states, may_skip, _ = _states([classes])
    path, skip = states[0], np.where(may_skip[0], np.float32(0), NEVER)
    num_columns = log_probabilities.shape[1]
    here = log_probabilities[path].T
    # Two states that are never reached stand before the path, so that steps may begin there.
    scores = np.full((num_columns, len(path) + 2), NEVER, np.float32)
    scores[0, 2:4] = here[0, :2]
    for before, score, emitted in zip(scores, scores[1:], here[1:], strict=False):
        np.maximum(before[2:], before[1:-1], out=score[2:])
        np.maximum(score[2:], before[:-2] + skip, out=score[2:])
        score[2:] += emitted
    state = len(path) - 1
    if len(path) > 1 and scores[-1, len(path)] > scores[-1, len(path) + 1]:
        state -= 1
    peaks = np.zeros(len(classes), int)
    best = np.full(len(classes), -np.inf)
    for column in range(num_columns - 1, -1, -1):
        if state % 2 and here[column, state] > best[state // 2]:
            best[state // 2] = here[column, state]
            peaks[state // 2] = column
        before = scores[column - 1]
        options = (before[state + 2], before[state + 1], before[state] + skip[state])
        state -= options.index(max(options))
    return [int(peak) for peak in peaks]
