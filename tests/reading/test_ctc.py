import itertools

import numpy as np
import pytest
import torch

from digits.reading import ctc, symbols

NUM_CLASSES, NUM_COLUMNS = 4, 5


def random_columns(seed: int, *, columns: int = NUM_COLUMNS) -> np.ndarray:
    """Logarithms of random probabilities of each class, in each column."""
    scores = np.random.default_rng(seed).normal(0, 2, (NUM_CLASSES, columns))
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=0)), np.float32)


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != ctc.BLANK)


def all_paths() -> list[tuple[int, ...]]:
    return list(itertools.product(range(NUM_CLASSES), repeat=NUM_COLUMNS))


@pytest.mark.parametrize("seed", range(5))
def test_likelihoods_are_sums_over_all_alignments(seed: int) -> None:
    columns = random_columns(seed)
    sums: dict[tuple[int, ...], float] = {}
    for path in all_paths():
        weight = float(np.exp(columns[list(path), range(NUM_COLUMNS)].sum()))
        sums[collapsed(path)] = sums.get(collapsed(path), 0.0) + weight
    readings = sorted(sums)
    found = np.exp(ctc.log_likelihoods(columns[None], readings))[0]
    assert found == pytest.approx([sums[reading] for reading in readings], abs=1e-5)
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_likelihoods_are_those_of_torch_s_loss() -> None:
    columns = np.stack([random_columns(seed, columns=30) for seed in range(3)])
    readings = [(1, 2, 2, 3), (3,), (1, 1, 1, 2, 3, 1)]
    found = ctc.log_likelihoods(columns, readings)
    for view, row in zip(columns, found, strict=True):
        for reading, value in zip(readings, row, strict=True):
            loss = torch.nn.functional.ctc_loss(
                torch.from_numpy(view.T[:, None]),
                torch.tensor([reading]),
                torch.tensor([30]),
                torch.tensor([len(reading)]),
                reduction="sum",
            )
            assert value == pytest.approx(-float(loss), abs=1e-3)


def test_likelihoods_of_short_readings_hold_beside_long_ones_and_over_many_columns() -> None:
    scores = np.full((NUM_CLASSES, 1000), -8.0, np.float32)
    scores[ctc.BLANK] = 0
    scores[1, 5], scores[ctc.BLANK, 5] = 0, -8
    columns = scores - np.log(np.exp(scores).sum(axis=0))
    readings = [(1,), tuple(itertools.islice(itertools.cycle((1, 2, 3)), 20)), ()]
    found = ctc.log_likelihoods(columns[None], readings)[0]
    for reading, value in zip(readings, found, strict=True):
        loss = torch.nn.functional.ctc_loss(
            torch.from_numpy(columns.T[:, None]).double(),
            torch.tensor([reading or (1,)]),
            torch.tensor([1000]),
            torch.tensor([len(reading)]),
            reduction="sum",
        )
        assert value == pytest.approx(-float(loss), rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_symbols_are_placed_where_the_likeliest_alignment_has_them(seed: int) -> None:
    columns = random_columns(seed)
    for reading in [(1,), (2, 3), (1, 1), (3, 1, 2)]:
        ways = [path for path in all_paths() if collapsed(path) == reading]
        best = max(ways, key=lambda path: columns[list(path), range(NUM_COLUMNS)].sum())
        peaks = ctc.align(columns, reading)
        assert peaks == sorted(peaks)
        assert [best[peak] for peak in peaks] == list(reading)
        for peak, symbol in zip(peaks, reading, strict=True):
            run = [peak]
            while run[0] > 0 and best[run[0] - 1] == symbol:
                run.insert(0, run[0] - 1)
            while run[-1] < NUM_COLUMNS - 1 and best[run[-1] + 1] == symbol:
                run.append(run[-1] + 1)
            assert columns[symbol, peak] == max(columns[symbol, column] for column in run)


def test_the_likeliest_reading_is_nearly_always_proposed() -> None:
    paths = all_paths()
    readings = sorted({collapsed(path) for path in paths})
    found = 0
    for seed in range(40):
        columns = random_columns(seed)
        best = readings[int(ctc.log_likelihoods(columns[None], readings).argmax())]
        found += best in ctc.propose(columns, 12)
    assert found >= 38


def test_a_blank_parts_equal_symbols() -> None:
    likely = np.log([0.9, 0.05, 0.03, 0.02])
    blank, one = likely[[0, 1, 2, 3]], likely[[1, 0, 2, 3]]
    twice = np.stack([one, one, blank, one, blank], axis=1).astype(np.float32)
    assert [spike.symbol for spike in ctc.spikes(twice)] == [1, 1]
    assert [(spike.first, spike.end) for spike in ctc.spikes(twice)] == [(0, 2), (3, 4)]
    assert (1, 1) in ctc.propose(twice, 4)


def columns(text: str) -> np.ndarray:
    """Scores of columns whose likeliest class is that of each character; a blank for a space."""
    classes = [ctc.BLANK if c == " " else symbols.SYMBOLS.index(c) + 1 for c in text]
    return np.eye(symbols.NUM_CLASSES, dtype=np.float32)[:, classes]


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
    assert ctc.greedy(columns(text)) == read
