"""What must hold: figures as measured, public names with docstrings, links that lead somewhere."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import griffe
from readme import DOCUMENTS, replace_tables

from handbook.sources import ROOT

_LINK = re.compile(r'\s(?:href|src|srcset)="([^"]*)"')
_ANCHOR = re.compile(r'\s(?:id|name)="([^"]+)"')


def faults() -> list[str]:
    """List, a line each, the tables that results contradict and the names without a docstring."""
    return [*_contradicted(), *_undocumented()]


def _contradicted() -> Iterator[str]:
    for path in DOCUMENTS:
        document = path.read_text(encoding="utf-8")
        if replace_tables(document) != document:
            yield (
                f"{path.relative_to(ROOT)}: a table is not that of the results; write it with: "
                "python benchmarks/readme.py"
            )


def _undocumented() -> Iterator[str]:
    package = griffe.load("digits", search_paths=[ROOT / "src"])
    for name in map(str, package.exports or ()):
        found = package[name].final_target if package[name].is_alias else package[name]
        for each in (found, *_public_methods(found)):
            if not each.has_docstring:
                yield f"{each.path}: expected a docstring of this public name, found none"


def _public_methods(of: griffe.Object) -> Iterator[griffe.Object | griffe.Alias]:
    for name, member in of.members.items():
        if of.is_class and member.is_function and not name.startswith("_"):
            yield member


def dead_links(site: Path) -> Iterator[str]:
    """Find links that lead nowhere in the site as built; MkDocs checks those of Markdown alone.

    Args:
        site: Folder of the site.

    Yields:
        A line for each link of a page to a file or an anchor that is not there.
    """
    root = site.resolve()
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.html"))}
    anchors = {path: set(map(html.unescape, _ANCHOR.findall(pages[path]))) for path in pages}
    for path, text in pages.items():
        if path.is_relative_to(root / "demo"):  # it hides links to what servers alone have
            continue
        for link in dict.fromkeys(map(html.unescape, _LINK.findall(text))):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            start = root if address.path.startswith("/") else path.parent
            target = (start / unquote(address.path).lstrip("/")).resolve() if address.path else path
            if target.is_dir():
                target /= "index.html"
            there = target.is_file() and (
                not address.fragment
                or target not in anchors
                or unquote(address.fragment) in anchors[target]
            )
            if not there:
                yield f"{path.relative_to(root)}: a link leads to {link}, which is not there"
