import json
from dataclasses import Field, fields, replace
from pathlib import Path
from statistics import median, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.data.catalog import CATALOG
from digits.errors import InvalidInput
from digits.recipe import (
    NAME,
    RENAMED_FIELDS,
    Augmentation,
    Recipe,
    load_measurement,
    load_recipe,
    overridable_fields,
    parse_recipe,
    recipe_names,
)
from digits.training.augmentation import digest_amounts

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

FILLED_IN = ("mean", "std", "precision", "validation_size")
"""Fields that data and machine complete."""


def values_of(field: "Field[Any]") -> st.SearchStrategy[Any]:
    facts = field.metadata
    if field.name == "name":
        return st.from_regex(NAME, fullmatch=True)
    if field.name == "dataset":
        return st.sampled_from([*CATALOG, "./mine", "/home/anna/digits.npz"])
    if facts["choices"]:
        return st.sampled_from(facts["choices"])
    if facts["type"] is int:
        return st.integers(facts["low"], facts["high"])
    if facts["type"] is float:
        return st.floats(facts["low"], facts["high"])
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


recipes = st.builds(
    Recipe,
    **{f.name: values_of(f) for f in fields(Recipe) if f.name != "augmentation"},
    augmentation=st.builds(Augmentation, **{f.name: values_of(f) for f in fields(Augmentation)}),
)


@given(recipes)
def test_every_recipe_reads_back_from_its_own_toml(recipe: Recipe) -> None:
    assert parse_recipe(recipe.to_toml(), name="other", source="test") == recipe


@given(st.text())
def test_any_text_is_a_recipe_or_one_line_of_error(text: str) -> None:
    message = "any.toml: "
    try:
        parse_recipe(text, name="any", source="any.toml")
    except InvalidInput as error:
        message = str(error)
    assert message.startswith("any.toml: ")
    assert "\n" not in message


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_are_short_and_commented(name: str) -> None:
    recipe = load_recipe(name)
    path = Path(__file__).parents[1] / "src/digits/recipes" / f"{name}.toml"
    assert recipe.name == name
    assert recipe.description
    assert path.read_text().startswith("# ")
    assert len(path.read_text().splitlines()) <= 25


MEASUREMENTS = [
    *(measured for name in recipe_names() if (measured := load_measurement(name))),
    *(json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))),
]


@pytest.mark.parametrize("measured", [m for m in MEASUREMENTS if "recipe" in m])
def test_measurements_are_means_over_the_seeds_they_list(measured: dict[str, Any]) -> None:
    accuracies = [seed["accuracy"] for seed in measured["seeds"]]
    assert len(accuracies) >= 3
    assert measured["accuracy_mean"] == pytest.approx(sum(accuracies) / len(accuracies))
    assert measured["accuracy_std"] == pytest.approx(stdev(accuracies))
    assert measured["seconds_median"] == median(seed["seconds"] for seed in measured["seeds"])
    first = measured["seeds"][0]["seed"]
    assert [seed["seed"] for seed in measured["seeds"]] == [
        first + index for index in range(len(accuracies))
    ], "no seed was left out"


@pytest.mark.parametrize("measured", [m for m in MEASUREMENTS if "recipe" in m])
def test_measurements_are_of_the_recipes_as_they_are_now(measured: dict[str, Any]) -> None:
    recipe = parse_recipe(measured["recipe"], name="measured", source="measured")
    now = load_recipe(recipe.name)
    # What the data and the machine complete, and what a benchmark may change.
    completed = {n for n in FILLED_IN if getattr(now, n) in (None, "auto")}
    changed = {name: getattr(recipe, name) for name in (*completed, "epochs", "seed")}
    assert recipe == now.override(**changed, amounts=digest_amounts(now.augmentation))


@pytest.mark.parametrize(
    ("name", "accuracy", "num_seeds"),
    [("fast", 0.99, 10), ("balanced", 0.996, 10), ("accurate", 0.997, 5), ("tiny", 0.994, 5)],
)
def test_our_recipes_keep_what_their_first_lines_promise(
    name: str, accuracy: float, num_seeds: int
) -> None:
    measured = load_measurement(name)
    assert measured is not None
    assert measured["accuracy_mean"] >= accuracy
    assert len(measured["seeds"]) >= num_seeds
    assert measured["training_images"] == 60_000


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("epochs = 0", "epochs: expected 1 to 10,000, found 0"),
        ("epochs = 1.5", "epochs: expected a whole number, found 1.5"),
        ("epochs = true", "epochs: expected a whole number, found True"),
        ("epochs = 1\nlearning_rate = nan", "learning_rate: expected 1e-08 to 10, found nan"),
        ("epochs = 1\nlearning_rate = -1", "learning_rate: expected 1e-08 to 10, found -1"),
        ("epochs = 1\noptimizer = 'lion'", "optimizer: expected adam or sgd, found 'lion'"),
        ("epochs = 1\nbatchsize = 3", "did you mean 'batch_size'"),
        ("epochs = 1\naugmentation = 3", "augmentation: expected a table, found 3"),
        ("epochs = 1\n[augmentation]\nturn = 3", "no field 'turn'"),
        ("epochs = 1\n[augmentation]\nscale = 3", "scale: expected 0 to 1, found 3"),
        (f"epochs = 1\nlearning_rate = 1{'0' * 400}", "learning_rate: expected 1e-08 to 10"),
        (f"epochs = {'1' * 5000}", "expected TOML"),
        ("epochs = 1\nname = '../../elsewhere'", "name: expected at most 60 letters"),
        ("epochs = 1\nname = '/tmp/x'", "name: expected at most 60 letters"),
        ("", "epochs: expected a value, found none"),
        ("epochs =", "expected TOML"),
    ],
)
def test_a_bad_field_is_named_with_what_was_expected(toml: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_recipe(f"network = 'classic'\n{toml}", name="bad", source="bad.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pens", "'writing_styles' and 'stroke_variation'"),
        ("surroundings", "'degradation'"),
        ("nonsense", "'outliers'"),
        ("plain", "'unchanged'"),
    ],
)
def test_a_field_of_an_older_version_is_refused_by_its_new_name(
    tmp_path: Path, old: str, new: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(f"network = 'deep'\nepochs = 2\n[augmentation]\n{old} = 0.1\n")
    with pytest.raises(InvalidInput) as caught:
        load_recipe(path)
    assert str(caught.value) == f"{path}: field {old!r} is now {new}; rename it."
    with pytest.raises(InvalidInput, match=f"^field {old!r} is now {new}; rename it.$"):
        load_recipe("deep").override(**{old: 0.1})
    assert all(hasattr(Augmentation(), name) for name in RENAMED_FIELDS[old])


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'classic'"):
        load_recipe("clasic")


def test_a_recipe_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("network = 'deep'\nepochs = 2\n")
    assert load_recipe(path) == Recipe(name="mine", network="deep", epochs=2)
    with pytest.raises(InvalidInput, match="No recipe file at"):
        load_recipe(tmp_path / "other.toml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        load_recipe(path)


def test_overrides_reach_the_recipe_and_its_augmentation() -> None:
    recipe = load_recipe("deep")
    changed = recipe.override(epochs=3, scale=0.3)
    assert (changed.epochs, changed.augmentation.scale) == (3, 0.3)
    assert changed.augmentation == replace(recipe.augmentation, scale=0.3)
    with pytest.raises(InvalidInput, match="did you mean 'epochs'"):
        recipe.override(epoch=3)


def test_what_augmentation_draws_with_is_no_change_by_itself() -> None:
    assert not Augmentation(amounts="0123456789ab")
    assert Augmentation(outliers=0.1)


def test_every_field_that_can_be_overridden_explains_itself() -> None:
    for field in overridable_fields():
        assert field.metadata["help"]
        assert field.metadata["choices"] or field.metadata["type"] is str or field.metadata["high"]
