"""Flags and arguments: shared by several commands, made of a recipe's fields, in two groups."""

import glob
import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from digits.data.catalog import CROPS
from digits.devices import DEVICES
from digits.errors import InvalidInput
from digits.recipe import overridable_fields, recipe_names

if TYPE_CHECKING:
    from dataclasses import Field


def offer(words: Sequence[str]) -> Callable[[], list[str]]:
    """Complete an option with these words when the Tab key is pressed."""
    return lambda: list(words)


def offer_recipes(incomplete: str) -> list[str]:
    """Complete a recipe's name; files and folders as well, which a shell offers by itself alone."""
    names = [name for name in recipe_names() if name.startswith(incomplete)]
    paths = Path().glob(f"{glob.escape(incomplete)}*") if names else ()
    return names + sorted(str(path) for path in paths if path.is_dir() or path.suffix == ".toml")


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
Device = Annotated[
    str,
    typer.Option(
        help=f"Device to compute on: {', '.join(DEVICES)}.", autocompletion=offer(DEVICES)
    ),
]
DataPath = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Labelled pictures of your own: a folder with a folder for each class, or of IDX "
        "files; a .csv of file and label; or an .npz.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        help="How your pictures become images: ink cuts the digit out, none takes the whole. "
        "(default: ink for digits)",
        autocompletion=offer(CROPS),
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="A run folder, an ONNX file made by digits export, or a model folder made by digits "
        "learn. (default: the networks of the package)",
    ),
]


def with_data(overrides: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """Let `--data` name the data set of a recipe."""
    if path is None:
        return overrides
    if "dataset" in overrides:
        raise InvalidInput("--data and --dataset each name a data set; give one of them.")
    return {**overrides, "dataset": str(path.absolute())}


def with_recipe_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each field of a recipe; it gets those set as `overrides`."""
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                field.metadata["type"] | None,
                typer.Option(
                    "--" + field.name.replace("_", "-"),
                    help=_describe(field),
                    autocompletion=offer(field.metadata["offered"]),
                    rich_help_panel="Fields of the recipe",
                    show_default=False,
                ),
            ],
        )
        for field in overridable_fields()
    ]
    names = {parameter.name for parameter in parameters}

    @wraps(command)
    def with_overrides(**values: Any) -> None:
        overrides = {k: v for k, v in values.items() if k in names and v is not None}
        command(**{k: v for k, v in values.items() if k not in names}, overrides=overrides)

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "overrides"]
    signature = inspect.Signature([*own, *parameters])
    with_overrides.__signature__ = signature  # type: ignore[attr-defined]
    with_overrides.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return with_overrides


def _describe(field: "Field[Any]") -> str:
    """A field's help text with what it takes: its choices, names known to it, or its range."""
    facts = field.metadata
    takes = ", ".join(facts["offered"])
    if facts["low"] is not None and facts["high"] < 2**31:
        takes = f"{facts['low']:,} to {facts['high']:,} {facts['unit']}".rstrip()
    return f"{facts['help']} ({takes})" if takes else str(facts["help"])


class TwoGroups(TyperCommand):
    """A command whose arguments are two groups, parted by `--`; options may stand anywhere."""

    PARTING = "\0"
    """What stands for `--` among the arguments: a character that no argument can contain."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, and keep `--`, which would be dropped."""
        return super().parse_args(ctx, [self.PARTING if arg == "--" else arg for arg in args])

    @classmethod
    def part(cls, arguments: list[str], *, example: str) -> tuple[list[str], list[str]]:
        """Part the arguments at the one `--` among them.

        Raises:
            InvalidInput: If there is none, or more than one; the example shows what is meant.
        """
        if arguments.count(cls.PARTING) != 1:
            raise InvalidInput(f"Expected two groups of runs with one -- between them: {example}")
        parting = arguments.index(cls.PARTING)
        return arguments[:parting], arguments[parting + 1 :]
