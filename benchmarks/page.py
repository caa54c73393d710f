"""Latency of the page in a real browser, from the end of a stroke to its reading; a recording.

    python benchmarks/page.py

Needs Chromium. Draws digits and numbers with the mouse, in several writing styles, and measures the
time from the end of each number's last stroke until the page shows its reading completely; the
server runs on the same machine. Prints the figures, writes them to results/page.json, and records
the page while it is drawn on, to docs/images/page.gif.
"""

import io
import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pen_paths import Stroke, number
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

FOLDER = Path(__file__).parent
RESULT, PICTURE = FOLDER / "results" / "page.json", FOLDER.parent / "docs" / "images" / "page.gif"
WINDOWS = {"desktop": (1280, 860), "phone": (390, 844), "large": (2560, 1440)}
NUMBERS = {"one digit": 1, "three digits": 3, "six digits": 6}
ROUNDS = 10

WATCH = """() => {
    const [pad, reading] = ["pad", "reading"].map((id) => document.getElementById(id));
    window.seconds = [];
    let ended = null;
    pad.addEventListener("pointerup", () => { ended = performance.now(); }, true);
    new MutationObserver(() => {
        if (reading.ariaBusy === "false" && ended !== null) {
            window.seconds.push((performance.now() - ended) / 1000);
            ended = null;
        }
    }).observe(reading, { attributeFilter: ["aria-busy"] });
}"""
"""Records the seconds from the end of the last stroke until its reading is shown."""


@contextmanager
def serving() -> Iterator[str]:
    """Start the server; yields its address."""
    command = [sys.executable, "-c", "from digits.cli import main; main()", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address is not None
        try:
            yield address[0]
        finally:
            server.terminate()


def draw(page: Page, strokes: list[Stroke], frames: list[Image.Image] | None = None) -> None:
    """Draw with the mouse; screenshots of every eighth point are added to `frames`."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for stroke in strokes:
        for index, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if index == 0:
                page.mouse.down()
            if frames is not None and index % 8 == 7:
                frames.append(take_screenshot(page))
        page.mouse.up()
    page.locator("#reading[aria-busy=false]").wait_for()


def take_screenshot(page: Page) -> Image.Image:
    """Take a screenshot of the window."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def measure_latency(page: Page, num_digits: int) -> dict[str, Any]:
    """Draw numbers, and measure the time until their readings are shown."""
    rng = np.random.default_rng(num_digits)
    box = page.locator("#pad").bounding_box()
    assert box is not None
    height = min(0.6 * box["height"], 0.8 * box["width"] / num_digits)
    page.evaluate(WATCH)
    right = 0
    for index in range(ROUNDS):
        text = "".join(map(str, rng.integers(0, 10, num_digits)))
        draw(page, number(text, left=20, top=40, height=height, style=index, seed=index))
        right += page.locator("#text").inner_text() == text
        page.keyboard.press("Escape")
    seconds = page.evaluate("window.seconds")
    return {
        "milliseconds_median": round(1000 * statistics.median(seconds), 1),
        "milliseconds_p95": round(1000 * float(np.percentile(seconds, 95)), 1),
        "milliseconds_max": round(1000 * max(seconds), 1),
        "numbers": ROUNDS,
        "right": right,
    }


def record(page: Page) -> None:
    """Record an animation of a number being drawn, then of the layers."""
    frames = [take_screenshot(page)]
    draw(page, number("3950", left=70, top=150, height=150, style=4, seed=4), frames)
    seconds = [0.25] * len(frames)
    page.locator("#inside").evaluate("section => section.scrollIntoView()")
    page.locator(".detail").wait_for()
    for each in page.locator(".stage canvas[tabindex]").all()[2:6]:
        each.click()
        frames.append(take_screenshot(page))
        seconds.append(1.2)
    small = [frame.resize((frame.width * 3 // 4, frame.height * 3 // 4)) for frame in frames]
    shades = [frame.quantize(64, dither=Image.Dither.NONE) for frame in small]
    content = io.BytesIO()
    shades[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=shades[1:],
        duration=[round(1000 * each) for each in seconds],
        loop=0,
    )
    write_atomic(PICTURE, content.getvalue())


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Expected Chromium, found none on the path; install it first.")
    answers: dict[str, Any] = {}
    with serving() as address, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for window, (width, height) in WINDOWS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(address)
            page.locator("#card").wait_for()
            for name, num_digits in NUMBERS.items():
                answers[f"{window}, {name}"] = found = measure_latency(page, num_digits)
                print(f"{window:8} {name:13}", json.dumps(found), flush=True)
            page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        page.goto(address)
        page.locator("#card").wait_for()
        record(page)
        version = browser.version
        browser.close()
    result = {
        "answers": answers,
        "browser": f"Chromium {version}",
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    print(f"{RESULT}\n{PICTURE}, {PICTURE.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
