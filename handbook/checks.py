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
    for name in package.exports or ():
        found = package[str(name)].final_target if package[str(name)].is_alias else package[str(name)]
        members = found.members.values() if found.is_class else ()
        public = [each for each in members if each.is_function and not each.name.startswith("_")]
        for each in (found, *public):
            if not each.has_docstring:
                yield f"{each.path}: a public name without a docstring"
