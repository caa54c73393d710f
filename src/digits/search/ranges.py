"""Ranges of a search: which fields of a recipe it tries, and which values of each."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from digits.errors import InvalidInput, suggest
from digits.recipe import Augmentation, Recipe, overridable_fields

FIXED = ("dataset", "crop", "validation_size", "seed", "epochs")
"""Fields that no search changes: they decide what is compared, and how long it takes."""

EXPECTED = (
    "expected a list of values, or a table of low and high, with log = true for steps by a factor"
)


@dataclass(frozen=True)
class Range:
    """Values that a search tries for one field: any from low to high, or one of the choices."""

    low: float = 0.0
    """Lowest value, in the field's type."""
    high: float = 0.0
    """Highest value, in the field's type."""
    log: bool = False
    """Whether values are spread evenly on a logarithmic scale."""
    choices: tuple[Any, ...] = ()
    """All values that are tried, if it is not a range of numbers."""

    def contains(self, value: Any) -> bool:
        """Whether a value is one that may be tried."""
        return value in self.choices if self.choices else self.low <= value <= self.high

    def to_toml(self) -> Any:
        """Give the range as it stands in a recipe's table `[search]`."""
        if self.choices:
            return list(self.choices)
        return {name: value for name, value in asdict(self).items() if name != "choices"}


def value_of(recipe: Recipe, name: str) -> Any:
    """Look a field up by its name, in the recipe or its augmentation."""
    inner = {f.name for f in fields(Augmentation)}
    return getattr(recipe.augmentation if name in inner else recipe, name)


def default_ranges(recipe: Recipe) -> dict[str, Range]:
    """Give the ranges of a recipe that names none: around its own values, by the fields' factors.

    What a recipe leaves out, such as a weight decay of 0, is not searched.
    """
    found = {}
    for field in overridable_fields():
        facts, value = field.metadata, value_of(recipe, field.name)
        if facts["factor"] is not None and value:
            low = max(facts["type"](value / facts["factor"]), facts["low"])
            high = min(facts["type"](value * facts["factor"]), facts["high"])
            found[field.name] = Range(low, high, log=True)
    return found


def load_ranges(name: str | Path, recipe: Recipe) -> dict[str, Range]:
    """Load the ranges that a recipe's file has in its table `[search]`, or else the default ones.

    Args:
        name: Name of a recipe that comes with the package, or a path that ends in .toml.
        recipe: The recipe that was loaded from it, with what the user changed.

    Raises:
        InvalidInput: If a field is unknown or not to be searched, or a value not one it can have.
    """
    path = Path(name)
    table = None
    if path.suffix == ".toml":
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("search")
    if table is None:
        return default_ranges(recipe)
    try:
        return parse_ranges(table, recipe)
    except InvalidInput as error:
        error.args = (f"{path}: {error}",)
        raise


def parse_ranges(table: Any, recipe: Recipe) -> dict[str, Range]:
    """Parse the table `[search]` of a recipe.

    Args:
        table: The table, as `tomllib` reads it.
        recipe: The recipe, by whose fields values are checked.

    Raises:
        InvalidInput: If a field is unknown or not to be searched, or a value not one it can have.
    """
    if not isinstance(table, dict):
        raise InvalidInput(f"search: expected a table, found {table!r}.")
    known = [field.name for field in overridable_fields() if field.name not in FIXED]
    for name in table:
        if name not in known:
            raise InvalidInput(f"A search has no field {name!r}; {suggest(name, known)}")
    try:
        return {name: _parse_range(name, given, recipe) for name, given in table.items()}
    except InvalidInput as error:
        error.args = (f"search: {error}",)
        raise


def _parse_range(name: str, given: Any, recipe: Recipe) -> Range:
    def checked(value: Any) -> Any:
        return value_of(recipe.override(**{name: value}), name)

    if isinstance(given, list) and given:
        return Range(choices=tuple(map(checked, given)))
    if not isinstance(given, Mapping) or not {"low", "high"} <= {*given} <= {"low", "high", "log"}:
        raise InvalidInput(f"{name}: {EXPECTED}, found {given!r}.")
    low, high, log = checked(given["low"]), checked(given["high"]), given.get("log", False)
    if isinstance(low, str) or not isinstance(log, bool):
        raise InvalidInput(f"{name}: {EXPECTED}, found {given!r}.")
    if not low < high or (log and low <= 0):
        floor = "above 0 and " if log else ""
        raise InvalidInput(f"{name}: expected a low {floor}below its high, found {given!r}.")
    return Range(low, high, log)
