from dataclasses import replace

import numpy as np

from digits.training.composition import Writers
from digits.training.composition.line import AMOUNTS, write_line, write_mark
from digits.training.composition.manner import Manner
from digits.training.composition.separators import DASH, POINT
from digits.training.composition.signs import SIGNS


def test_the_same_seed_writes_the_same_line(writers: Writers) -> None:
    one, same, other = (write_line(writers, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.ink, same.ink)
    assert (one.symbols, one.boxes) == (same.symbols, same.boxes) != (other.symbols, other.boxes)


def test_a_writer_s_wanted_digits_are_found(writers: Writers) -> None:
    """Lines have each digit, and those with digits have one at least."""
    random = np.random.default_rng(0)
    lines = [write_line(writers, random).symbols for _ in range(150)]
    assert set("0123456789") <= set("".join(lines))
    for symbols in lines:
        assert any(symbol.isdigit() for symbol in symbols) or set(symbols) <= {"?"}


def test_marks_keep_apart_from_digits_with_narrow_gaps(
    plain: Manner, random: np.random.Generator
) -> None:
    overlapping, far = replace(plain, gap=-3.0), replace(plain, gap=20.0)
    gaps = [write_mark(DASH, overlapping, random).gap for _ in range(200)]
    assert 2.5 < np.mean(gaps) < 3.5
    gaps = [write_mark(DASH, far, random).gap for _ in range(200)]
    assert abs(np.mean(gaps) - 20 * AMOUNTS.mark_gap) < 0.5
    gaps = [write_mark(SIGNS[0], replace(plain, gap=0.0), random).gap for _ in range(200)]
    assert np.mean(np.array(gaps) >= AMOUNTS.apart[0]) > 0.5


def test_points_are_low_and_of_the_line_s_pen(plain: Manner, random: np.random.Generator) -> None:
    wide = replace(plain, pen_width=4.0)
    points = [write_mark(POINT, wide, random) for _ in range(100)]
    assert {point.symbol for point in points} == {"."}
    assert np.median([point.y + len(point.ink) for point in points]) > 17
    narrow = [write_mark(POINT, plain, random).ink.sum() for _ in range(100)]
    assert np.mean([point.ink.sum() for point in points]) > 1.5 * np.mean(narrow)
