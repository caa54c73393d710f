"""Paper, and what is on it: ink of another pen, neighbours, rules, cells, ground."""

from dataclasses import replace

import numpy as np
import pytest

from digits.training.composition import Writers, borders, ground, pen, rules
from digits.training.composition.borders import end_picture
from digits.training.composition.cells import draw_cell
from digits.training.composition.ground import add_ground, draw_phases
from digits.training.composition.layout import LineInk
from digits.training.composition.line import write_line
from digits.training.composition.neighbours import add_neighbours
from digits.training.composition.paper import to_image
from digits.training.composition.pen import redraw
from digits.training.composition.rules import draw_line, draw_rules, erase_line

BOXES = np.array([[10.0, 10, 20, 30], [24, 12, 30, 30], [40, 8, 60, 31]])


def inked() -> np.ndarray:
    image = np.zeros((40, 72), np.float32)
    for left, top, right, low in BOXES.astype(int):
        image[top:low, left:right] = 0.8
    return image


def test_lines_become_images_40_high_with_digits_of_about_20_pixels(writers: Writers) -> None:
    heights = []
    random = np.random.default_rng(0)
    for _ in range(80):
        line = write_line(writers, random)
        image, boxes = to_image(line, writers, random)
        assert image.shape[0] == 40
        assert 0 <= image.min() <= image.max() <= 1
        assert len(boxes) == len(line.symbols)
        digits = [
            low - top
            for symbol, (_, top, _, low) in zip(line.symbols, boxes, strict=True)
            if symbol.isdigit()
        ]
        if digits:
            heights.append(np.max(digits))
    assert 18 < np.median(heights) < 24


def test_a_line_s_place_follows_its_boxes(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no other effect, the ink is where the boxes are."""
    for module in (pen, ground):
        none = {name: 0.0 for name in vars(module.AMOUNTS) if name.startswith("part_")}
        monkeypatch.setattr(module, "AMOUNTS", replace(module.AMOUNTS, **none))
    paper = "digits.training.composition.paper"
    for name in ("add_neighbours", "draw_rules", "erase_line"):
        monkeypatch.setattr(f"{paper}.{name}", lambda *args: None)
    ink = np.zeros((160, 60), np.float32)
    ink[85:105, 10:20] = ink[85:105, 30:50] = 1
    line = LineInk(ink, "05", [(10.0, 85.0, 20.0, 105.0), (30.0, 85.0, 50.0, 105.0)], 20.0, 2.0)
    for seed in range(20):
        image, boxes = to_image(line, writers, np.random.default_rng(seed))
        for left, top, right, low in boxes:
            inside = image[round(top) + 1 : round(low) - 1, round(left) + 1 : round(right) - 1]
            assert inside.min() > 0.5 * image.max() > 0
        between = image[:, round(boxes[0][2]) + 2 : round(boxes[1][0]) - 2]
        assert between.max() < 0.1


def test_paper_without_a_line_is_an_empty_cell(writers: Writers) -> None:
    blank = LineInk(np.zeros((160, 60), np.float32), "", [], 20.0, 2.0)
    image, boxes = to_image(blank, writers, np.random.default_rng(0))
    assert boxes == []
    assert image.shape[0] == 40
    widths = [draw_cell(np.random.default_rng(seed)).shape[1] for seed in range(100)]
    assert 24 <= min(widths) < 40
    assert 140 < max(widths) < 160


def test_another_pen_draws_no_ink_where_there_is_none(random: np.random.Generator) -> None:
    for _ in range(30):
        assert redraw(np.zeros((160, 60), np.float32), random).max() < 1e-6


def test_another_pen_makes_strokes_wider_and_narrower(random: np.random.Generator) -> None:
    ink = np.zeros((60, 60), np.float32)
    ink[10:50, 28:32] = 1
    amounts = [redraw(ink, random).sum() / ink.sum() for _ in range(100)]
    assert min(amounts) < 0.8
    assert max(amounts) > 1.3
    assert 0.7 < np.median(amounts) < 1.3


@pytest.mark.parametrize("kind", range(5))
def test_rules_brighten_and_leave_room_for_nothing_else(
    kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind draws something in most images, and takes nothing away."""
    kinds = tuple(float(index == kind) for index in range(4))
    monkeypatch.setattr(rules, "AMOUNTS", replace(rules.AMOUNTS, kinds=kinds))
    num_changed = 0
    for seed in range(20):
        image = inked()
        draw_rules(image, BOXES, 2, np.random.default_rng(seed))
        assert (image >= inked()).all()
        assert image.max() <= 1
        num_changed += bool((image > inked()).any())
    assert num_changed > 15


def test_erased_lines_take_ink_away(random: np.random.Generator) -> None:
    num_changed = 0
    for _ in range(20):
        image = inked()
        erase_line(image, BOXES, random)
        assert (image <= inked()).all()
        num_changed += bool((image < inked()).any())
    assert num_changed > 10


def test_lines_are_drawn_between_their_points() -> None:
    image = np.zeros((40, 40), np.float32)
    draw_line(image, (5.0, 20.0), (30.0, 20.0), 0.6, 1)
    assert image[20, 6:30] == pytest.approx(0.6, rel=0.15)
    assert not image[:18].any()
    assert not image[23:].any()


def test_neighbours_reach_in_at_the_edges(writers: Writers, random: np.random.Generator) -> None:
    num_changed = 0
    for _ in range(30):
        image = inked()
        add_neighbours(image, writers, BOXES, random)
        assert 0 <= image.min() <= image.max() <= 1
        changed = image != inked()
        num_changed += bool(changed.any())
        assert changed[10:30, 8:64].sum() < 40, "specks at most"
    assert num_changed > 25


def test_ground_fades_and_grains(random: np.random.Generator) -> None:
    strengths = []
    for _ in range(50):
        image = inked()
        add_ground(image, random)
        assert image.shape == (40, 72)
        assert np.isfinite(image).all()
        strengths.append(float(np.median(image[BOXES.astype(int)[0][1] + 3 : 27, 12:18])))
    assert min(strengths) < 0.4 < 0.7 < max(strengths)


@pytest.mark.parametrize("is_round", [False, True])
def test_waves_are_as_far_apart_everywhere_whether_parallel_or_round(
    is_round: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = replace(
        ground.AMOUNTS, part_round=float(is_round), wave_bend=0.0, wave_frequency=(1.5, 1.5)
    )
    monkeypatch.setattr(ground, "AMOUNTS", straight)
    for seed in range(10):
        phases = draw_phases((40, 72), np.random.default_rng(seed)).astype(np.float64)
        down, across = np.gradient(phases)
        assert np.median(np.hypot(down, across)) == pytest.approx(1.5, rel=0.01)
        curvature = np.abs(np.diff(phases, 2, axis=0)).mean()
        assert (curvature > 1e-3) == is_round


def test_waves_brighten_the_paper_and_leave_the_ink(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(ground.AMOUNTS, part_blurred=0.0, part_plain=1.0, plain=(1.0, 1.0))
    even = replace(plain, part_noisy=0.0, part_shaded=0.0, part_with_contrast=0.0)
    waves = replace(even, part_with_waves=1.0, part_with_blots=0.0)
    monkeypatch.setattr(ground, "AMOUNTS", waves)
    for seed in range(10):
        image = inked()
        add_ground(image, np.random.default_rng(seed))
        assert (image >= inked()).all()
        assert 0.2 < (image > inked()).mean() < 0.9
        assert image[inked() == 0].max() <= ground.AMOUNTS.wave_grey[1]


def test_beyond_the_border_of_the_picture_there_is_nothing() -> None:
    num_ended = np.zeros(4)
    for seed in range(60):
        image = np.full((40, 72), 0.5, np.float32)
        end_picture(image, BOXES, np.random.default_rng(seed))
        assert 0 <= image.min() <= image.max() <= 0.5
        assert image[12:28, 28:44].min() > 0.45, "the middle of the digits stays"
        sides = image[20, :2], image[:2, 35], image[20, -2:], image[-2:, 35]
        num_ended += [not side.any() for side in sides]
    assert (num_ended > 10).all()
    assert (num_ended < 50).all()


def test_a_picture_that_ends_nowhere_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borders, "AMOUNTS", replace(borders.AMOUNTS, part_of_sides=0.0))
    image = inked()
    end_picture(image, BOXES, np.random.default_rng(0))
    assert np.array_equal(image, inked())
