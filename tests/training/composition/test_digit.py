from dataclasses import replace

import cv2
import numpy as np
import pytest

from digits.training.composition.digit import AMOUNTS, write_digit
from digits.training.composition.manner import Manner
from digits.training.composition.writers import Shape


def bar(label: int) -> Shape:
    return Shape(np.full((20, 3), 255, np.uint8), label)


def mean_size(label: int, manner: Manner) -> tuple[float, float]:
    """Mean height and width over many digits."""
    random = np.random.default_rng(0)
    sizes = [write_digit(bar(label), manner, random).ink.shape for _ in range(200)]
    height, width = np.mean(sizes, axis=0)
    return float(height), float(width)


def test_a_digit_is_cut_to_its_ink_and_says_what_it_is(
    plain: Manner, random: np.random.Generator
) -> None:
    for label in range(10):
        item = write_digit(bar(label), plain, random)
        assert item.symbol == str(label)
        is_ink = item.ink > AMOUNTS.ink_level / 255
        assert is_ink[[0, -1]].any(axis=1).all()
        assert is_ink[:, [0, -1]].any(axis=0).all()
        assert item.ink.max() <= 1


def test_digits_grow_with_the_writer_s_scale(plain: Manner) -> None:
    height, _ = mean_size(5, plain)
    assert height == pytest.approx(20, abs=1)
    assert mean_size(5, replace(plain, scale=1.5))[0] == pytest.approx(1.5 * height, rel=0.05)
    assert mean_size(0, replace(plain, zero_size=0.5))[0] == pytest.approx(height / 2, rel=0.1)
    assert mean_size(1, replace(plain, one_size=1.5))[0] == pytest.approx(1.5 * height, rel=0.05)


def test_a_digit_stands_on_the_line_and_small_zeros_rise(
    plain: Manner, random: np.random.Generator
) -> None:
    def foot(label: int, manner: Manner) -> float:
        item = write_digit(bar(label), manner, random)
        return item.y + len(item.ink)

    assert foot(5, plain) == pytest.approx(20)
    small = replace(plain, zero_size=0.5)
    assert foot(0, small) == pytest.approx(20)
    assert foot(0, replace(small, zero_rise=0.6)) < 17


def test_writers_with_upstrokes_feet_and_bars_write_wider_ones_and_sevens(plain: Manner) -> None:
    with_upstroke = replace(plain, upstroke=0.6, upstroke_angle=45.0)
    widths = [mean_size(1, each)[1] for each in (plain, with_upstroke)]
    assert widths[1] > widths[0] + 5
    short = replace(plain, upstroke=0.05)
    assert mean_size(1, replace(short, has_foot=True))[1] > mean_size(1, short)[1] + 5
    with_bar = replace(plain, has_bar=True)
    assert mean_size(7, with_bar)[1] > mean_size(7, plain)[1] + 5
    assert mean_size(5, replace(with_bar, upstroke=0.6)) == mean_size(5, plain)


def test_writers_fill_the_hole_of_their_zeros_and_of_no_other_digit(
    plain: Manner, random: np.random.Generator
) -> None:
    ring = np.zeros((20, 16), np.uint8)
    cv2.ellipse(ring, (8, 10), (6, 8), 0, 0, 360, 255, 2)
    filling = replace(plain, has_filled_zeros=True)
    for label, manner, has_hole in ((0, plain, True), (0, filling, False), (6, filling, True)):
        ink = write_digit(Shape(ring, label), manner, random).ink
        middle = ink[len(ink) // 2 - 1 : len(ink) // 2 + 2, ink.shape[1] // 2]
        assert (middle < 0.5).all() == has_hole


def test_what_is_not_written_with_ink_has_none(plain: Manner, random: np.random.Generator) -> None:
    item = write_digit(Shape(np.zeros((28, 28), np.uint8), 3), plain, random)
    assert item.ink.shape == (1, 1)
    assert not item.ink.any()
