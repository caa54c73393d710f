"""Links of Markdown: to files of the repository, and on the site."""

import re
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from handbook.sources import link_on_site

_UPWARDS = re.compile(r"^(\.{1,2}/)+")
"""How a path begins that leads to a file above."""


class SiteLinks(Extension):  # type: ignore[misc]
    """Links lead to pages; the name of a file that is none stays, as code."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ""
        """Path of the page that is rendered."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the name is Markdown's)
        """Register the treeprocessor after inline Markdown (20), before MkDocs' own (0)."""
        md.treeprocessors.register(_Rewriter(md, self), "site_links", 10)


class _Rewriter(Treeprocessor):  # type: ignore[misc]
    def __init__(self, md: Markdown, links: SiteLinks) -> None:
        super().__init__(md)
        self._links = links

    def run(self, root: Element) -> None:
        for element in root.iter():
            attribute = {"a": "href", "img": "src"}.get(element.tag)
            if attribute and (target := element.get(attribute)):
                self._rewrite(element, attribute, target)

    def _rewrite(self, element: Element, attribute: str, target: str) -> None:
        address = urlsplit(target)
        if address.scheme or address.netloc or not address.path or address.path.startswith("/"):
            return
        link = link_on_site(self._links.page, address.path)
        if link is None:
            _name_file(element, _UPWARDS.sub("", address.path))
        else:
            element.set(attribute, address._replace(path=link).geturl())


def _name_file(element: Element, path: str) -> None:
    """Make text of a link to a file that is no page: the text, and the file's name as code."""
    text = "".join(element.itertext()).strip()
    element.attrib.clear()
    element.tag = "span"
    if text.rstrip("/") in (path, path.rpartition("/")[2]):
        element.tag = "span" if len(element) else "code"
        return
    SubElement(element, "span").text = " ("
    SubElement(element, "code").text = path
    SubElement(element, "span").text = ")"
