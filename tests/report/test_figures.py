"""What a report draws itself: tiles, the network, and a run among its recipe's known ones."""

import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from digits.models import build_model, count_parameters, reads_lines
from digits.models.costs import image_shape, layer_costs
from digits.recipe import NETWORKS, load_measurement, load_recipe, recipe_names
from digits.report.charts import CURVES, LABEL_GAP, Curve, Row, draw_curves, draw_strip
from digits.report.drawing import LONGEST, draw_network, stages_of
from digits.report.known_runs import place_among_known
from digits.report.sprite import choose_fairly, make_sprite

GLYPH_NETWORKS = [name for name in NETWORKS if not reads_lines(name)]

MEASURED = [name for name in recipe_names() if load_measurement(name) is not None]

SVG = "{http://www.w3.org/2000/svg}"


def test_a_sprite_shows_each_image_at_its_place() -> None:
    images = torch.randint(0, 256, (40, 28, 28), dtype=torch.uint8)
    chosen = torch.arange(39, 9, -1)
    sprite = make_sprite(images, chosen)
    pixels = np.asarray(Image.open(io.BytesIO(sprite.png)))
    for position, index in enumerate(chosen.tolist()):
        column, row = sprite.place(position)
        tile = pixels[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        assert (tile == 255 - images[index].numpy()).all()


def test_each_group_has_its_share_of_what_is_shown() -> None:
    groups = torch.tensor([0] * 50 + [1] * 3 + [2] * 20)
    chosen = choose_fairly(groups, most=15, most_each=10)
    assert groups[chosen].bincount().tolist() == [6, 3, 6]
    assert chosen[:6].tolist() == list(range(6))  # the first of each
    assert len(choose_fairly(groups, most=99, most_each=10)) == 23


@pytest.mark.parametrize("name", GLYPH_NETWORKS)
def test_the_drawing_of_a_network_leaves_nothing_out_and_fits(name: str) -> None:
    model = build_model(name, mean=0.5, std=0.5)
    costs = layer_costs(model, image_shape(name))
    stages = stages_of(model, costs, 28)
    assert stages[0].shape == (1, 28, 28)
    assert stages[-1].shape == (10,)
    assert sum(stage.num_parameters for stage in stages) == count_parameters(model)
    multiply_adds = sum(cost.num_multiply_adds for cost in costs)
    assert sum(stage.num_multiply_adds for stage in stages) == multiply_adds
    drawn, _ = draw_network(model, 28, name)
    tree = ElementTree.fromstring(drawn.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"', 1))
    assert max(len(text.text or "") for text in tree.iter(f"{SVG}text")) <= LONGEST
    description = tree.findtext(f"{SVG}desc")
    assert description is not None
    assert f"{stages[-1].num_parameters:,} parameters" in description


@pytest.mark.parametrize("name", MEASURED)
def test_a_run_of_a_measured_recipe_stands_among_its_known_runs(name: str) -> None:
    measured = load_measurement(name)
    assert measured is not None
    recipe = load_recipe(name)
    recipe = recipe.override(seed=10**6, mean=recipe.mean or 0.1306, precision="float32")
    mean = measured["accuracy_mean"]
    known = place_among_known(
        recipe, accuracy=mean, interval=(mean - 0.002, mean + 0.002), num_images=10_000
    )
    assert known.svg is not None
    assert known.svg.count("<circle") == len(measured["seeds"]) + 1
    assert "as is to be expected of another seed" in known.words
    assert "had this seed" not in known.words
    below = place_among_known(
        recipe, accuracy=mean - 0.02, interval=(mean - 0.03, mean), num_images=10_000
    )
    assert "less than is to be expected of another seed" in below.words


def test_a_run_with_settings_of_its_own_is_not_set_beside_others() -> None:
    facts: Any = {"accuracy": 0.99, "interval": (0.98, 0.995), "num_images": 10_000}
    changed = place_among_known(load_recipe("fast").override(epochs=2, scale=0.1), **facts)
    assert changed.svg is None
    assert "epochs 2, there 1, scale 0.1, there 0.0" in changed.words
    own = place_among_known(load_recipe("fast").override(name="mine"), **facts)
    assert own.svg is None
    assert "was not measured" in own.words


def texts(drawn: str, kind: str) -> list[ElementTree.Element]:
    """The texts of one class in a chart."""
    tree = ElementTree.fromstring(drawn)
    return [text for text in tree.iter("text") if text.get("class") == kind]


@pytest.mark.parametrize("ends", [[0.1] * 8, [0.0, 0.01, 0.02, 4.0], [4.0, 0.3]])
def test_letters_of_curves_touch_neither_each_other_nor_the_axis(ends: list[float]) -> None:
    curves = [
        Curve(letter, number, [(1.0, 4.0), (2.0, end)])
        for number, (letter, end) in enumerate(zip("ABCDEFGH", ends, strict=False), start=1)
    ]
    letters = texts(draw_curves(title="loss", curves=curves, percent=False), "letter")
    heights = sorted(float(letter.get("y", "nan")) for letter in letters)
    assert len(heights) == len(ends)
    assert heights[-1] <= CURVES
    assert min(np.diff(heights)) >= LABEL_GAP - 0.1


@pytest.mark.parametrize("high", [0.9903, 0.9927, 0.9985])
def test_ticks_of_an_axis_have_equally_many_decimals(high: float) -> None:
    row = Row("this run", [(0.985, "this run")], (0.98, high))
    curve = Curve("A", 1, [(1.0, 0.98), (2.0, high)])
    strip = texts(draw_strip(title="accuracy", rows=[row]), "tick")
    curves = texts(draw_curves(title="accuracy", curves=[curve], percent=True), "side")
    for ticks in (strip, curves):
        labels = [tick.text or "" for tick in ticks]
        assert len({len(label.partition(".")[2]) for label in labels}) == 1
