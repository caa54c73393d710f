"""Which fields a search tries, and which values, as a recipe says it or leaves it open."""

from pathlib import Path

import pytest

from digits.errors import InvalidInput
from digits.recipe import Augmentation, Recipe, load_recipe, parse_recipe, recipe_names
from digits.search.ranges import Range, default_ranges, load_ranges, parse_ranges, value_of

RECIPE = Recipe(name="mine", network="fast", epochs=2)

TOML = """
network = "fast"
epochs = 2
optimizer = "sgd"

[search]
learning_rate = { low = 1e-3, high = 0.1, log = true }
batch_size = { low = 32, high = 128 }
rotation_degrees = { low = 0, high = 15 }
optimizer = ["adam", "sgd"]
momentum = [0, 0.9]
"""


def test_a_recipe_s_table_says_what_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    found = load_ranges(path, load_recipe(path))
    assert found == {
        "learning_rate": Range(0.001, 0.1, log=True),
        "batch_size": Range(32, 128),
        "rotation_degrees": Range(0.0, 15.0),
        "optimizer": Range(choices=("adam", "sgd")),
        "momentum": Range(choices=(0.0, 0.9)),
    }
    assert isinstance(found["batch_size"].low, int)
    assert isinstance(found["rotation_degrees"].low, float)
    as_toml = {name: tried.to_toml() for name, tried in found.items()}
    assert parse_ranges(as_toml, load_recipe(path)) == found


def test_the_table_decides_no_training() -> None:
    plain = TOML.partition("[search]")[0]
    named = {"name": "mine", "source": "mine.toml"}
    assert parse_recipe(TOML, **named) == parse_recipe(plain, **named)


def test_without_a_table_what_a_recipe_uses_is_tried_around_its_own_values() -> None:
    recipe = RECIPE.override(learning_rate=0.02, batch_size=100, shift_pixels=2)
    assert default_ranges(recipe) == {
        "batch_size": Range(50, 200, log=True),
        "learning_rate": Range(0.005, 0.08, log=True),
        "shift_pixels": Range(1.0, 4.0, log=True),
    }
    few = default_ranges(RECIPE.override(batch_size=1, label_smoothing=0.9))
    assert few["batch_size"] == Range(1, 2, log=True)
    assert few["label_smoothing"].high == 0.9, "no more than the field takes"


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_have_their_own_values_within_their_ranges(name: str) -> None:
    recipe = load_recipe(name)
    ranges = load_ranges(name, recipe)
    assert {"learning_rate", "batch_size"} <= ranges.keys()
    for field, tried in ranges.items():
        assert tried.contains(value_of(recipe, field))
        recipe.override(**{field: tried.low}).override(**{field: tried.high})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (3, "search: expected a table, found 3"),
        ({"learning_rat": [1]}, "no field 'learning_rat'; did you mean 'learning_rate'?"),
        ({"seed": [1, 2]}, "A search has no field 'seed'"),
        ({"momentum": [0.5, 2]}, "search: momentum: expected 0 to 0.999, found 2"),
        ({"momentum": []}, "momentum: expected a list of values, or a table of low and high"),
        ({"momentum": 0.5}, "momentum: expected a list of values"),
        ({"momentum": {"low": 0.5}}, "momentum: expected a list of values"),
        ({"momentum": {"low": 0.5, "high": 0.6, "step": 1}}, "momentum: expected a list"),
        ({"momentum": {"low": 0.5, "high": 0.6, "log": 1}}, "momentum: expected a list"),
        ({"momentum": {"low": 0.6, "high": 0.5}}, "momentum: expected a low below its high"),
        (
            {"momentum": {"low": 0, "high": 0.5, "log": True}},
            "momentum: expected a low above 0 and below its high",
        ),
        ({"schedule": {"low": "cosine", "high": "constant"}}, "schedule: expected a list"),
        ({"batch_size": {"low": 1.5, "high": 9}}, "batch_size: expected a whole number, found 1.5"),
        ({"rotation_degrees": [200]}, "rotation_degrees: expected 0 to 180, found 200"),
    ],
)
def test_what_can_not_be_tried_is_refused(table: object, message: str, unchecked: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_ranges(table, RECIPE)
    assert message in str(refused.value)


def test_a_faulty_table_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE.to_toml() + "[search]\nmomentum = 3\n")
    with pytest.raises(InvalidInput, match=r"mine\.toml: search: momentum: expected a list"):
        load_ranges(path, load_recipe(path))


def test_a_field_of_the_augmentation_is_looked_up_by_its_own_name() -> None:
    recipe = RECIPE.override(augmentation=Augmentation(scale=0.25))
    assert (value_of(recipe, "scale"), value_of(recipe, "momentum")) == (0.25, 0.9)
