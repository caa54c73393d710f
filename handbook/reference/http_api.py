"""Reference of the HTTP API, from its description in OpenAPI, with answers that the server gave."""

import ast
import inspect
import json
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from digits.assets import SAMPLES
from digits.reading.ink import limits as ink_limits
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.app import create_app
from digits.server.learning import LearningCommand
from digits.server.training import TrainingCommand
from handbook.reference.asgi import ask
from handbook.reference.definitions import Definition, definition_list

LONGEST_TEXT = 60
"""Most characters of a text in an example."""

LONGEST_LIST = 12
"""Most numbers in a list of an example."""

COMPONENT = "#/components/schemas/"
"""Beginning of a reference to a schema."""

SAMPLE = (SAMPLES / "drawing.png").read_bytes()
"""The picture that is read: 4816."""


def page() -> str:
    """Describe each route, then the schemas of what they take and give, then the limits."""
    with tempfile.TemporaryDirectory() as folder:
        app = _application(Path(folder))
        described, without = app.openapi(), _plain_paths()
        examples = _examples(app)
    parts = ["[Download this description as `openapi.json`](openapi.json)."]
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            name = f"{method.upper()} {path}"
            is_optional = method not in without.get(path, {})
            parts += _describe(name, route, examples.get(name), is_optional=is_optional)
    parts.append("## Schemas")
    for name, schema in described["components"]["schemas"].items():
        parts += [f"### {name}", schema["description"], definition_list(_fields(schema))]
    return "\n\n".join([*parts, "## Limits", definition_list(_limits())])


def document() -> str:
    """Give the description of all routes in OpenAPI, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        return json.dumps(_application(Path(folder)).openapi(), indent=2) + "\n"


@cache
def _reader() -> Reader:
    return Reader(num_threads=1)


def _application(folder: Path) -> FastAPI:
    """Make the application with all routes: it may learn and train in a folder."""
    learner = LearningCommand(folder / "corrections", lambda _: _reader())
    learner.prepare()
    return create_app(_reader(), learner=learner, trainer=TrainingCommand(folder / "runs"))


def _plain_paths() -> dict[str, Any]:
    """List the routes of a server that is told neither to learn nor to train."""
    paths: dict[str, Any] = create_app(_reader()).openapi()["paths"]
    return paths


def _examples(app: FastAPI) -> dict[str, str]:
    """Ask the application, and show what it answers, by route."""
    glyph = _reader().read(SAMPLE).digits[0].glyph.tobytes()
    asked: list[tuple[str, str, bytes, str]] = [
        ("POST", "/v1/read", SAMPLE, "image/png"),
        ("POST", "/v1/glyphs", glyph, "application/octet-stream"),
        ("POST", "/v1/layers", glyph, "application/octet-stream"),
        ("POST", "/v1/corrections?label=4816", SAMPLE, "image/png"),
        ("POST", "/v1/learning/revert", b"", ""),
        ("GET", "/v1/network", b"", ""),
        ("GET", "/healthz", b"", ""),
        ("GET", "/readyz", b"", ""),
        ("GET", "/v1/training", b"", ""),
    ]
    found = {}
    for method, path, body, media_type in asked:
        answer = ask(app, method, path, body=body, media_type=media_type)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} failed: {answer.content.decode()}")
        shown = json.dumps(shorten(json.loads(answer.content)), indent=2, ensure_ascii=False)
        found[f"{method} {path.partition('?')[0]}"] = _in_lines(shown)
    return found


def shorten(value: Any) -> Any:
    """Shorten long texts and lists of a JSON document; an ellipsis says where.

    >>> shorten({"a": [{"b": 1}, {"b": 2}, {"b": 3}], "c": "x"})
    {'a': [{'b': 1}, '… and 2 more'], 'c': 'x'}
    """
    if isinstance(value, dict):
        return {name: shorten(one) for name, one in value.items()}
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[: LONGEST_TEXT - 1]}…"
    if not isinstance(value, list):
        return value
    is_short = len(value) <= 2 or not isinstance(value[0], dict)
    num_shown = LONGEST_LIST if is_short else 1
    num_more = len(value) - num_shown
    more = [f"… and {num_more:,} more"] if num_more > 0 else []
    return [*map(shorten, value[:num_shown]), *more]


def _in_lines(text: str) -> str:
    """Put each list of numbers on a line of its own."""
    lines: list[str] = []
    for line in text.splitlines():
        is_number = line.strip().rstrip(",").replace(".", "").replace("-", "").isdigit()
        is_end = line.strip() in ("]", "],") and bool(lines) and lines[-1].lstrip()[-1:].isdigit()
        if lines and (is_number or is_end) and lines[-1].rstrip()[-1:] in ("[", ","):
            joint = "" if lines[-1].endswith("[") else " "
            lines[-1] += joint + line.strip()
        elif is_end:
            lines[-1] += line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _describe(
    name: str, route: dict[str, Any], example: str | None, *, is_optional: bool
) -> Iterator[str]:
    """Describe a route: what it does, takes, gives, and with which errors it refuses."""
    yield f"## {name}"
    yield " ".join(filter(None, [route["summary"], route.get("description")]))
    if is_optional:
        flag = "--train" if "training" in name else "--learn"
        yield f"Only there with [`digits serve {flag}`](command.md#digits-serve)."
    if "parameters" in route:
        yield "**Parameters**"
        yield definition_list(
            Definition(
                one["name"],
                f"{one['in']}; {_kind(one['schema'])}{'; required' * one.get('required', False)}",
                one.get("description", ""),
            )
            for one in route["parameters"]
        )
    if "requestBody" in route:
        yield "**Body**"
        yield definition_list(
            Definition(media_type, _kind(one["schema"]), "")
            for media_type, one in route["requestBody"]["content"].items()
        )
    errors = [int(status) for status in route["responses"] if int(status) >= 400]
    for status, response in route["responses"].items():
        if int(status) in errors:
            continue
        yield f"**Answer {status}** {_answer(response)}"
        if example is not None and int(status) < 300:
            yield f"```json\n{example}\n```"
    yield "**Errors** " + ", ".join(f"[{status}](#errors)" for status in sorted(errors))


def _answer(response: dict[str, Any]) -> str:
    """Say what an answer holds."""
    said = response["description"]
    parts = [] if said == "Successful Response" else [f"{said.rstrip('.')}."]
    for media_type, one in response.get("content", {}).items():
        schema = one.get("schema", {})
        parts.append(f"`{media_type}`: {_kind(schema)}.")
    return " ".join(parts)


def _fields(schema: dict[str, Any]) -> Iterator[Definition]:
    """Describe the fields of an object."""
    for name, one in schema.get("properties", {}).items():
        yield Definition(name, _kind(one), one.get("description", ""))


def _kind(schema: dict[str, Any]) -> str:
    """Say what a value is: its type, its range, what it is a list of."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENT)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if schema.get("format") == "binary":
        return "bytes" + _span(schema, "minLength", "maxLength")
    kind = schema.get("type", "anything")
    if kind == "array" and "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])} numbers"
    if kind == "array":
        return _kind_of_list(schema)
    if kind == "object":
        named = "; ".join(
            f"`{name}`, {_kind(one)}" for name, one in schema.get("properties", {}).items()
        )
        return f"object: {named}"
    if "pattern" in schema:
        return f"text that matches `{schema['pattern']}`"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return str(names.get(kind, kind)) + _span(schema, "minimum", "maximum")


def _kind_of_list(schema: dict[str, Any]) -> str:
    """Say what a list holds and how many of them; lists in lists are rows of one another."""
    lengths = []
    while schema.get("type") == "array":
        lengths.append(_span(schema, "minItems", "maxItems").lstrip(", "))
        schema = schema["items"]
    length = " × ".join(filter(None, lengths))
    return f"list of {length}, each a {_kind(schema)}" if length else f"list of {_kind(schema)}"


def _span(schema: dict[str, Any], least: str, most: str) -> str:
    """Say the range of a value, or how many there may be."""
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    if high is None:
        return f", {low:,g} or more"
    return f", {high:,}" if low == high else f", {low or 0:,.0f} to {high:,.0f}"


def _limits() -> Iterator[Definition]:
    """List the limits of requests, with their values and the docstrings below them."""
    bodies = [ast.parse(inspect.getsource(module)).body for module in (limits, ink_limits)]
    for statement, said in chain(*map(pairwise, bodies)):
        match statement, said:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if name in limits.__all__ and name != "NUM_READERS":  # which the machine decides
                value = getattr(limits, name)
                yield Definition(name, f"{value:,.0f}", " ".join(text.split()))
