"""Definition lists in HTML, which read well on a phone, and can be linked to by each term."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_CODE = re.compile(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z0-9-]*)")
"""What is shown as code: what stands in backticks, and options of a command."""


@dataclass(frozen=True)
class Definition:
    """A term, facts about it, and what it is."""

    term: str
    """The term, as code."""
    facts: str
    """Type, unit, range and default, in a line."""
    text: str
    """What it is: a text with `code` and [links](target)."""
    anchor: str = ""
    """Id to link to, if there is one."""
    link: str = ""
    """Where the term leads, if anywhere."""


def definition_list(definitions: Iterable[Definition]) -> str:
    """Write definitions as a list in HTML; it has no blank lines, so Markdown leaves it alone."""
    return "\n".join(["<dl>", *map(_item, definitions), "</dl>", ""])


def _item(definition: Definition) -> str:
    term = f"<code>{escape(definition.term)}</code>"
    if definition.link:
        term = f'<a href="{escape(definition.link)}">{term}</a>'
    anchor = f' id="{escape(definition.anchor)}"' if definition.anchor else ""
    facts = f"<em>{_to_html(definition.facts)}</em>" if definition.facts else ""
    lines = "<br>".join(filter(None, [facts, _to_html(definition.text)]))
    return f"<dt{anchor}>{term}</dt><dd>{lines}</dd>"


def _to_html(text: str) -> str:
    """Escape a text; backticks and options become code, and [text](target) a link."""
    plain = escape(text, quote=False)
    html = _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", plain)
    return re.sub(r"\[([^]]+)\]\((\S+?)\)", r'<a href="\2">\1</a>', html)
