"""A browser with the page in it: tabs, drawing with a mouse or fingers, and what the page shows."""

import base64
import io
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pen_paths import Stroke
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.reading.drawings import draw, enlarged
from tests.tools import REQUIRED

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED, reason="there is no Chromium to open the page with"
)

# The browser shall send no requests of its own.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Otherwise each movement of the mouse waits for the next frame.
FLAGS += ["--disable-frame-rate-limit", "--disable-gpu-vsync"]

SCRIBBLE = 1
"""Seed of a scribble in which no digit is found."""

UNREAD = ".digit.refused, .mark"
"""Where the page shows what was seen and not read."""

BLANK = '<link rel="icon" href="data:,">'
"""A page for which the browser does not request an icon."""

DESKTOP, PHONE, SMALL_PHONE = (1280, 860), (390, 844), (320, 568)


Open = Callable[..., Page]


class Tab:
    """A browser tab that many tests use, one after the other, as a new one takes long to open."""

    def __init__(self, browser: Browser, port: int, *, touch: bool) -> None:
        self._context = browser.new_context(
            has_touch=touch,
            is_mobile=touch,
            permissions=["clipboard-read", "clipboard-write"],
            reduced_motion="reduce",  # each transition would be drawn in as many frames as possible
        )
        self._port = port
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self._errors.append(str(error)))
        self.page.on("console", self._note)
        self._errors: list[str] = []
        self._may_fail = False

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self._may_fail:
            self._errors.append(message.text)

    def open(self, size: tuple[int, int], scheme: Any, port: int, may_fail: bool) -> Page:
        """Open the page with nothing stored; it begins with its example."""
        self._may_fail = may_fail
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        self.page.goto(f"http://localhost:{port}/")
        expect(self.page.locator("#parameters")).to_have_text("155,466")
        return self.page

    def leave(self) -> list[str]:
        """Leave the page and clear what it stored; returns the errors that occurred in it."""
        self.page.unroute_all()
        # On a blank page of the same origin, as the page itself would store its drawing again.
        blank = f"http://localhost:{self._port}/blank"
        self.page.route(blank, lambda route: route.fulfill(body=BLANK, content_type="text/html"))
        self.page.goto(blank)
        self.page.evaluate("sessionStorage.clear(); localStorage.clear()")
        errors, self._errors = self._errors, []
        return errors


def end_example(page: Page) -> None:
    """End what the empty page writes and reads of itself."""
    page.keyboard.press("Escape")
    expect(page.locator("#example")).to_be_hidden()
    expect(page.locator("#text")).to_have_text("")


def draw_on(page: Page, strokes: list[Stroke]) -> None:
    """Draw with the mouse, in pixels of the pad."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for stroke in strokes:
        for index, (x, y) in enumerate(thinned(stroke)):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if index == 0:
                page.mouse.down()
        page.mouse.up()


def thinned(stroke: Stroke) -> Stroke:
    """Every second point and the last one, as the browser takes long for each."""
    return [*stroke[:-1:2], stroke[-1]]


def draw_at_once(page: Page, strokes: list[Stroke]) -> None:
    """Dispatch all pointer events of a drawing in one call: far faster than moving the mouse."""
    page.locator("#pad").evaluate(
        """(pad, strokes) => {
            const box = pad.getBoundingClientRect();
            const send = (type, [x, y], button, buttons) => {
                const point = {clientX: box.left + x, clientY: box.top + y};
                const pointer = {pointerId: 1, pointerType: "mouse", button, buttons};
                pad.dispatchEvent(new PointerEvent(type, {...point, ...pointer}));
            };
            for (const stroke of strokes) {
                send("pointerdown", stroke[0], 0, 1);
                for (const point of stroke.slice(1)) send("pointermove", point, -1, 1);
                send("pointerup", stroke.at(-1), 0, 0);
                pad.releasePointerCapture(1);  // the browser does so for its own events
            }
        }""",
        strokes,
    )
    page.mouse.move(0, 0)  # without a frame, the browser delays the encoding of pictures


def settled(page: Page) -> str:
    """The text, once all requests are answered."""
    page.locator("#reading[aria-busy=false]").wait_for(timeout=20_000)  # polls sooner than expect
    return page.locator("#text").inner_text()


def clear(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator("#text")).to_have_text("")


def pad_size(page: Page) -> tuple[float, float]:
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


class Fingers:
    """Fingers on the pad of a page."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        assert box is not None
        self._left, self._top = box["x"], box["y"]

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Have all fingers at some points of the pad; without points, all are lifted."""
        fingers = [
            {"x": self._left + x, "y": self._top + y, "id": index}
            for index, (x, y) in enumerate(points)
        ]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    def draw(self, strokes: list[Stroke]) -> None:
        for stroke in map(thinned, strokes):
            self.touch("touchStart", stroke[0])
            for point in stroke[1:]:
                self.touch("touchMove", point)
            self.touch("touchEnd")


def violations(page: Page) -> list[str]:
    results = Axe().run(page).response
    return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in results["violations"]]


def num_too_small(page: Page, selector: str) -> int:
    """Count the visible elements that are too small for a finger."""
    count: int = page.locator(selector).evaluate_all(
        """elements => elements.filter((element) => {
            const { width, height } = element.getBoundingClientRect();
            return element.checkVisibility() && Math.min(width, height) < 44;
        }).length"""
    )
    return count
