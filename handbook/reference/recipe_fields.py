"""Reference of a recipe's fields, from their declarations, and the recipes of the package."""

from dataclasses import MISSING, Field, fields
from importlib.resources import files
from typing import Any

from digits.recipe import Augmentation, Recipe, overridable_fields, recipe_names
from handbook.reference.definitions import Definition, definition_list

TYPES = {str: "text", int: "whole number", float: "number"}
"""Names of the types of fields, for people."""


def page() -> str:
    """Describe each field, in the order of a recipe's file, then show each recipe's file."""
    flags = {field.name for field in overridable_fields()}
    own = [field for field in fields(Recipe) if field.default_factory is MISSING]
    parts = ["## Fields", definition_list(_definition(field, flags) for field in own)]
    parts.append("## Fields of the table `[augmentation]`")
    parts.append(definition_list(_definition(field, flags) for field in fields(Augmentation)))
    parts.append("## Recipes of the package")
    for name in recipe_names():
        text = (files("digits") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
        parts.append(f"### {name}\n\n```toml\n{text.strip()}\n```")
    return "\n\n".join(parts)


def _definition(field: Field[Any], flags: set[str]) -> Definition:
    facts = [_values(field), _default(field)]
    if field.metadata["factor"] is not None:
        facts.append(f"searched by a factor of {field.metadata['factor']:g}")
    if field.name in flags:
        facts.append(f"flag `--{field.name.replace('_', '-')}`")
    text = str(field.metadata["help"])
    return Definition(field.name, "; ".join(facts), text, anchor=field.name)


def _values(field: Field[Any]) -> str:
    """Say which values a field takes."""
    facts = field.metadata
    if facts["choices"]:
        return " or ".join(f"`{one}`" for one in facts["choices"])
    said = TYPES[facts["type"]]
    if facts["low"] is not None:
        said += f", {facts['low']:,} to {facts['high']:,} {facts['unit']}".rstrip()
    if facts["offered"]:
        said += f", such as {', '.join(f'`{one}`' for one in facts['offered'])}"
    return said


def _default(field: Field[Any]) -> str:
    if field.name == "name":  # required in Python alone
        return "default: that of the file"
    if field.default is MISSING:
        return "required"
    if field.default is None or field.default == "":
        return "optional"
    value = f"{field.default:,}" if isinstance(field.default, int) else field.default
    return f"default `{value}`"
