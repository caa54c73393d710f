"""The page in a real browser: drawn on, dropped on, on a phone, with the server slow and away."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from pen_paths import HANDS, Stroke, number, scribble, written
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from digits.reading.reader import Reader
from tests.reading.drawings import draw, enlarged
from tests.server.conftest import Client

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
REQUIRED = bool(os.environ.get("DIGITS_REQUIRE_BROWSER"))

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED, reason="there is no Chromium to open the page with"
)

# Without these, it asks its makers' machines for one thing and another.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Else each movement of the mouse waits for the next frame.
FLAGS += ["--disable-frame-rate-limit", "--disable-gpu-vsync"]

SCRIBBLE = 1
"""Seed of one that has a mark to refuse; of others, nothing is taken for a mark."""

DESKTOP, PHONE, SMALL_PHONE = (1280, 860), (390, 844), (320, 568)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "expected Chromium, found none on the path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, client: Client) -> Iterator[Open]:
    """Open the page in a window of its own; in the end, nothing may have gone wrong in it."""
    contexts, troubles = [], []

    def open_one(
        size: tuple[int, int] = DESKTOP,
        *,
        scheme: Any = "light",
        touch: bool = False,
        port: int = client.port,
        away: bool = False,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            has_touch=touch,
            is_mobile=touch,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        if not away:  # else the browser notes that it finds no server
            page.on(
                "console",
                lambda note: troubles.append(note.text) if note.type == "error" else None,
            )
        page.goto(f"http://localhost:{port}/")
        expect(page.locator("#parameters")).to_have_text("155,466")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


def draw_on(page: Page, strokes: list[Stroke]) -> None:
    """Draw with the mouse, in pixels of the paper."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for stroke in strokes:
        for index, (x, y) in enumerate(thinned(stroke)):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if index == 0:
                page.mouse.down()
        page.mouse.up()


def thinned(stroke: Stroke) -> Stroke:
    """Half the points: the browser takes its time for each."""
    return [*stroke[:-1:2], stroke[-1]]


def settled(page: Page) -> str:
    """The text, when all that was asked is answered."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false", timeout=20_000)
    return page.locator("#text").inner_text()


def clear(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator("#text")).to_have_text("")


def paper_of(page: Page) -> tuple[float, float]:
    box = page.locator("#pad").bounding_box()
    assert box is not None
    return box["width"], box["height"]


def photo(text: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(enlarged(draw(text), 3)).save(file, "JPEG")
    return file.getvalue()


def drop(page: Page, name: str, kind: str, content: bytes, event: str = "drop") -> None:
    page.evaluate(
        """([name, kind, content, event]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, {type: kind}));
            const made = event === "paste"
                ? new ClipboardEvent(event, {clipboardData: data, bubbles: true, cancelable: true})
                : new DragEvent(event, {dataTransfer: data, bubbles: true, cancelable: true});
            document.getElementById("paper").dispatchEvent(made);
        }""",
        [name, kind, base64.b64encode(content).decode(), event],
    )


def test_digits_of_many_hands_are_read(open_page: Open) -> None:
    page = open_page()
    width, height = paper_of(page)
    rng = np.random.default_rng(0)
    wrong = []
    drawn = [(digit, hand) for digit, hands in HANDS.items() for hand in range(len(hands))]
    assert all(len(hands) >= 5 for hands in HANDS.values())
    for digit, hand in drawn:
        size = rng.uniform(70, 0.8 * height)
        strokes = written(
            digit,
            hand,
            left=rng.uniform(10, width - size - 20),
            top=rng.uniform(10, height - size - 20),
            height=size,
            slant=rng.uniform(-0.1, 0.3),
            wobble=rng.uniform(0, 0.02),
            seed=hand,
        )
        draw_on(page, strokes)
        found = settled(page)
        if found != str(digit):
            wrong.append((digit, hand, round(size), found))
        clear(page)
    assert len(wrong) <= 0.05 * len(drawn), wrong


@pytest.mark.parametrize("text", ["10", "385", "2764", "90172", "458630"])
def test_a_number_is_read_while_it_is_drawn(open_page: Open, text: str) -> None:
    page = open_page()
    answers: list[str] = []
    page.on("response", lambda answer: answers.append(answer.url))
    draw_on(page, number(text, left=30, top=150, height=90, hand=len(text), seed=1))
    assert settled(page) == text
    # While the pen moves the page asks too, but not more than one thing at a time.
    assert len([url for url in answers if url.endswith("/v1/read")]) >= len(text)
    expect(page.locator(".digit")).to_have_count(len(text))
    expect(page.locator("#announcement")).to_contain_text(" ".join(text))


def test_each_digit_shows_its_box_its_probabilities_and_what_the_network_saw(
    open_page: Open, reader: Reader
) -> None:
    page = open_page()
    strokes = [
        written(digit, 0, left=left, top=120, height=130) for digit, left in ((7, 60), (2, 330))
    ]
    with page.expect_response("**/v1/layers"):
        draw_on(page, strokes[0] + strokes[1])
        assert settled(page) == "72"
    paper = page.locator("#pad").bounding_box()
    assert paper is not None
    half = float(page.locator("#width").input_value()) / 2
    for index, drawn in enumerate(strokes):
        points = np.array([point for stroke in drawn for point in thinned(stroke)])
        box = page.locator(".box").nth(index).bounding_box()
        assert box is not None
        expected = [*(points.min(axis=0) - half), *(np.ptp(points, axis=0) + 2 * half)]
        found = [box["x"] - paper["x"], box["y"] - paper["y"], box["width"], box["height"]]
        np.testing.assert_allclose(found, expected, atol=4)
    card = page.locator(".digit").nth(0)
    assert card.get_attribute("aria-label") is not None
    bars = card.locator(".bars i").evaluate_all(
        "bars => bars.map((bar) => Number(bar.style.getPropertyValue('--p')))"
    )
    assert len(bars) == 10
    assert np.argmax(bars) == 7
    assert 0.9 < sum(bars) < 1.001  # each is rounded
    glyph = card.locator("canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 == 0)]"
    )
    pixels = np.array(glyph, np.uint8).reshape(28, 28)
    assert reader.classify(pixels[None])[0].label == 7


def test_each_layer_of_the_network_can_be_looked_at(open_page: Open) -> None:
    page = open_page()
    draw_on(page, written(5, 1, left=100, top=100, height=200))
    tabs = page.locator("#layers [role=tab]")
    expect(tabs).to_have_count(5)
    expect(tabs.nth(0)).to_have_text("1 convolution, ReLU32 × 10 × 10")
    seen = set()
    tabs.nth(0).focus()
    for index in range(5):
        expect(tabs.nth(index)).to_have_attribute("aria-selected", "true")
        expect(tabs.nth(index)).to_be_focused()
        picture = page.locator("#maps").evaluate("canvas => canvas.toDataURL()")
        assert len(picture) > 1000  # not blank
        seen.add(picture)
        page.keyboard.press("ArrowRight")
    assert len(seen) == 5
    expect(tabs.nth(0)).to_be_focused()


def test_the_layers_are_those_of_the_digit_just_drawn_or_chosen(open_page: Open) -> None:
    page = open_page()
    draw_on(page, written(3, 0, left=300, top=100, height=150))
    draw_on(page, written(8, 0, left=80, top=100, height=150))
    assert settled(page) == "83"
    cards = page.locator(".digit")
    expect(cards.nth(0)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#inside-lead")).to_contain_text("how the 8 above")
    cards.nth(1).click()
    expect(cards.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#inside-lead")).to_contain_text("how the 3 above")


def test_blank_paper_is_not_read(open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#pad").focus()
    page.keyboard.press("Escape")
    page.mouse.move(300, 300)
    expect(page.locator("#text")).to_have_text("")
    expect(page.locator("#copy")).to_be_disabled()
    expect(page.locator("#clear")).to_be_disabled()
    assert [url for url in asked if "/v1/" in url] == []


def test_a_scribble_is_refused_and_told_why(open_page: Open) -> None:
    page = open_page()
    page.locator("#width").fill("6")
    draw_on(page, scribble(left=120, top=100, width=240, height=200, seed=SCRIBBLE))
    found = settled(page)
    assert not any(character.isdigit() for character in found), found
    assert "?" in found
    card = page.locator(".digit.refused").first
    expect(card).to_contain_text("it ")
    expect(page.locator(".box.refused").first).to_have_text("?")


def test_undo_and_clear_take_back_and_lose_nothing(open_page: Open) -> None:
    page = open_page()
    undo, empty = page.locator("#undo"), page.locator("#clear")
    draw_on(page, written(6, 0, left=60, top=100, height=160))
    assert settled(page) == "6"
    draw_on(page, written(1, 0, left=300, top=100, height=160))
    assert settled(page) == "61"
    undo.click()
    assert settled(page) == "6"
    empty.click()
    expect(page.locator("#text")).to_have_text("")
    expect(page.locator(".digit")).to_have_count(0)
    expect(page.locator(".box")).to_have_count(0)
    expect(page.locator("#layers")).to_be_hidden()
    page.keyboard.press("Control+z")
    assert settled(page) == "6"
    undo.click()
    expect(page.locator("#text")).to_have_text("")
    expect(undo).to_be_disabled()


def test_a_digit_can_be_drawn_with_the_keyboard(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.locator("#pad")).to_be_focused()
    for key in [*["ArrowUp"] * 5, "Space", *["ArrowDown"] * 12, "Space"]:
        page.keyboard.press(key)
    assert settled(page) == "1"
    # The mouse goes on where the keys were.
    page.keyboard.press("Space")
    draw_on(page, written(7, 0, left=600, top=150, height=150))
    assert settled(page).endswith("7")
    page.locator("#clear").click()
    expect(page.locator("#pad")).to_be_focused()  # not on a button that is off
    page.keyboard.press("Tab")
    expect(page.locator("#undo")).to_be_focused()


class Fingers:
    """On the screen of one page."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        assert box is not None
        self._left, self._top = box["x"], box["y"]

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """Have all fingers at some places of the paper; no place lifts them."""
        points = [
            {"x": self._left + x, "y": self._top + y, "id": index}
            for index, (x, y) in enumerate(places)
        ]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def draw(self, strokes: list[Stroke]) -> None:
        for stroke in map(thinned, strokes):
            self.touch("touchStart", stroke[0])
            for place in stroke[1:]:
                self.touch("touchMove", place)
            self.touch("touchEnd")


@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE], ids=["phone", "small phone"])
def test_a_finger_draws_and_does_not_scroll(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(size, touch=True)
    Fingers(page).draw(written(4, 0, left=90, top=40, height=150))
    assert settled(page) == "4"
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("label[for=shot]")).to_be_visible()  # the camera
    low = page.locator(".tools button, .tools label.button").evaluate_all(
        "tools => tools.filter((tool) => tool.getBoundingClientRect().height < 44).length"
    )
    assert low == 0  # all are large enough for a finger
    page.evaluate("scrollTo(0, 0)")
    text = page.locator("#text").bounding_box()
    assert text is not None
    assert text["y"] < size[1]  # the answer is in sight while one draws


def test_a_second_finger_neither_draws_nor_breaks_the_first_one_s_stroke(open_page: Open) -> None:
    page = open_page(PHONE, touch=True)
    fingers = Fingers(page)
    fingers.touch("touchStart", (150, 60))
    for step in range(1, 12):
        palm = [(40, 200)] if step > 3 else []
        fingers.touch("touchStart" if step == 4 else "touchMove", (150, 60 + 12 * step), *palm)
    fingers.touch("touchEnd")
    assert settled(page) == "1"
    expect(page.locator(".box")).to_have_count(1)


def ink_on(page: Page) -> int:
    return int(
        page.locator("#pad").evaluate(
            "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
            ".filter((value, i) => i % 4 == 3 && value > 127).length"
        )
    )


def test_a_pen_s_pressure_and_the_width_make_strokes_thicker(open_page: Open) -> None:
    page = open_page()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)

    def line(force: float) -> int:
        for kind, y in [("mousePressed", 100), ("mouseMoved", 200), ("mouseReleased", 200)]:
            event = {"type": kind, "x": box["x"] + 100, "y": box["y"] + y, "pointerType": "pen"}
            more = {"force": force, "button": "left", "buttons": 1, "clickCount": 1}
            session.send("Input.dispatchMouseEvent", event | more)
        settled(page)
        found = ink_on(page)
        clear(page)
        return found

    light, heavy = line(0.2), line(0.9)
    assert heavy > 1.5 * light
    page.locator("#width").fill("30")
    assert line(0.2) > 1.5 * light


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_a_photo_is_read_and_its_digits_are_marked(open_page: Open, way: str) -> None:
    page = open_page()
    content = photo("2718")
    if way == "choose":
        page.locator("#file").set_input_files(
            {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": content}
        )
    else:
        drop(page, "photo.jpg", "image/jpeg", content, way)
    expect(page.locator("#text")).to_have_text("2718")
    picture = page.locator("#photo")
    expect(picture).to_be_visible()
    paper = page.locator("#paper").bounding_box()
    assert paper is not None
    for index in range(4):
        box = page.locator(".box").nth(index).bounding_box()
        assert box is not None
        assert paper["x"] < box["x"] < box["x"] + box["width"] < paper["x"] + paper["width"]
        assert box["height"] > 50
    page.locator("#clear").click()
    expect(picture).to_be_hidden()
    expect(page.locator("#text")).to_have_text("")


def test_a_drawing_waits_behind_a_photo(open_page: Open) -> None:
    page = open_page()
    draw_on(page, written(9, 0, left=60, top=100, height=160))
    assert settled(page) == "9"
    drop(page, "photo.jpg", "image/jpeg", photo("27"))
    expect(page.locator("#text")).to_have_text("27")
    # Neither another window nor a touch of the paper makes it go.
    page.set_viewport_size({"width": 900, "height": 700})
    page.locator("#paper").click()
    page.keyboard.press("Space")
    expect(page.locator("#photo")).to_be_visible()
    assert settled(page) == "27"
    page.locator("#undo").click()
    assert settled(page) == "9"


def test_a_drawing_survives_a_page_that_is_loaded_again(open_page: Open) -> None:
    page = open_page()
    draw_on(page, written(6, 1, left=60, top=100, height=160))
    assert settled(page) == "6"
    page.reload()
    assert settled(page) == "6"
    clear(page)
    page.reload()
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#text")).to_have_text("")


def test_a_file_that_is_no_picture_is_told_in_a_line(open_page: Open) -> None:
    page = open_page(away=True)  # the browser notes the refusal, too
    drop(page, "notes.txt", "text/plain", b"no picture")
    expect(page.locator("#state")).to_contain_text("Expected a picture")
    expect(page.locator("#text")).to_have_text("Not read")
    expect(page.locator("#copy")).to_be_disabled()
    page.locator("#clear").click()
    draw_on(page, written(2, 0, left=60, top=100, height=160))
    assert settled(page) == "2"
    expect(page.locator("#state")).to_have_text("")


def test_a_picture_that_is_too_large_is_not_even_sent(open_page: Open) -> None:
    page = open_page()
    draw_on(page, written(2, 0, left=60, top=100, height=160))
    assert settled(page) == "2"
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(21e6)], "large.png", {type: "image/png"}));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
        }"""
    )
    expect(page.locator("#state")).to_have_text("Expected a picture of at most 20 MB, found 21 MB.")
    expect(page.locator("#text")).to_have_text("2")  # nothing is lost


def test_the_reading_can_be_copied(open_page: Open) -> None:
    page = open_page()
    draw_on(page, number("35", left=60, top=100, height=160, hand=0))
    settled(page)
    page.locator("#copy").click()
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "35"


def hold_first(page: Page) -> list[Route]:
    """Have the first picture's reading wait until it is let."""
    held: list[Route] = []
    page.route("**/v1/read", lambda route: route.continue_() if held else held.append(route))
    return held


def test_a_slow_server_is_said_and_drawing_goes_on(open_page: Open) -> None:
    page = open_page()
    held = hold_first(page)
    draw_on(page, written(3, 0, left=60, top=100, height=160))
    expect(page.locator("#state")).to_have_text("reading …")
    draw_on(page, written(7, 0, left=300, top=100, height=160))
    assert len(held) == 1  # no second question before the first is answered
    held[0].continue_()
    assert settled(page) == "37"
    expect(page.locator("#state")).to_have_text("")


def test_an_answer_to_what_is_gone_is_not_shown(open_page: Open) -> None:
    page = open_page()
    hold_first(page)
    draw_on(page, written(3, 0, left=60, top=100, height=160))
    expect(page.locator("#state")).to_have_text("reading …")
    clear(page)
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    draw_on(page, written(5, 0, left=60, top=100, height=160))
    assert settled(page) == "5"


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_lost_on_its_way_is_asked_for_again(open_page: Open, status: int) -> None:
    page = open_page(away=True)
    lost: list[Route] = []

    def lose_first(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route)
            route.fulfill(status=status, body='{"text": "4')

    page.route("**/v1/read", lose_first)
    drop(page, "photo.jpg", "image/jpeg", photo("47"))
    expect(page.locator("#text")).to_have_text("47")
    expect(page.locator("#state")).to_have_text("")


def test_a_full_server_is_asked_again_when_it_says(open_page: Open) -> None:
    page = open_page(away=True)
    asked: list[float] = []

    def full_once(route: Route) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            problem = '{"title": "", "status": 503, "detail": "All places are taken."}'
            route.fulfill(status=503, headers={"Retry-After": "1"}, body=problem)
        else:
            route.continue_()

    page.route("**/v1/read", full_once)
    drop(page, "photo.jpg", "image/jpeg", photo("60"))
    expect(page.locator("#state")).to_have_text("All places are taken.")
    expect(page.locator("#text")).to_have_text("60")
    assert asked[1] - asked[0] >= 0.9


def test_a_server_that_goes_away_and_comes_back_is_found_again(open_page: Open) -> None:
    first, port = start("0")
    page = open_page(port=port, away=True)
    first.kill()
    first.communicate()
    draw_on(page, number("84", left=60, top=100, height=160, hand=1))
    expect(page.locator("#state")).to_contain_text("No answer from the server")
    expect(page.locator("#state")).to_have_class("state trouble")
    second, _ = start(str(port))
    try:
        expect(page.locator("#text")).to_have_text("84", timeout=20_000)
        expect(page.locator("#state")).to_have_text("")
    finally:
        second.kill()
        second.communicate()


def start(port: str) -> tuple[subprocess.Popen[str], int]:
    """The command, in a process of its own, and the port that it listens at."""
    command = [sys.executable, "-c", "from digits.cli import main; main()", "serve", "--port", port]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    address = re.search(r"http://127.0.0.1:(\d+)/", running.stdout.readline())
    assert address is not None
    return running, int(address[1])


def test_the_drawing_survives_a_turned_phone(open_page: Open) -> None:
    page = open_page(PHONE, touch=True)
    Fingers(page).draw(number("38", left=20, top=180, height=170, hand=0))
    assert settled(page) == "38"
    page.set_viewport_size({"width": 844, "height": 390})
    page.wait_for_selector("#pad >> visible=true")
    expect(page.locator("#pad")).not_to_have_css("height", "386px")
    assert settled(page) == "38"
    text = page.locator("#text").bounding_box()
    assert text is not None
    assert text["y"] + text["height"] < 390  # the answer is in sight
    paper = page.locator("#pad").bounding_box()
    assert paper is not None
    for box in (page.locator(".box").nth(index).bounding_box() for index in range(2)):
        assert box is not None
        assert box["y"] + box["height"] <= paper["y"] + paper["height"] + 2


@pytest.mark.parametrize("size", [(320, 568), (768, 1024), (1920, 1080), (2560, 1440)])
def test_nothing_is_cut_off_at_any_width(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page(size)
    draw_on(page, number("41", left=20, top=40, height=120, hand=2))
    assert settled(page) == "41"
    expect(page.locator("#layers")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def violations(page: Page) -> list[str]:
    results = Axe().run(page).response
    return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in results["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_contrast_and_labels_are_as_they_should_be(
    open_page: Open, scheme: str, size: tuple[int, int]
) -> None:
    page = open_page(size, scheme=scheme)
    assert violations(page) == []
    draw_on(page, written(8, 0, left=40, top=60, height=120))
    page.locator("#width").fill("5")
    draw_on(page, scribble(left=150, top=60, width=150, height=120, seed=SCRIBBLE))
    assert "8" in settled(page)
    expect(page.locator(".digit.refused")).not_to_have_count(0)
    expect(page.locator("#layers")).to_be_visible()
    assert violations(page) == []
