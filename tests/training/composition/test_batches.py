from itertools import pairwise

import numpy as np
import pytest

from digits.reading.symbols import SYMBOLS
from digits.training.composition import LineBatch, Writers, compose_batch, compose_batches

MAX_WIDTH = 400


@pytest.fixture(scope="module")
def batch(writers: Writers) -> LineBatch:
    return compose_batch(writers, 200, (1,))


def test_the_same_seed_composes_the_same_lines(writers: Writers) -> None:
    one, same, other = (compose_batch(writers, 5, (seed,)) for seed in (1, 1, 2))
    assert np.array_equal(one.images, same.images)
    assert (one.symbols, one.boxes) == (same.symbols, same.boxes)
    assert other.symbols != one.symbols


def test_images_are_40_high_and_of_even_width_at_most_400(
    writers: Writers, batch: LineBatch
) -> None:
    assert batch.images.shape[:2] == (200, 40)
    for each in (batch, *compose_batches(writers, [20, 20, 3], (2,))):
        width = each.images.shape[2]
        assert width % 2 == 0
        assert 0 < width <= MAX_WIDTH


def test_each_symbol_s_box_holds_ink_and_boxes_run_from_left_to_right(batch: LineBatch) -> None:
    height, width = batch.images.shape[1:]
    for image, symbols, boxes in zip(batch.images, batch.symbols, batch.boxes, strict=True):
        assert len(symbols) == len(boxes)
        assert set(symbols) <= set(SYMBOLS)
        middles = [(left + right) / 2 for left, _, right, _ in boxes]
        assert all(before < after for before, after in pairwise(middles))
        for left, top, right, low in boxes:
            assert -1 < left < right < width + 1
            assert top < low
            rows = slice(max(0, int(top)), min(height, int(low) + 1))
            assert image[rows, max(0, int(left)) : int(right) + 1].any()


def test_few_lines_have_no_digit_and_these_have_no_separator(batch: LineBatch) -> None:
    without = [symbols for symbols in batch.symbols if not any(s.isdigit() for s in symbols)]
    assert 0.04 < len(without) / len(batch.symbols) < 0.2
    assert set("".join(without)) == {"?"}


def test_batches_hold_the_lines_of_one_batch_by_width(writers: Writers) -> None:
    together = compose_batch(writers, 43, (2,))
    batches = compose_batches(writers, [20, 20, 3], (2,))
    assert [len(batch.images) for batch in batches] == [20, 20, 3]
    found = [line for batch in batches for line in batch.symbols]
    assert sorted(found) == sorted(together.symbols)
    assert len({batch.images.shape[2] for batch in batches}) == 3
    for batch in batches:
        for image, symbols, boxes in zip(batch.images, batch.symbols, batch.boxes, strict=True):
            index = together.boxes.index(boxes) if boxes else None
            if index is not None:
                width = batch.images.shape[2]
                assert together.symbols[index] == symbols
                assert np.array_equal(together.images[index, :, :width], image)
                assert not together.images[index, :, width:].any()


def test_batches_of_lines_without_ink_have_a_width(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = LineBatch(np.zeros((4, 40, 80), np.uint8), [""] * 4, [[]] * 4)
    monkeypatch.setattr("digits.training.composition.batches.compose_batch", lambda *args: blank)
    for batch in compose_batches(writers, [1, 3], (0,)):
        assert batch.images.shape[1:] == (40, 40)
