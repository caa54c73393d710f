"""The handbook as a site: built strictly, and shown by a browser that asks nobody else."""

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage
from pen_paths import number
from playwright.sync_api import Browser, Page, expect

from handbook import checks, hooks
from handbook.demo import RUNTIME, demo
from handbook.formulas import draw_formulas, formula
from handbook.pictures import by_scheme
from handbook.sources import NOTEBOOKS, ROOT, link_on_site
from tests.server.browser import (
    draw_at_once,
    end_example,
    needs_chromium,
    settled,
    violations,
)
from tests.server.static_page import needs_npm, runtime, web_space

__all__ = ["runtime"]

KINDS = (".", "notebooks/your-own-network", "reference/recipe")
"""Pages that have between them all that the others have, and are no longer than need be."""


ARTICLE = re.compile(r'<article class="md-content__inner md-typeset">.*?</article>', re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", os.fspath(folder)],
        cwd=ROOT,
        env={**os.environ, RUNTIME: os.fspath(runtime), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    with web_space(site) as url:
        yield url


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Page]:
    """A tab with no request to elsewhere and no error, until its test has ended."""
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    foreign: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: foreign.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert [each for each in foreign if not each.startswith((url, "data:", "blob:"))] == []
    assert errors == []


@needs_npm
def test_make_docs_builds_the_site_as_the_tests_do(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert "-m mkdocs build --strict" in (ROOT / "Makefile").read_text()


@needs_npm
@needs_chromium
def test_search_finds_what_the_handbook_says(tab: Page, url: str) -> None:
    tab.goto(url)
    tab.locator(".md-search__input").fill("confidence")
    results = tab.locator(".md-search-result__link")
    expect(results.first).to_be_visible()
    found = results.evaluate_all("links => links.map((link) => new URL(link.href).pathname)")
    assert "/concepts/confidence/" in found


@needs_npm
@needs_chromium
def test_the_switch_of_the_colours_changes_the_pictures_too(tab: Page, url: str) -> None:
    tab.goto(url)
    dark = tab.locator("img.only-dark").first
    light = tab.locator("img.only-light").first
    expect(light).to_be_visible()
    expect(dark).to_be_hidden()
    for _ in range(2):  # to light, whatever the system has, and to dark
        tab.locator("label.md-header__button:not([hidden])[for^=__palette]").click()
    expect(dark).to_be_visible()
    expect(light).to_be_hidden()
    assert str(dark.get_attribute("src")).endswith("-dark.png")


@needs_npm
@needs_chromium
def test_pictures_stand_still_for_who_wishes_it_and_play_when_told(tab: Page, url: str) -> None:
    tab.goto(url)
    shown = "image => image.currentSrc.split('/').at(-1)"
    moving = tab.locator("picture.moving img").first
    assert moving.evaluate(shown) == "page-still.png"
    tab.get_by_role("button", name="Play").click()
    assert moving.evaluate(shown) == "page.gif"


@pytest.fixture
def stack(tab: Page, url: str, site: Path) -> Callable[[Iterable[str]], None]:
    """Show the articles of pages below each other, as loading each page would take minutes."""

    def stack(pages: Iterable[str]) -> None:
        articles = []
        for page in pages:
            (article,) = ARTICLE.findall((site / page / "index.html").read_text())
            articles.append(re.sub(r'\bsrc(set)?="', rf'src\1="/{page}/', article))
        html = ARTICLE.sub(lambda _: "".join(articles), (site / "index.html").read_text())
        address = f"{url}stack.html"
        tab.route(address, lambda route: route.fulfill(body=html, content_type="text/html"))
        tab.goto(address)
        expect(tab.locator("article")).to_have_count(len(articles))

    return stack


@needs_npm
@needs_chromium
def test_no_page_scrolls_sideways_on_a_small_phone_nor_breaks_names(
    tab: Page, site: Path, stack: Callable[[Iterable[str]], None]
) -> None:
    tab.set_viewport_size({"width": 320, "height": 568})
    pages = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    stack(sorted(pages - {"demo"}))
    too_wide = tab.locator("article").evaluate_all(
        """articles => articles
            .filter((article) => article.offsetLeft + article.scrollWidth > innerWidth)
            .map((article) => article.querySelector("h1").textContent)"""
    )
    assert too_wide == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    broken = tab.locator("td code").evaluate_all(
        """names => names
            .filter((name) => name.getClientRects().length > 1)
            .map((name) => name.textContent)
            .filter((text) => /^[\\w.]+$/.test(text))"""
    )
    assert broken == []


@needs_npm
@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1440, "light")])
def test_pages_have_no_grave_fault(
    tab: Page, stack: Callable[[Iterable[str]], None], width: int, scheme: str
) -> None:
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.set_viewport_size({"width": width, "height": 800})
    stack(KINDS)
    # Headless cells of our tables, and a landmark of the theme, that it gives no name.
    minor = ("empty-table-header", "landmark-unique")
    assert [each for each in violations(tab) if not each.startswith(minor)] == []


@needs_npm
@needs_chromium
def test_the_demo_reads_what_is_drawn_on_it_and_leads_back(tab: Page, url: str) -> None:
    tab.goto(url)
    tab.get_by_role("link", name="Demo").first.click()
    expect(tab.locator("#parameters")).to_have_text("155,466", timeout=20_000)
    end_example(tab)
    draw_at_once(tab, number("27", left=40, top=60, height=150, style=0))
    assert settled(tab) == "27"
    tab.set_viewport_size({"width": 320, "height": 568})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    tab.get_by_role("link", name="Handbook").click()
    expect(tab.get_by_role("heading", name="First steps")).to_be_visible()


@needs_npm
def test_notebooks_are_shown_with_all_that_is_kept_in_them(site: Path) -> None:
    for source, page in NOTEBOOKS.items():
        kept = (ROOT / source).read_bytes()
        folder = site / page.removesuffix(".md")
        assert (folder / Path(source).name).read_bytes() == kept
        shown = html.unescape((folder / "index.html").read_text())
        outputs = [o for cell in json.loads(kept)["cells"] for o in cell.get("outputs", [])]
        figures = [each for each in outputs if "image/png" in each.get("data", {})]
        assert shown.count('class="figure"') == len(figures) > 0
        text = re.sub(r"<[^>]+>", "", shown)
        for each in outputs:
            assert "".join(each.get("text", "")).rstrip("\n") in text
        assert "arithmatex" not in shown


def test_without_npm_one_line_says_what_the_demo_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME, raising=False)
    monkeypatch.setattr("digits.static_page.runtime.shutil.which", lambda _: None)
    demo.cache_clear()
    with pytest.raises(PluginError) as caught:
        hooks.on_files(Files([]), load_config(os.fspath(ROOT / "mkdocs.yml")))
    (line,) = str(caught.value).splitlines()
    assert "npm is not installed" in line
    assert f"{RUNTIME}=FILE make docs" in line


def test_what_results_contradict_is_not_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = (ROOT / "docs" / "guides" / "serving.md").read_text()
    changed = tmp_path / "serving.md"
    changed.write_text(re.sub(r"(\| glyph \| 1 \|) \d+ ", r"\1 99,999 ", document))
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "DOCUMENTS", (changed,))
    monkeypatch.setattr(checks, "_undocumented", list)
    (fault,) = checks.faults()
    assert fault.startswith("serving.md: a table is not that of the results")


def test_a_public_name_without_a_docstring_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "src" / "digits"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        'from digits.a import A, b\n__all__ = ["A", "b"]\n', encoding="utf-8"
    )
    (package / "a.py").write_text(
        'class A:\n    """An A."""\n    def c(self): ...\n    def _d(self): ...\ndef b(): ...\n'
    )
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "DOCUMENTS", ())
    assert [fault.partition(":")[0] for fault in checks.faults()] == ["digits.a.A.c", "digits.a.b"]


def test_links_that_lead_nowhere_are_found_in_what_was_built(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "demo").mkdir()
    (tmp_path / "a" / "index.html").write_text('<h1 id="b c">B</h1><a href="../#d"><a href="/x">')
    (tmp_path / "demo" / "index.html").write_text('<a href="what-a-server-has">')
    (tmp_path / "index.html").write_text(
        '<a href="a/#b%20c"><a href="a/index.html"><a href="https://a.b/c"><a href="#d">'
        '<img src="a/no.png"><a href="a/#e&amp;f"><code>&lt;a href=&quot;g&quot;&gt;</code>'
    )
    assert [fault.split(" leads to ") for fault in checks.dead_links(tmp_path)] == [
        ["a/index.html: a link", f"{link}, which is not there"] for link in ("../#d", "/x")
    ] + [
        ["index.html: a link", f"{link}, which is not there"]
        for link in ("#d", "a/no.png", "a/#e&f")
    ]


@pytest.mark.parametrize(
    ("page", "target", "link"),
    [
        ("guides/serving.md", "../concepts/runs.md", "../concepts/runs.md"),
        ("guides/serving.md", "../../SECURITY.md", "../decisions/security.md"),
        ("decisions/security.md", "docs/guides/serving.md", "../guides/serving.md"),
        ("reference/cards/weights.md", "../../../README.md", "../../index.md"),
        ("index.md", "../notebooks/tutorial.ipynb", "notebooks/tutorial.md"),
        ("notebooks/tutorial.md", "your-own-network.ipynb", "your-own-network.md"),
        ("architecture.md", "../tests/test_site.py", None),
        ("architecture.md", "../tests/no_such_file.py", "tests/no_such_file.py"),
    ],
)
def test_links_of_the_repository_lead_to_pages(page: str, target: str, link: str | None) -> None:
    assert link_on_site(page, target) == link


def test_a_link_to_a_file_that_is_no_page_becomes_its_name() -> None:
    config = load_config(os.fspath(ROOT / "mkdocs.yml"))
    hooks.on_config(config)
    page = SitePage(None, File("architecture.md", "docs", "site", True), config)
    text = "[the checks](../tests/test_site.py), [`test_site.py`](../tests/test_site.py)"
    text += ", [`.ci/run`](../.ci/run), [`src/digits/recipes/`](../src/digits/recipes)"
    page.markdown = hooks.on_page_markdown(text, page=page, config=config, files=Files([]))
    page.render(config, Files([]))
    assert page.content == (
        "<p><span>the checks<span> (</span><code>tests/test_site.py</code><span>)</span></span>, "
        "<span><code>test_site.py</code></span>, <span><code>.ci/run</code></span>, "
        "<span><code>src/digits/recipes/</code></span></p>"
    )


def test_a_picture_of_two_schemes_is_two_images_with_its_text() -> None:
    light, dark = by_scheme(
        '<picture>\n<source media="(prefers-color-scheme: dark)" srcset="images/a-dark.png">\n'
        '<img alt="A [b]" src="images/a.png">\n</picture>'
    ).split("![")[1:]
    assert light == r"A \[b\]](images/a.png){ .only-light loading=lazy }"
    assert dark == r"A \[b\]](images/a-dark.png){ .only-dark loading=lazy }"


def test_formulas_are_drawn_on_the_line_and_read_as_tex() -> None:
    page = draw_formulas(r'<p><span class="arithmatex">\(a_\text{b} &lt; \sqrt v\)</span></p>')
    assert r'aria-label="a_\text{b} &lt; \sqrt v"' in page
    below = re.search(r"vertical-align:-([\d.]+)em", page)
    assert below is not None
    assert 0.05 < float(below[1]) < 0.5  # the index hangs below the line
    with pytest.raises(ValueError, match="unknown"):
        formula(r"\unknown x")
