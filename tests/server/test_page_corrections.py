"""Corrections on the page, in a real browser: made, kept, downloaded, sent, and learned from."""

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pen_paths import number, scribble, written
from PIL import Image
from playwright.sync_api import Page, expect

from digits.reading.reader import Reader
from digits.server import limits
from tests.server.browser import (
    DESKTOP,
    PHONE,
    SCRIBBLE,
    SMALL_PHONE,
    Open,
    draw_at_once,
    drop,
    needs_chromium,
    num_too_small,
    photo,
    settled,
    violations,
)
from tests.server.conftest import serving
from tests.server.learning import LEARNS, taking

pytestmark = needs_chromium


def draw_72(page: Page, *, height: int = 130) -> None:
    draw_at_once(page, number("72", left=60, top=120, height=height, style=0))
    assert settled(page) == "72"


def correct_others(page: Page, *texts: str) -> None:
    """Correct a number that is drawn smaller, and so another picture, for each label."""
    for num, label in enumerate(texts):
        if num:
            page.locator("#clear").click()
        draw_72(page, height=130 - 9 * num)
        correct_line(page, label)
        expect(page.locator("#corrections li")).to_have_count(num + 1)


def kept(page: Page) -> dict[str, bytes]:
    """What the browser keeps: pictures by LABEL/NAME.png."""
    stored = page.evaluate("Object.entries(localStorage)")
    return {
        key.removeprefix("correction:"): base64.b64decode(value.partition(",")[2])
        for key, value in stored
    }


def labels(page: Page) -> list[str]:
    """The labels on the page, the newest first."""
    return page.locator("#corrections b").all_inner_texts()


def correct_line(page: Page, label: str, index: int = 0) -> None:
    page.locator(".line").nth(index).click()
    page.keyboard.type(label)
    page.keyboard.press("Enter")


def test_a_digit_is_corrected_where_it_stands(open_page: Open, reader: Reader) -> None:
    page = open_page()
    draw_72(page)
    expect(page.locator("#corrections-title")).to_be_hidden()
    pencil = page.locator(".pencil").nth(1)
    pencil.click()
    expect(page.locator("#editor input")).to_be_focused()
    expect(page.locator("#editor input")).to_have_value("2")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_text("79")
    expect(page.locator("#editor")).to_have_count(0)
    expect(pencil).to_be_focused()
    expect(page.locator(".digit").nth(1)).to_contain_text("9corrected")
    expect(page.locator(".box b").nth(1)).to_have_text("9")
    expect(page.locator("#announcement")).to_have_text("Kept as 9.")
    assert labels(page) == ["9"]
    ((path, content),) = kept(page).items()
    assert re.fullmatch(r"9/\d{8}T\d{6}-\w+\.png", path)
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert np.median(picture) == picture[0].min() == picture[:, 0].min() == 255  # paper around it
    assert picture.min() == 0
    assert reader.read(content).text == "2"  # and nothing of the seven
    page.locator("#copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "79"


def test_a_line_is_corrected_with_the_keyboard(open_page: Open, reader: Reader) -> None:
    page = open_page()
    draw_72(page)
    line = page.locator(".line")
    line.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("1")
    page.keyboard.press("Escape")
    expect(line).to_be_focused()
    expect(page.locator("#text")).to_have_text("72")
    assert kept(page) == {}
    page.keyboard.press("Enter")
    page.keyboard.type("7 x")
    page.keyboard.press("Enter")
    expect(page.locator("#editor-help")).to_have_text("Expected 1 to 32 digits, found “7 x”.")
    expect(page.locator("#editor input")).to_have_attribute("aria-invalid", "true")
    assert kept(page) == {}
    page.keyboard.press("Control+a")
    page.keyboard.type("725")  # a digit more than was read
    page.keyboard.press("Enter")
    expect(line).to_have_text("725")
    expect(line).to_be_focused()
    ((path, content),) = kept(page).items()
    assert path.startswith("725/")
    assert reader.read(content).text == "72"
    expect(page.locator("#pad")).to_be_visible()
    assert settled(page) == "725"


def test_the_page_knows_the_limit_of_a_label(open_page: Open) -> None:
    page = open_page()
    draw_72(page)
    correct_line(page, "1" * (limits.MAX_LABEL_DIGITS + 1))
    expect(page.locator("#editor-help")).to_contain_text("Expected 1 to 32 digits")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator("#editor")).to_have_count(0)
    assert labels(page) == ["1" * limits.MAX_LABEL_DIGITS]


def test_a_refused_digit_can_be_named(open_page: Open) -> None:
    with serving(Reader(threshold=1.0, num_threads=1)) as strict:
        page = open_page(port=strict.port)
        draw_at_once(page, number("72", left=60, top=120, height=130, style=0))
        assert settled(page) == "??"
        pencil = page.locator(".pencil").nth(0)
        expect(pencil).to_have_attribute("aria-label", "Correct the refused digit")
        pencil.click()
        expect(page.locator("#editor input")).to_have_value("")
        page.keyboard.type("7")
        page.keyboard.press("Enter")
        expect(page.locator("#text")).to_have_text("7?")
        page.locator(".line").click()
        expect(page.locator("#editor input")).to_have_value("7?")
        assert labels(page) == ["7"]


def test_what_no_digit_was_found_in_can_be_named(open_page: Open) -> None:
    page = open_page()
    draw_at_once(page, scribble(left=100, top=60, width=150, height=120, seed=SCRIBBLE))
    assert settled(page) == "No digit found"
    correct_line(page, "8")
    expect(page.locator("#text")).to_have_text("8")
    assert labels(page) == ["8"]
    (content,) = kept(page).values()
    assert np.asarray(Image.open(io.BytesIO(content))).min() == 0


def test_a_photo_s_part_is_kept_as_it_is(open_page: Open, reader: Reader) -> None:
    page = open_page()
    content = photo("2718")
    drop(page, "photo.jpg", "image/jpeg", content)
    expect(page.locator("#text")).to_have_text("2718")
    page.locator(".box").nth(2).click()
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_text("2748")
    (cut,) = kept(page).values()
    assert reader.read(cut).text == "1"
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("L"), np.float64)
    part = np.asarray(Image.open(io.BytesIO(cut)).convert("L"), np.float64)
    left, top, width, height = reader.read(content).digits[2].box
    scale = min(1, 128 / height)
    assert part.shape[0] / scale >= height
    inside = whole[round(top) : round(top + height), round(left) : round(left + width)]
    assert abs(inside.min() - part.min()) < 20
    assert abs(np.median(whole) - part.max()) < 20


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_what_was_read_turned_is_kept_upright(open_page: Open, reader: Reader, turns: int) -> None:
    page = open_page()
    image = Image.open(io.BytesIO(photo("24793"))).rotate(90 * turns, expand=True)
    file = io.BytesIO()
    image.save(file, "JPEG")
    drop(page, "photo.jpg", "image/jpeg", file.getvalue())
    expect(page.locator("#text")).to_have_text("24793")
    correct_line(page, "24798")
    expect(page.locator("#text")).to_have_text("24798")
    (cut,) = kept(page).values()
    reading = reader.read(cut)
    assert (reading.text, reading.turns) == ("24793", 0)


def test_no_part_of_another_line_is_kept(open_page: Open, reader: Reader) -> None:
    page = open_page()
    lines = [
        number(text, left=60, top=top, height=90, style=0)
        for text, top in (("72", 60), ("35", 190))
    ]
    draw_at_once(page, lines[0] + lines[1])
    assert settled(page).split() == ["72", "35"]
    correct_line(page, "36", index=1)
    expect(page.locator("#text")).to_have_text("72 36")
    page.locator(".pencil").nth(0).click()
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_text("12 36")
    assert {path[0]: reader.read(cut).text for path, cut in kept(page).items()} == {
        "3": "35",
        "1": "7",
    }


def test_corrections_survive_a_reload_and_can_be_removed(open_page: Open) -> None:
    page = open_page()
    correct_others(page, "1", "22", "333")
    page.reload()
    assert sorted(labels(page)) == ["1", "22", "333"]
    expect(page.locator("#kept")).to_contain_text("3 are kept in this browser.")
    page.get_by_label("Remove the correction 22").click()
    assert sorted(labels(page)) == ["1", "333"]
    assert len(kept(page)) == 2
    expect(page.locator("#corrections button:focus")).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#remove-all").click()
    assert len(kept(page)) == 2
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#remove-all").click()
    assert kept(page) == {}
    expect(page.locator("#corrections-title")).to_be_hidden()
    expect(page.locator("#pad")).to_be_focused()


def test_the_zip_has_a_folder_a_label(open_page: Open, reader: Reader, tmp_path: Path) -> None:
    page = open_page()
    correct_others(page, "72", "1995", "72")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "corrections.zip"
    path = tmp_path / "corrections.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == kept(page)
        archive.extractall(tmp_path / "mine")
    found = sorted((tmp_path / "mine").glob("*/*.png"))
    assert [each.parent.name for each in found] == ["1995", "72", "72"]
    assert {reader.read(each).text for each in found} == {"72"}


def test_a_browser_that_keeps_nothing_more_says_so(open_page: Open) -> None:
    page = open_page()
    draw_72(page)
    page.evaluate(
        """() => {
            for (let size = 2 ** 23, index = 0; size >= 1; size /= 2, index++) {
                try {
                    localStorage.setItem(`other${index}`, "x".repeat(size));
                } catch {}
            }
        }"""
    )
    correct_line(page, "79")
    expect(page.locator("#status")).to_have_text(
        "This browser can keep no more corrections: download them, and remove some."
    )
    page.evaluate("localStorage.clear()")
    page.evaluate(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("Access is denied", "SecurityError"); }
        })"""
    )
    correct_line(page, "78")
    expect(page.locator("#status")).to_have_text(
        "This browser does not let the page keep corrections."
    )
    expect(page.locator("#text")).to_have_text("78")


def test_a_correction_stays_in_another_size_and_goes_with_the_next_stroke(open_page: Open) -> None:
    page = open_page()
    draw_72(page)
    correct_line(page, "79")
    page.locator(".pencil").nth(0).click()
    page.keyboard.type("1")
    with page.expect_response("**/v1/read"):
        page.set_viewport_size({"width": 700, "height": 800})
    assert settled(page) == "79"
    page.keyboard.press("Enter")  # what is being corrected stays, too
    expect(page.locator(".digit").nth(0)).to_contain_text("1corrected")
    page.locator(".pencil").nth(0).click()
    draw_at_once(page, written(0, 0, left=400, top=120, height=130))
    assert settled(page) == "720"
    expect(page.locator("#editor")).to_have_count(0)
    assert len(kept(page)) == 2


@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", DESKTOP), ("dark", SMALL_PHONE)],
    ids=["light desktop", "dark small phone"],
)
def test_correcting_is_accessible(
    open_page: Open, reader: Reader, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    with taking(reader, tmp_path) as taker:
        page = open_page(size, scheme=scheme, touch=size == SMALL_PHONE, port=taker.port)
        draw_at_once(page, number("72", left=30, top=50, height=90, style=0))
        assert settled(page) == "72"
        correct_line(page, "79")
        expect(page.locator("#learned")).to_contain_text("The server keeps 1.")
        page.locator(".pencil").nth(0).click()
        page.keyboard.type("x")
        page.keyboard.press("Enter")
        expect(page.locator("#editor-help")).to_have_class("error")
        assert violations(page) == []
        assert num_too_small(page, "main button, .editor input") == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_finger_corrects(open_page: Open) -> None:
    page = open_page(PHONE, touch=True)
    draw_at_once(page, number("72", left=60, top=60, height=110, style=0))
    assert settled(page) == "72"
    page.locator(".line").tap()
    expect(page.locator("#editor input")).to_have_attribute("inputmode", "numeric")
    page.locator("#editor input").fill("12")
    page.get_by_role("button", name="Cancel").tap()
    expect(page.locator("#text")).to_have_text("72")
    page.locator(".pencil").nth(0).tap()
    page.locator("#editor input").fill("1")
    page.get_by_role("button", name="Keep").tap()
    expect(page.locator("#text")).to_have_text("12")


@contextmanager
def corrected(open_page: Open, reader: Reader, folder: Path, code: str) -> Iterator[Page]:
    """A page with a correction that its server keeps, too."""
    with taking(reader, folder, code) as taker:
        page = open_page(port=taker.port, may_fail=True)
        expect(page.locator("#learning")).to_be_hidden()
        draw_72(page)
        correct_line(page, "79")
        expect(page.locator("#learned")).to_have_text("The server keeps 1.")
        yield page


def test_a_server_that_learns_is_sent_corrections_and_learns_at_a_click(
    open_page: Open, reader: Reader, tmp_path: Path
) -> None:
    with corrected(open_page, reader, tmp_path, LEARNS) as page:
        expect(page.locator("#card")).to_contain_text("are not stored, but for corrections.")
        (path,) = tmp_path.glob("79/*.png")
        (content,) = kept(page).values()
        sent = Image.open(io.BytesIO(content)).convert("RGB")
        np.testing.assert_array_equal(Image.open(path), sent)
        expect(page.locator("#swap")).to_be_hidden()
        page.locator("#inside").scroll_into_view_if_needed()
        expect(page.locator("#inside-flow")).to_be_visible()
        # What is on the page is read by it, too, and shown inside.
        with page.expect_response("**/v1/read"), page.expect_response("**/v1/network/onnx"):
            page.locator("#learn").click()
        expect(page.locator("#learned")).to_have_text(
            "The server keeps 1. A network that learned from them is in use. Better by a third."
        )
        expect(page.locator("#text")).to_have_text("79")
        with page.expect_response("**/v1/read"):
            page.get_by_role("button", name="Go back").click()
        expect(page.locator("#swap")).to_have_text("Use what was learned")
        with page.expect_response("**/v1/read"):
            page.locator("#swap").click()
        expect(page.locator("#swap")).to_have_text("Go back")


def test_why_nothing_was_learned_is_shown(open_page: Open, reader: Reader, tmp_path: Path) -> None:
    code = "import sys; sys.exit('digits: Expected a better network, found a worse one.')"
    with corrected(open_page, reader, tmp_path, code) as page:
        page.locator("#learn").click()
        expect(page.locator("#learned")).to_have_text(
            "The server keeps 1. Expected a better network, found a worse one."
        )
        expect(page.locator("#swap")).to_be_hidden()
        expect(page.locator("#learn")).to_be_enabled()


def test_a_server_that_keeps_no_more_is_told_of(
    open_page: Open, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CORRECTIONS", 1)
    with corrected(open_page, reader, tmp_path, LEARNS) as page:
        correct_line(page, "71")
        expect(page.locator("#status")).to_have_text(
            "Not kept by the server: The server is full, with 1 corrections; remove some of them "
            "there."
        )
        assert labels(page) == ["71"]


def test_a_correction_that_is_corrected_takes_the_place_of_the_first(open_page: Open) -> None:
    page = open_page()
    draw_72(page)
    correct_line(page, "79")
    expect(page.locator("#text")).to_have_text("79")
    correct_line(page, "78")
    expect(page.locator("#text")).to_have_text("78")
    assert labels(page) == ["78"]
