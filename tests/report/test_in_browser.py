"""Reports in a real browser: cells that show their images, sorting, the keyboard, and no script."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from digits.data import DataSet
from digits.report import write_comparison, write_report
from tests.bulk.records import PIXEL
from tests.server.browser import (
    DESKTOP,
    SMALL_PHONE,
    needs_chromium,
    num_too_small,
    violations,
)
from tests.test_report import make_run, metrics_of

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, blob_set: DataSet) -> list[Path]:
    """The report of a run that errs often, and its comparison with another one."""
    folder = tmp_path_factory.mktemp("runs")
    first = make_run(folder / "first", metrics_of(blob_set))
    second = make_run(folder / "second", metrics_of(blob_set), network="fast", name="other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.report.load_set", lambda recipe: blob_set)
        patch.setattr("digits.report.comparison.load_set", lambda recipe: blob_set)
        patch.setattr("digits.plots.to_png", lambda figure: b64decode(PIXEL))
        patch.setattr("digits.report.tiles.MOST_EACH", 3)
        return [write_report(first), write_comparison([first, second])]


def opened(browser: Browser, path: Path, size: tuple[int, int], **options: Any) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda message: pytest.fail(message.text))
    page.goto(path.as_uri())
    return page


def images(page: Page) -> list[str]:
    """The true class, and what it was read as, of each image of the chosen cell."""
    found: list[str] = page.locator("#cell .tiles li").evaluate_all(
        "tiles => tiles.map(tile => tile.dataset.cellOf)"
    )
    return found


def test_a_cell_shows_its_images_by_pointer_keyboard_and_press(
    browser: Browser, pages: list[Path]
) -> None:
    page = opened(browser, pages[0], DESKTOP)
    cells = page.locator(".matrix button")
    expect(cells.and_(page.locator("[aria-pressed=true]"))).to_have_count(1)
    most = page.locator(".matrix button[aria-pressed=true]")
    count = int(most.inner_text())
    assert count == max(map(int, page.locator(".matrix .wrong").all_inner_texts()))
    assert images(page) == [most.get_attribute("data-cell")] * 3
    heading = page.locator("#cell p")
    expect(heading).to_contain_text(f"{count} images. Below: 3 of them, the most confident first")
    most.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    moved = page.evaluate("document.activeElement.dataset.cell")
    expect(page.locator(".matrix button[aria-pressed=true]")).to_be_focused()
    assert set(images(page)) == {moved}
    other = page.locator(f'.matrix button:not([data-cell="{moved}"])').last
    other.hover()
    expect(page.locator("#cell .tiles li").first).to_have_attribute(
        "data-cell-of", str(other.get_attribute("data-cell"))
    )
    page.locator("h1").hover()
    assert set(images(page)) == {moved}


def test_the_cell_whose_images_are_shown_is_in_sight_on_a_phone(
    browser: Browser, pages: list[Path]
) -> None:
    page = opened(browser, pages[0], SMALL_PHONE)
    chosen = page.locator(".matrix button[aria-pressed=true]").bounding_box()
    table = page.locator(".table:has(.matrix)").bounding_box()
    assert chosen is not None
    assert table is not None
    assert table["x"] <= chosen["x"]
    assert chosen["x"] + chosen["width"] <= table["x"] + table["width"] + 1


@pytest.mark.parametrize("number", [0, 1])
def test_on_paper_the_end_of_a_section_does_not_hold_the_next_one(
    browser: Browser, pages: list[Path], number: int
) -> None:
    page = opened(browser, pages[number], DESKTOP)
    page.emulate_media(media="print")
    glued = page.locator("section > p:last-child").evaluate_all(
        "ends => ends.filter((end) => getComputedStyle(end).breakAfter === 'avoid').length"
    )
    before_tables = page.locator("section > p:has(+ .table)").evaluate_all(
        "texts => texts.map((text) => getComputedStyle(text).breakAfter)"
    )
    assert glued == 0
    assert before_tables
    assert set(before_tables) == {"avoid"}


def test_mistakes_are_sorted_as_asked(browser: Browser, pages: list[Path]) -> None:
    page = opened(browser, pages[0], DESKTOP)

    def values(name: str) -> list[float]:
        found: list[float] = page.locator("#mistake-tiles li").evaluate_all(
            f"tiles => tiles.map(tile => Number(tile.dataset.{name}))"
        )
        return found

    assert values("confidence") == sorted(values("confidence"), reverse=True)
    for name, label in (("index", "number"), ("true", "true digit"), ("confidence", "confidence")):
        button = page.get_by_role("button", name=label, exact=True)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert values(name) == sorted(values(name), reverse=name == "confidence")


def test_without_a_script_all_is_there_and_nothing_seems_to_work_that_does_not(
    browser: Browser, pages: list[Path]
) -> None:
    page = opened(browser, pages[0], DESKTOP, java_script_enabled=False)
    assert page.get_by_role("button").count() == 0
    counts = page.locator(".matrix td").all_inner_texts()
    assert sum(map(int, filter(None, map(str.strip, counts)))) == 100
    assert page.locator("#mistake-tiles li").first.is_visible()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_in_both_schemes_and_fit_a_phone(
    browser: Browser, pages: list[Path], number: int, scheme: Any
) -> None:
    page = opened(browser, pages[number], SMALL_PHONE, color_scheme=scheme)
    assert violations(page) == []
    assert num_too_small(page, "button") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE[0]
