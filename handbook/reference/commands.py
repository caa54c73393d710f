"""Reference of the command `digits`: each of its commands, with arguments and options."""

import inspect
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.main import get_command

from digits.cli import app
from digits.recipe import overridable_fields
from handbook.reference.definitions import Definition, definition_list

TYPES = {str: "text", int: "whole number", float: "number", Path: "path", bool: "yes or no"}
"""Names of the types of values, for people."""


def page() -> str:
    """Describe the command as a whole, then each of its commands, as `digits --help` lists them."""
    group: Any = get_command(app)
    parts = ["## digits", group.help, _usage("digits [OPTIONS] COMMAND [ARGS]...")]
    parts.append(definition_list(_definition("digits", one) for one in group.params))
    names = group.list_commands(None)
    parts.append(
        definition_list(
            Definition(
                f"digits {name}", "", _first_line(group.commands[name]), link=f"#digits-{name}"
            )
            for name in names
        )
    )
    return "\n\n".join([*parts, *(_describe(name, group.commands[name]) for name in names)])


def _describe(name: str, command: Any) -> str:
    """Describe a command: what it does, its arguments, its options, its flags for a recipe."""
    shown = [one for one in command.params if not one.hidden]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    fields = {field.name for field in overridable_fields()}
    options = [one for one in shown if one not in arguments and one.rich_help_panel is None]
    flags = [one for one in shown if one.rich_help_panel is not None]
    assert {one.name for one in flags} in (set(), fields)
    usage = " ".join([f"digits {name} [OPTIONS]", *map(_metavar, arguments)])
    parts = [f"## digits {name}", inspect.cleandoc(command.help), _usage(usage)]
    for title, listed in (("Arguments", arguments), ("Options", options)):
        if listed:
            parts += [f"**{title}**", definition_list(_definition(name, one) for one in listed)]
    if flags:
        links = ", ".join(f"[`{one.opts[0]}`](recipe.md#{one.name})" for one in flags)
        parts += ["**Fields of the recipe**", f"{links}."]
    return "\n\n".join(parts)


def _usage(line: str) -> str:
    return f"```text\n{line}\n```"


def _first_line(command: Any) -> str:
    return str(inspect.cleandoc(command.help).partition("\n")[0])


def _definition(command: str, parameter: Any) -> Definition:
    """Describe an argument or an option."""
    is_option = parameter.param_type_name == "option"
    term = _metavar(parameter)
    if is_option:
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        term = names if parameter.is_flag else f"{names} {_metavar(parameter)}"
    anchor = f"digits-{command}-{parameter.name.replace('_', '-')}"
    return Definition(term, "; ".join(_facts(parameter)), parameter.help or "", anchor=anchor)


def _facts(parameter: Any) -> list[str]:
    """List the type, range, choices and default of an argument or an option."""
    is_flag = getattr(parameter, "is_flag", False)
    kind = parameter.type_descriptor.annotation
    is_list = get_origin(kind) is list
    kind = get_args(kind)[0] if is_list else kind
    choices = _choices(parameter, kind)
    facts = []
    if not is_flag and not choices:
        facts.append(TYPES[kind] + _range(parameter))
    if choices:
        facts.append(" or ".join(f"`{one}`" for one in choices))
    if is_list:
        facts.append("one or more" if parameter.required else "may be given several times")
    elif parameter.required:
        facts.append("required")
    if is_flag and parameter.default is True:
        facts.append(f"default `{parameter.opts[0]}`")
    elif not is_flag and parameter.default is not None:
        facts.append(f"default `{parameter.default}`")
    return facts


def _choices(parameter: Any, kind: Any) -> list[str]:
    """List the words that a parameter takes, if they are few: those that the Tab key offers."""
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    offer = parameter.type_descriptor.parameter_info.autocompletion
    if offer is None or inspect.signature(offer).parameters:  # recipes, and one's own files
        return []
    return [str(one) for one in offer()]


def _range(parameter: Any) -> str:
    low, high = parameter.min, parameter.max
    if low is None:
        return ""
    return f", {low:,} or more" if high is None else f", {low:,} to {high:,}"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())
