"""The page to review what is doubtful, in a real browser: what it shows, keeps and gives back."""

import csv
import json
from base64 import b64decode
from collections.abc import Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from digits.bulk.cutouts import LARGEST
from digits.bulk.records import Record, read_source
from digits.bulk.review import MOST_SHOWN
from digits.bulk.sources import Source
from digits.bulk.tables import Outputs, write_tables
from digits.data.tables import read_table
from digits.reading.reader import Reader
from tests.bulk.records import PIXEL, Readings, line_of, page_of, record, sources
from tests.reading.drawings import draw
from tests.server.browser import (
    DESKTOP,
    SMALL_PHONE,
    needs_chromium,
    num_too_small,
    violations,
)

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)> \"'&.png"
"""A name that would be run, were it not shown as text."""

NAMES = ["=1+1.png", HOSTILE, "scans/two words.png", "no picture.png"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two doubtful lines, one line that was refused, and a file that can't be read."""
    folder = tmp_path_factory.mktemp("review")

    def read(given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        for index, source in zip((1, 1, 2, 3), given, strict=True):
            yield record(index, name=source.name, with_cutouts=True)

    outputs = Outputs(folder / "t.csv", sure=0.99, report=folder / "report.html")
    write_tables(outputs, [Source(name, b"") for name in NAMES], read, {})
    return folder / "report.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    context = browser.new_context(accept_downloads=True, viewport=size_of(DESKTOP))
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: faults.append(request.url) if is_foreign(request) else None)
    page.goto(report.as_uri())
    yield page
    context.close()
    assert faults == []


def size_of(size: tuple[int, int]) -> Any:
    return {"width": size[0], "height": size[1]}


def is_foreign(request: Any) -> bool:
    return not request.url.startswith(("file:", "data:", "blob:"))


def saved(page: Page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator("#save").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@needs_chromium
def test_what_is_typed_is_kept_on_reload_and_saved_as_a_table(page: Page, tmp_path: Path) -> None:
    boxes = page.locator("input")
    expect(boxes).to_have_count(4)
    assert boxes.evaluate_all("boxes => boxes.map(box => box.value)") == 4 * [""]
    expect(page.locator("#save")).to_be_disabled()
    boxes.first.focus()
    for typed in ("10x01", "", "1 4"):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
    expect(boxes.nth(3)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#save")).to_be_focused()
    expect(page.locator("#corrected")).to_contain_text("2 on this page")
    page.reload()
    assert boxes.evaluate_all("boxes => boxes.map(box => box.value)") == ["1001", "", "1 4", ""]
    path = saved(page, tmp_path)
    assert path.name == "corrections.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["read"], row["label"]) for row in rows] == [
        ("./=1+1.png", "1001", "1001"),
        ("scans/two words.png", "1?", "1 4"),
    ]
    assert (rows[0]["page"], rows[0]["line"], rows[0]["position"]) == ("1", "1", "")
    assert [rows[0][side] for side in ("left", "top", "width", "height")] == [
        "10",
        "20",
        "60",
        "18",
    ]
    expect(page.locator("#status")).to_have_text("2 saved.")
    boxes.first.fill("")
    page.reload()
    expect(page.locator("#corrected")).to_contain_text("1 on this page")


@needs_chromium
def test_corrections_are_a_table_of_labelled_pictures(page: Page, tmp_path: Path) -> None:
    page.locator("input").nth(1).fill("42")
    page.locator("input").nth(2).fill("19")
    labelled = read_table(saved(page, tmp_path))
    assert [(one.source, one.label) for one in labelled.pictures] == [
        (tmp_path / HOSTILE, "42"),
        (tmp_path / "scans/two words.png", "19"),
    ]


@needs_chromium
def test_no_name_of_a_file_is_run(page: Page) -> None:
    expect(page).to_have_title("Digits to review")
    expect(page.locator("#rows")).to_contain_text(HOSTILE)
    assert page.locator("#rows script, #rows img[onerror]").count() == 0


@needs_chromium
def test_doubtful_rows_are_shown_with_their_cut_outs_and_others_after_them(page: Page) -> None:
    items = page.locator("#rows li")
    assert items.locator("img").count() == 3
    assert page.locator("#rows img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")
    expect(items.nth(2)).to_contain_text("read as 1?, 60.0 % sure")
    expect(items.nth(2)).to_contain_text("it may be a 4 or a 9")
    expect(items.nth(3)).to_contain_text("Expected a picture, found none.")
    expect(page.locator("dl")).to_contain_text("4 of 4 rows")


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, SMALL_PHONE], ids=str)
def test_the_page_is_accessible_in_both_colour_schemes_and_fits_a_phone(
    page: Page, scheme: Any, size: tuple[int, int]
) -> None:
    page.set_viewport_size(size_of(size))
    page.emulate_media(color_scheme=scheme)
    page.locator("input").first.fill("7")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert num_too_small(page, "input, button") == 0


def test_the_page_is_of_bounded_size_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "t.csv", sure=0.99, report=tmp_path / "r.html")
    num = 5 * MOST_SHOWN
    tally = write_tables(outputs, sources(num), Readings(with_cutouts=True), {})
    page = (tmp_path / "r.html").read_text()
    assert f"The first {2 * MOST_SHOWN:,} are shown." in page
    assert f"<dd>{tally.to_review:,} <small>of {tally.rows + tally.to_review:,} rows" in page
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert (len(data["rows"]), len(data["cutouts"])) == (2 * MOST_SHOWN, MOST_SHOWN)
    kept = sum("cutouts" in json.loads(line) for line in outputs.journal.read_text().splitlines())
    assert kept == MOST_SHOWN


def test_cut_outs_that_no_row_shows_take_no_room(tmp_path: Path) -> None:
    """A page with ink but no digit has a cut-out, and a sure line none to show it with."""

    def read(given: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        for source in given:
            page = {**page_of(line_of(1, "12", 0.999)), "cutout": PIXEL}
            yield Record(source.name, (page,))

    outputs = Outputs(tmp_path / "t.csv", sure=0.99, report=tmp_path / "r.html")
    write_tables(outputs, sources(3), read, {})
    assert b"cutouts" not in outputs.journal.read_bytes()


def test_without_a_confidence_to_reach_the_page_shows_what_was_refused(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "t.csv", report=tmp_path / "r.html")
    assert 0 < outputs.cutouts_below < 0.0001
    tally = write_tables(outputs, sources(10), Readings(with_cutouts=True), {})
    page = (tmp_path / "r.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [row["reason"] is None for row in data["rows"]] == 6 * [False]
    assert (tally.to_review, tally.rows) == (6, 12)


def test_a_cut_out_shows_the_line_as_it_stands(tmp_path: Path) -> None:
    paper = np.full((900, 1200), 235, np.uint8)
    drawn = draw("1995")
    paper[400 : 400 + drawn.shape[0], 300 : 300 + drawn.shape[1]] = drawn
    Image.fromarray(paper).save(tmp_path / "a.png")
    source = Source("a.png", tmp_path / "a.png")
    reader = Reader(num_threads=1)
    assert "cutout" not in read_source(reader, source).pages[0]["lines"][0]
    (line,) = read_source(reader, source, cutouts_below=1).pages[0]["lines"]
    image = Image.open(BytesIO(b64decode(line["cutout"])))
    assert image.width <= LARGEST[0]
    assert image.height <= LARGEST[1]
    pixels = np.asarray(image)
    left, _, width, height = line["box"]
    ink = (pixels < 128).nonzero()[1] * (width + 0.7 * height) / image.width
    assert 0.2 * height < ink.min() < 0.6 * height
    assert reader.read(image).text == "1995"
    assert left > 290
