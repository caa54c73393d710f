from itertools import pairwise

import numpy as np
import torch

from digits.training.composition.writers import AMOUNTS, Writers, stroke_width
from tests.training.drawn_digits import draw_digits


def test_one_writer_s_digits_are_neighbours_in_the_set(
    writers: Writers, random: np.random.Generator
) -> None:
    labels = [shape.label for shape in writers.choose(random)]
    assert len(labels) == AMOUNTS.stretch
    styled = sum((b - a) % 10 != 1 for a, b in pairwise(labels))
    assert styled < 40, "the set counts from 0 to 9; a 9 may have become a 2"


def test_fewer_digits_than_a_stretch_are_all_of_one_writer(random: np.random.Generator) -> None:
    few = Writers(*draw_digits(30), seed=0)
    assert {len(few.choose(random)) for _ in range(10)} == {30}


def test_digits_are_cut_to_their_ink(writers: Writers, random: np.random.Generator) -> None:
    for pixels, _ in writers.choose(random):
        is_ink = pixels > AMOUNTS.ink_level
        assert is_ink[[0, -1]].any(axis=1).all()
        assert is_ink[:, [0, -1]].any(axis=0).all()


def test_an_image_without_ink_stays_whole(random: np.random.Generator) -> None:
    blank = Writers(torch.zeros(1, 28, 28, dtype=torch.uint8), torch.tensor([3]), seed=0)
    assert blank.choose(random)[0].pixels.shape == (28, 28)


def test_wider_strokes_are_measured_wider() -> None:
    pixels = np.zeros((20, 20), np.uint8)
    assert stroke_width(pixels) == AMOUNTS.unknown_width
    found = []
    for width in (2, 3, 8):
        pixels[:, :width] = 255
        found.append(stroke_width(pixels))
    assert found == sorted(found)
    assert found[0] < found[-1] == AMOUNTS.stroke_width[1]
