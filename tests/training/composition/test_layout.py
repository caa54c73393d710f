from dataclasses import replace

import numpy as np
import pytest

from digits.training.composition import layout
from digits.training.composition.layout import Item, lay_out
from digits.training.composition.manner import Manner


def block(symbol: str, gap: float, width: int = 10) -> Item:
    return Item(symbol, np.ones((20, width), np.float32), 0.0, gap)


@pytest.mark.parametrize("gap", [0, 3, 7, -2])
def test_items_are_as_far_from_ink_to_ink_as_their_gaps_say(
    gap: float, plain: Manner, random: np.random.Generator
) -> None:
    line = lay_out([block("1", 2), block("2", gap), block("3", gap)], plain, random)
    for before, after in ((0, 1), (1, 2)):
        assert line.boxes[after][0] - line.boxes[before][2] == gap


def test_ink_touches_where_boxes_overlap(plain: Manner, random: np.random.Generator) -> None:
    """An item with an open left side takes in the foot of the one before it."""
    foot, roof = (np.zeros((20, 12), np.float32) for _ in range(2))
    foot[:, :4], foot[16:] = 1, 1
    roof[:4], roof[:, 8:] = 1, 1
    line = lay_out([Item("2", foot, 0, 2), Item("7", roof, 0, 0)], plain, random)
    (_, _, right, _), (left, _, _, _) = line.boxes
    assert right - left == 8
    ink = line.ink[85:105, int(line.boxes[0][0]) : int(line.boxes[1][2])]
    assert (ink.sum(axis=0) > 0).all()
    assert float(ink.max()) == 1


def test_boxes_are_those_of_the_ink_and_run_from_left_to_right(
    plain: Manner, random: np.random.Generator
) -> None:
    items = [block(symbol, 2, width) for symbol, width in (("1", 3), (".", 2), ("5", 12))]
    line = lay_out(items, plain, random)
    assert line.symbols == "1.5"
    assert line.height == 20
    rest = line.ink.copy()
    for (left, top, right, low), item in zip(line.boxes, items, strict=True):
        place = slice(int(top), int(low)), slice(int(left), int(right))
        assert np.array_equal(line.ink[place], item.ink)
        rest[place] = 0
    assert not rest.any()
    lefts = [box[0] for box in line.boxes]
    assert lefts == sorted(lefts)


def test_the_middle_of_an_item_lies_right_of_that_before_it(
    plain: Manner, random: np.random.Generator
) -> None:
    line = lay_out([block("1", 2, 14), *(block("2", -30, 14) for _ in range(5))], plain, random)
    middles = [(box[0] + box[2]) / 2 for box in line.boxes]
    assert (np.diff(middles) > 0).all()


def test_nothing_to_lay_out_is_a_line_without_symbols(
    plain: Manner, random: np.random.Generator
) -> None:
    line = lay_out([], replace(plain, scale=1.5), random)
    assert (line.symbols, line.boxes, line.height) == ("", [], 30)
    assert not line.ink.any()


def test_zeros_can_be_joined_and_a_single_digit_ringed(
    plain: Manner, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for items in ([block("0", 2), block("0", 8)], [block("8", 15)]):
        lines = []
        for part in (0.0, 1.0):
            amounts = replace(layout.AMOUNTS, part_joined=part, part_ringed=part)
            monkeypatch.setattr(layout, "AMOUNTS", amounts)
            lines.append(lay_out(items, plain, random))
        before, after = lines
        assert after.boxes == before.boxes
        assert after.ink.sum() > before.ink.sum() + 5
