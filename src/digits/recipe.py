"""Recipes: the hyperparameters and settings that decide a training run, as one short TOML file."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any

import tomli_w

from digits.data.catalog import CATALOG, CROPS, find, is_path
from digits.devices import PRECISIONS
from digits.errors import DigitsError, InvalidInput, suggest

DEFAULT_RECIPE = "balanced"
OWN_RECIPES = ("fast", "balanced", "accurate", "tiny", "reader", "lines")
"""Recipes of this project, as opposed to the guides', in the order in which they are shown."""

NETWORKS = (
    "fast",
    "balanced",
    "accurate",
    "tiny",
    "glyph-classifier",
    "line-recognizer",
    "classic",
    "deep",
    "compact",
)
"""Names of the networks that come with the package; a user's own can be registered besides."""

NAME = re.compile(r"\w[\w .-]{0,59}")
"""Pattern of a recipe's name; run folders are named after it."""

RENAMED_FIELDS = {
    "pens": ("writing_styles", "stroke_variation"),
    "surroundings": ("degradation",),
    "nonsense": ("outliers",),
    "plain": ("unchanged",),
}
"""Names of fields in older versions, each with what replaced it."""


RENAMED_NETWORKS = {"reader": "glyph-classifier"}
"""Names of networks in older versions, each with the one that it has now."""


class RenamedFields(InvalidInput):
    """Fields were given by names that they had in an older version.

    Args:
        fields: Some of `RENAMED_FIELDS`.
        network: The network that was given beside them, whose name may be an older one, too.
    """

    def __init__(self, fields: Sequence[str], network: object = None) -> None:
        changes = [
            f"field {field!r} is now {' and '.join(map(repr, RENAMED_FIELDS[field]))}"
            for field in fields
        ]
        if isinstance(network, str) and network in RENAMED_NETWORKS:
            changes.append(f"network {network!r} is now {RENAMED_NETWORKS[network]!r}")
        super().__init__(f"{', '.join(changes)}; rename {'it' if len(changes) == 1 else 'them'}.")
        self.fields = fields


def setting(
    help: str,
    *,
    default: Any = MISSING,
    type: type,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    offered: tuple[str, ...] = (),
    factor: float | None = None,
    unit: str = "",
) -> Any:
    """Declare a field with its help text, type and range, for checks and the command's flags.

    `choices` are all that it takes; of what else it could take as well, `offered` are shown. A
    search tries values from the recipe's own divided by `factor` to the recipe's own times it.
    `unit` is that of the range.
    """
    facts = {"help": help, "type": type, "low": low, "high": high, "choices": choices}
    facts |= {"factor": factor, "unit": unit}
    facts["offered"] = choices or offered
    return field(default=default, metadata=facts)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Largest random changes made to a training image, and how often; by default, none.

    Its fields are those of the table `[augmentation]` in a recipe's TOML file.

    Raises:
        InvalidInput: If a field is of the wrong type or out of range; the message names both.
    """

    rotation_degrees: float = setting(
        "Largest rotation, either way.",
        default=0.0,
        type=float,
        low=0,
        high=180,
        unit="degrees",
        factor=2,
    )
    shift_pixels: float = setting(
        "Largest shift along each axis, made before the other changes.",
        default=0.0,
        type=float,
        low=0,
        high=28,
        unit="pixels",
        factor=2,
    )
    scale: float = setting(
        "Largest change of size, either way, as a fraction.",
        default=0.0,
        type=float,
        low=0,
        high=1,
        factor=2,
    )
    shear_degrees: float = setting(
        "Largest slant, either way.",
        default=0.0,
        type=float,
        low=0,
        high=60,
        unit="degrees",
        factor=2,
    )
    stretch: float = setting(
        "Largest change of the ratio of width to height, either way, as a fraction.",
        default=0.0,
        type=float,
        low=0,
        high=1,
        factor=2,
    )
    elastic_pixels: float = setting(
        "Largest standard deviation of the smooth random fields that bend the image.",
        default=0.0,
        type=float,
        low=0,
        high=5,
        unit="pixels",
        factor=2,
    )
    framing: str = setting(
        "Framing of the changed digit; anew makes it 20 pixels large and centres its mass, as in "
        "MNIST.",
        default="keep",
        type=str,
        choices=("keep", "anew"),
    )
    writing_styles: float = setting(
        "Fraction of the images that may get another writing style: bars, slashes, loops.",
        default=0.0,
        type=float,
        low=0,
        high=1,
    )
    stroke_variation: float = setting(
        "Fraction that may get other strokes: thicker, thinner, softer, broken.",
        default=0.0,
        type=float,
        low=0,
        high=1,
    )
    degradation: float = setting(
        "Fraction that may be degraded: parts of neighbours, lines, a patterned ground, blur, "
        "noise.",
        default=0.0,
        type=float,
        low=0,
        high=1,
    )
    outliers: float = setting(
        "Fraction that becomes outliers, which are no digit: two in one, blots.",
        default=0.0,
        type=float,
        low=0,
        high=0.5,
    )
    unchanged: float = setting(
        "Fraction that stays as it is, whatever the other fields say.",
        default=0.0,
        type=float,
        low=0,
        high=1,
    )
    amounts: str | None = setting(
        "Digest of the amounts that the code has for the fields above, or for composing lines; "
        "a run fills it in.",
        default=None,
        type=str,
    )

    def __post_init__(self) -> None:
        _check(self)

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return replace(self, amounts=None) != Augmentation()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that decide a training run, checked when the recipe is made.

    Its fields are those of a recipe's TOML file; `augmentation` is an `Augmentation`.

    Raises:
        InvalidInput: If a field is of the wrong type or out of range; the message names both.
    """

    name: str = setting("Name of the recipe.", type=str)
    description: str = setting("What the recipe is, in a line.", default="", type=str)
    network: str = setting(
        "Name of the network, of the package or registered in Python.", type=str, offered=NETWORKS
    )
    dataset: str = setting(
        "The data set: a name, or the path of your own; see --data.",
        default="mnist", type=str, offered=tuple(CATALOG),
    )  # fmt: skip
    crop: str | None = setting(
        "How pictures of your own become images: ink cuts the digit out, none takes the whole "
        "(default: ink for digits).",
        default=None, type=str, choices=CROPS,
    )  # fmt: skip
    digest: str | None = setting(
        "Digest of the images of your own; a run fills it in.", default=None, type=str
    )
    mean: float | None = setting(
        "Mean of the pixels, from 0 to 1, that is subtracted (default: the training set's).",
        default=None, type=float, low=0, high=1,
    )  # fmt: skip
    std: float | None = setting(
        "Standard deviation by which they are then divided, on the same scale (default: the "
        "training set's).",
        default=None, type=float, low=0.001, high=10,
    )  # fmt: skip
    epochs: int = setting("Passes over the training images.", type=int, low=1, high=10_000)
    batch_size: int = setting(
        "Number of images in a step.",
        default=64, type=int, low=1, high=60_000, factor=2, unit="images",
    )  # fmt: skip
    optimizer: str = setting(
        "The optimizer; sgd has Nesterov momentum.",
        default="adam",
        type=str,
        choices=("adam", "sgd"),
    )
    learning_rate: float = setting(
        "Learning rate at its highest.", default=1e-3, type=float, low=1e-8, high=10, factor=4
    )
    momentum: float = setting(
        "Momentum of sgd, or Adam's first beta.", default=0.9, type=float, low=0, high=0.999
    )
    beta2: float = setting(
        "Adam's second beta: its memory of squared gradients.",
        default=0.999, type=float, low=0, high=0.99999,
    )  # fmt: skip
    weight_decay: float = setting(
        "Fraction of itself that a weight loses at each step, times the learning rate.",
        default=0.0, type=float, low=0, high=1, factor=4,
    )  # fmt: skip
    clip_gradients: float = setting(
        "Norm to which a step's gradients are scaled down if they exceed it; 0 leaves them.",
        default=0.0, type=float, low=0, high=1000,
    )  # fmt: skip
    average_weights: float = setting(
        "Decay of the weights' moving average, which is evaluated and saved; 0 takes the weights.",
        default=0.0, type=float, low=0, high=0.99999,
    )  # fmt: skip
    schedule: str = setting(
        "Course of the learning rate; one_cycle moves momentum by 0.05 against it.",
        default="constant", type=str, choices=("constant", "cosine", "one_cycle"),
    )  # fmt: skip
    label_smoothing: float = setting(
        "Fraction of the right answer's probability that is spread over all classes.",
        default=0.0, type=float, low=0, high=0.9, factor=2,
    )  # fmt: skip
    hard_fraction: float = setting(
        "Fraction of the images, those of highest loss, to train on after the first epoch.",
        default=1.0, type=float, low=0.001, high=1,
    )  # fmt: skip
    validation_size: int | None = setting(
        "Training images held out for validation; 0 trains on all (default: 5,000, or a tenth of a "
        "smaller set).",
        default=None, type=int, low=0, high=50_000, unit="images",
    )  # fmt: skip
    seed: int = setting(
        "Seed of all random numbers; the same seed gives the same bits.",
        default=0,
        type=int,
        low=0,
        high=2**63 - 1,
    )
    precision: str = setting(
        "Precision of the arithmetic; auto takes bfloat16 where the machine is fast at it.",
        default="auto", type=str, choices=PRECISIONS,
    )  # fmt: skip
    shards: int | None = setting(
        "Number of parts of a batch, which threads or processes share; how many of these there "
        "are changes no bit (default: 2 on a CPU, 1 elsewhere).",
        default=None, type=int, low=1, high=64,
    )  # fmt: skip
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        _check(self)
        if not is_path(self.dataset):
            find(self.dataset)
        if not NAME.fullmatch(self.name):
            raise InvalidInput(
                "name: expected at most 60 letters, digits, spaces, '.', '_' or '-', not beginning "
                f"with '.', found {self.name!r}."
            )

    def override(self, **overrides: Any) -> "Recipe":
        """Copy the recipe with some fields changed; the augmentation's go by their own names.

        Args:
            **overrides: Fields to change, such as `epochs=1` or `rotation_degrees=10`.

        Returns:
            The changed recipe.

        Raises:
            InvalidInput: If a name is unknown or outdated, or a value out of range.
        """
        inner = {f.name for f in fields(Augmentation)}
        changes = {k: v for k, v in overrides.items() if k in inner}
        own = {k: v for k, v in overrides.items() if k not in inner}
        _check_names(own, Recipe)
        if "dataset" in own:  # these two say more about the set that was
            own = {"crop": None, "digest": None, **own}
        if changes:
            base = own.get("augmentation", self.augmentation)
            own["augmentation"] = replace(base, **changes)
        return replace(self, **own)

    def to_toml(self) -> str:
        """Write the recipe as TOML.

        Returns:
            A document from which `load_recipe` makes an equal one, once it is in a file.
        """
        return tomli_w.dumps(asdict(self, dict_factory=_without_none))


def _without_none(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of these items, without fields that have no value: TOML has no null."""
    return {name: value for name, value in items if value is not None}


def overridable_fields() -> Iterator[Field[Any]]:
    """Yield the fields that have a flag, in order; the augmentation's come last."""
    hidden = ("name", "description", "digest", "augmentation", "amounts")
    yield from (f for f in (*fields(Recipe), *fields(Augmentation)) if f.name not in hidden)


def differing_fields(recipes: Sequence[Recipe]) -> list[tuple[str, list[Any]]]:
    """List the fields in which recipes differ, those of the augmentation included.

    Returns:
        The name of each, with its values in the order of the recipes.
    """
    flat = [asdict(recipe) for recipe in recipes]
    for values in flat:
        values |= values.pop("augmentation")
    rows = [(name, [values[name] for values in flat]) for name in flat[0]]
    return [(name, values) for name, values in rows if any(one != values[0] for one in values)]


def recipe_names() -> list[str]:
    """List the recipes that come with the package: the project's own, then the guides'."""
    folder = files("digits") / "recipes"
    names = {Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml")}
    return [*OWN_RECIPES, *sorted(names - {*OWN_RECIPES})]


def load_recipe(name: str | Path) -> Recipe:
    """Load a recipe that comes with the package by its name, or one's own by its file.

    Args:
        name: "classic", or a path that ends in .toml.

    Returns:
        The recipe.

    Raises:
        InvalidInput: If it is unknown (says which is nearest) or not a valid recipe.
    """
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return parse_recipe(path.read_text(encoding="utf-8"), name=path.stem, source=str(path))
        except FileNotFoundError as error:
            raise InvalidInput(f"No recipe file at {path}.") from error
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{path}: expected a TOML file in UTF-8, found other bytes."
            ) from error
        except OSError as error:
            raise DigitsError(f"Can't read {path}: {error.strerror}.") from error
    if str(name) not in recipe_names():
        raise InvalidInput(
            f"No recipe is called {str(name)!r}; {suggest(str(name), recipe_names())} "
            "Your own is given as a path that ends in .toml."
        )
    resource = files("digits") / "recipes" / f"{name}.toml"
    return parse_recipe(resource.read_text(encoding="utf-8"), name=str(name), source=str(name))


def load_measurement(name: str) -> dict[str, Any] | None:
    """Load what the benchmark measured of a recipe that comes with the package.

    Returns:
        Among others `accuracy_mean` and `accuracy_std` (fractions, over seeds, on the test set),
        `seconds_median` (training time), `parameters`, `machine`, `versions`, `commit`; None if the
        recipe was not measured.
    """
    file = files("digits") / "recipes" / f"{name}.json"
    if not file.is_file():
        return None
    measurement: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return measurement


def parse_recipe(text: str, *, name: str, source: str) -> Recipe:
    """Parse a recipe from TOML.

    Args:
        text: The TOML document.
        name: Name of the recipe if the document gives none.
        source: Where the document is from, for messages.

    Raises:
        RenamedFields: If fields are given by older names, and are not 0.
        InvalidInput: If it is not TOML, or a field is missing, unknown or out of range.
    """
    try:
        values: dict[str, Any] = {"name": name, **tomllib.loads(text)}
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise InvalidInput(f"{source}: expected TOML: {error}.") from error
    values.pop("search", None)  # decides no training; digits.search reads it
    try:
        _check_names(values, Recipe)
        augmentation = values.pop("augmentation", {})
        if not isinstance(augmentation, dict):
            raise InvalidInput(f"augmentation: expected a table, found {augmentation!r}.")
        # Older versions wrote them all, and 0 meant what leaving a field out means.
        augmentation = {
            field: value
            for field, value in augmentation.items()
            if not (field in RENAMED_FIELDS and value == 0)
        }
        _check_names(augmentation, Augmentation, network=values.get("network"))
        missing = [f.name for f in fields(Recipe) if _required(f) and f.name not in values]
        if missing:
            raise InvalidInput(f"{missing[0]}: expected a value, found none.")
        return Recipe(**values, augmentation=Augmentation(**augmentation))
    except InvalidInput as error:
        error.args = (f"{source}: {error}",)
        raise


def _required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _check_names(
    values: Mapping[str, Any], kind: type[Recipe] | type[Augmentation], *, network: object = None
) -> None:
    if renamed := [name for name in values if name in RENAMED_FIELDS]:
        raise RenamedFields(renamed, network)
    names = [f.name for f in fields(kind)]
    for name in values:
        if name not in names:
            raise InvalidInput(f"A recipe has no field {name!r}; {suggest(name, names)}")


def _check(settings: Recipe | Augmentation) -> None:
    for f in fields(settings):
        value = getattr(settings, f.name)
        if f.default_factory is Augmentation:
            if not isinstance(value, Augmentation):
                raise InvalidInput(f"{f.name}: expected an Augmentation, found {value!r}.")
        elif not (value is None and f.default is None):
            object.__setattr__(settings, f.name, _checked(f, value))


def _checked(f: Field[Any], value: Any) -> Any:
    """Check a value's type and range, and give it in the field's type."""
    kind, low, high, choices = (f.metadata[key] for key in ("type", "low", "high", "choices"))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # What is too large for a float is out of every range.
        value = float(value) if abs(value) < 2**1000 else inf
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = {int: "a whole number", float: "a number", str: "a text"}[kind]
        raise InvalidInput(f"{f.name}: expected {expected}, found {value!r}.")
    if choices and value not in choices:
        raise InvalidInput(f"{f.name}: expected {' or '.join(choices)}, found {value!r}.")
    # Written so that NaN, which compares false with everything, is out of range.
    if low is not None and not low <= value <= high:
        raise InvalidInput(f"{f.name}: expected {low:,} to {high:,}, found {value!r}.")
    return value
