"""The page without a server: how soon it answers, and whether it reads as the server does.

    python benchmarks/static_page.py

Needs Chromium and npm. Opens the page with a number already drawn, with nothing kept from before,
and measures the time from the request of the page until the reading is shown; then with the network
off, from what the browser keeps. Draws the sixty pen paths and random numbers, and compares the
readings with the server's reader. Writes results/static-page.json.
"""

import functools
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from pen_paths import STYLES, Stroke, number, written
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading.reader import Reader
from digits.static_page import write_static_page
from digits.static_page.runtime import ARCHIVE, PACKAGE

RESULT = Path(__file__).parent / "results" / "static-page.json"
ROUNDS = 10
NUM_NUMBERS = 200
"""Random numbers of one to eight digits that are drawn beside the pen paths."""
WINDOW: ViewportSize = {"width": 1280, "height": 860}

SHOWN = """() => new Promise((done) => {
    const look = () => {
        const text = document.getElementById("text").textContent.trim();
        if (text) done([performance.now() / 1000, text]);
        else setTimeout(look, 2);
    };
    look();
})"""
"""Seconds from the request of the page until it shows a reading, and the reading."""


class Quiet(SimpleHTTPRequestHandler):
    """A web space that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def web_space(folder: Path) -> Iterator[str]:
    """Show a folder; yields its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def strokes_as_stored(strokes: list[Stroke]) -> str:
    """Strokes as the pad keeps them over a reload."""
    kept = []
    for stroke in strokes:
        (right, bottom) = np.max(stroke, axis=0) + 7
        points = [[x, y, 0.5] for x, y in stroke]
        kept.append({"width": 14, "points": points, "right": right, "bottom": bottom})
    return json.dumps(kept)


def first_answers(browser: Browser, url: str) -> dict[str, Any]:
    """Measure the time from the request of the page to its first reading."""
    drawn = strokes_as_stored(number("385", left=40, top=80, height=160, style=0, seed=0))
    seconds: dict[str, list[float]] = {"nothing kept": [], "network off": []}
    for _ in range(ROUNDS):
        context = browser.new_context(viewport=WINDOW)
        context.add_init_script(f"sessionStorage.setItem('strokes', {json.dumps(drawn)})")
        seconds["nothing kept"].append(_open(context, url))
        page = context.new_page()
        page.goto(url)
        page.evaluate("navigator.serviceWorker.ready")
        page.close()
        context.set_offline(True)
        seconds["network off"].append(_open(context, url))
        context.close()
    return {
        name: {
            "seconds_median": round(statistics.median(values), 2),
            "seconds_max": round(max(values), 2),
            "rounds": ROUNDS,
        }
        for name, values in seconds.items()
    }


def _open(context: BrowserContext, url: str) -> float:
    page = context.new_page()
    page.goto(url, wait_until="commit")
    seconds, text = page.evaluate(SHOWN)
    assert text == "385", text
    page.close()
    return float(seconds)


def drawings() -> Iterator[tuple[str, list[Stroke]]]:
    """The sixty pen paths, then random numbers."""
    for digit, styles in STYLES.items():
        for style in range(len(styles)):
            yield str(digit), written(digit, style, left=60, top=60, height=200)
    rng = np.random.default_rng(0)
    for index in range(NUM_NUMBERS):
        text = "".join(map(str, rng.integers(0, 10, rng.integers(1, 9))))
        height = float(rng.uniform(50, min(220, 900 / len(text))))
        yield text, number(text, left=20, top=40, height=height, style=index, seed=index)


def compare(page: Page, url: str, reader: Reader) -> dict[str, Any]:
    """Read drawings in the browser, and the same pictures with the server's reader."""
    page.goto(url)
    counts = dict.fromkeys(("drawings", "same text", "right here", "right at the server"), 0)
    differences, milliseconds, others = [], [], []
    for text, strokes in drawings():
        found = page.evaluate(READ, strokes_as_stored(strokes))
        expected = reader.read(bytes(found["png"]))
        counts["drawings"] += 1
        counts["same text"] += found["text"] == expected.text
        counts["right here"] += found["text"] == text
        counts["right at the server"] += expected.text == text
        milliseconds.append(found["milliseconds"])
        if found["text"] != expected.text:
            others.append({"drawn": text, "here": found["text"], "at the server": expected.text})
        elif found["confidences"]:
            pairs = zip(found["confidences"], expected.digits, strict=True)
            differences += [abs(here - digit.confidence) for here, digit in pairs]
    return {
        **counts,
        "largest_difference_of_confidence": round(max(differences), 4),
        "milliseconds_median": round(statistics.median(milliseconds), 1),
        "milliseconds_p95": round(float(np.percentile(milliseconds, 95)), 1),
        "other readings": others,
    }


READ = """async (stored) => {
    const pads = await import("./page/pad.js");
    const { read } = await import("./page/source.js");
    sessionStorage.setItem("strokes", stored);
    const { blob } = await new pads.Pad(document.createElement("canvas")).picture();
    const began = performance.now();
    const { text, digits } = await read(blob);
    return {
        text,
        confidences: digits.map((digit) => digit.confidence),
        milliseconds: performance.now() - began,
        png: [...new Uint8Array(await blob.arrayBuffer())],
    };
}"""
"""Reads strokes as the page does, from the picture of a pad of their own."""


def main() -> None:
    """Measure, print and write."""
    chromium, npm = shutil.which("chromium"), shutil.which("npm")
    if chromium is None or npm is None:
        raise SystemExit("Expected Chromium and npm on the path; install them first.")
    reader = Reader(num_threads=1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run([npm, "pack", PACKAGE, "--silent"], check=True, cwd=folder)
        page = Path(folder, "page")
        began = time.perf_counter()
        written_page = write_static_page(reader, page, runtime=Path(folder, ARCHIVE))
        export_seconds = time.perf_counter() - began
        flags = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        with web_space(page) as url:
            answers = first_answers(browser, url)
            print(json.dumps(answers))
            readings = compare(browser.new_page(viewport=WINDOW), url, reader)
            print(json.dumps(readings))
        version = browser.version
        browser.close()
    result = {
        **written_page.to_dict(),
        "path": "page",
        "export_seconds": round(export_seconds, 2),
        "first answer": answers,
        "readings": readings,
        "browser": f"Chromium {version}",
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    print(RESULT)


if __name__ == "__main__":
    main()
