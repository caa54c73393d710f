"""MkDocs' events: which files are pages of the site, and what becomes of their Markdown."""

import re
import sys
from importlib import import_module
from pathlib import Path

# MkDocs loads this file by its path, whatever folder it was started in.
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("", "benchmarks")]

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from digits.assets import PAGE
from digits.errors import DigitsError
from handbook.checks import dead_links, faults
from handbook.demo import RUNTIME, demo
from handbook.formulas import draw_formulas
from handbook.links import SiteLinks
from handbook.notebooks import render_notebook
from handbook.pictures import by_scheme, still, still_if_wished
from handbook.sources import DOCUMENTS, NOTEBOOKS, ROOT

_GENERATED = re.compile(r"^<!-- generated: (handbook\.[\w.]+) -->$", re.MULTILINE)
"""Where a page has what a module makes of the code."""

_GENERATED_FILES = {"reference/openapi.json": "handbook.reference.http_api"}
"""Files to download, by their paths, and the modules whose `document` makes them."""

_links = SiteLinks()


def on_config(config: MkDocsConfig) -> None:
    """Have links of the repository rewritten."""
    config.markdown_extensions.append(_links)


def on_pre_build(config: MkDocsConfig) -> None:
    """Refuse to build a site that would say what is not so."""
    if found := faults():
        raise PluginError("\n".join(found))


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add what does not lie in `docs/`: documents, notebooks, the demo, the icon, stills."""
    added: dict[str, str | bytes] = {"assets/icon.svg": (PAGE / "icon.svg").read_bytes()}
    for source, page in DOCUMENTS.items():
        added[page] = (ROOT / source).read_text(encoding="utf-8")
    for source, page in NOTEBOOKS.items():
        notebook = render_notebook(ROOT / source)
        added[page] = notebook.markdown
        added |= {f"notebooks/{name}": content for name, content in notebook.files.items()}
    for file in files.media_files():
        if file.src_uri.endswith(".gif"):
            added[f"{file.src_uri.removesuffix('.gif')}-still.png"] = still(file.content_bytes)
    try:
        added |= {f"demo/{name}": content for name, content in demo().items()}
    except DigitsError as error:
        raise PluginError(f"The demo is missing. {error} Here: {RUNTIME}=FILE make docs") from error
    for uri, module in _GENERATED_FILES.items():
        added[uri] = import_module(module).document()
    for uri, content in added.items():
        files.append(File.generated(config, uri, content=content))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what modules generate, and pictures of both colour schemes."""
    _links.page = page.file.src_uri
    whole = _GENERATED.sub(lambda found: str(import_module(found[1]).page()), markdown)
    return by_scheme(whole)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Draw formulas, and let those who wish it have pictures stand still."""
    return still_if_wished(draw_formulas(html))


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site with a link that leads nowhere."""
    if found := list(dead_links(Path(config.site_dir))):
        raise PluginError("\n".join(found))
