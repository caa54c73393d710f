"""What must be true before the site is built: figures as measured, public names with docstrings."""

from collections.abc import Iterator

import griffe
from readme import DOCUMENTS, replace_tables

from handbook.sources import ROOT


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
