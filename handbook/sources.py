"""Files of the repository that are pages of the site without lying in `docs/`."""

import posixpath
from pathlib import Path

ROOT = Path(__file__).parents[1]

DOCUMENTS = {
    "CHANGELOG.md": "decisions/changelog.md",
    "CONTRIBUTING.md": "decisions/contributing.md",
    "SECURITY.md": "decisions/security.md",
    "src/digits/reading/weights/README.md": "reference/cards/reading.md",
    "src/digits/weights/README.md": "reference/cards/weights.md",
}
"""Pages by the documents that they are, which stay where GitHub and the package want them."""

NOTEBOOKS = {
    path.relative_to(ROOT).as_posix(): f"notebooks/{path.stem}.md"
    for path in sorted(ROOT.glob("notebooks/*.ipynb"))
}
"""Pages by the notebooks that they show."""

_SAME_AS = {"README.md": "index.md"}
"""Pages by the documents that they take the place of."""

_PAGES = DOCUMENTS | NOTEBOOKS | _SAME_AS
_SOURCES = {page: source for source, page in (DOCUMENTS | NOTEBOOKS).items()}


def source_of(page: str) -> str:
    """Tell which file of the repository a page of the site is, both as paths with slashes."""
    return _SOURCES.get(page, f"docs/{page}")


def page_of(source: str) -> str | None:
    """Tell what a file of the repository is on the site; None if it isn't there."""
    if source in _PAGES:
        return _PAGES[source]
    return source.removeprefix("docs/") if source.startswith("docs/") else None


def link_on_site(page: str, target: str) -> str | None:
    """Rewrite a link of the repository as one of the site.

    Args:
        page: The page that has the link.
        target: Path, relative to the page's file in the repository.

    Returns:
        The path, relative to the page; None if it leads to a file that the site does not have.
    """
    source = posixpath.normpath(posixpath.join(posixpath.dirname(source_of(page)), target))
    found = page_of(source)
    if found is None and not (ROOT / source).exists():
        found = source  # leads nowhere, which the strict build finds
    return found and posixpath.relpath(found, posixpath.dirname(page) or ".")
