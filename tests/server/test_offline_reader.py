"""The reader of drawings in the browser, held against the one in Python, with the same networks."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pen_paths import STYLES, Stroke, number, scribble, written
from playwright.sync_api import Browser, Page

from digits.reading.line_network import LineNetwork
from digits.reading.model_folder import Networks
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.server.schemas import reading_to_json
from digits.static_page import write_static_page
from tests.server.browser import needs_chromium
from tests.server.static_page import needs_npm, runtime, web_space

__all__ = ["runtime"]

pytestmark = [needs_chromium, needs_npm]

GREY_LEVELS = 4
"""Largest difference of a glyph's pixel: OpenCV rounds elsewhere, on each processor."""

READ = """async (strokes) => {
    const { Pad } = await import("/page/pad.js");
    const { read } = await import("/page/source.js");
    sessionStorage.setItem("strokes", JSON.stringify(strokes));
    const { blob, canvas } = await new Pad(document.createElement("canvas")).picture();
    return [await read(blob), canvas.toDataURL()];
}"""

READ_PICTURE = """async (levels) => {
    const { read } = await import("/page/source.js");
    const canvas = new OffscreenCanvas(200, 100);
    const context = canvas.getContext("2d");
    levels.forEach((level, x) => {
        context.fillStyle = `rgb(${level}, ${level}, ${level})`;
        context.fillRect(x, 0, 1, 100);
    });
    return read(await canvas.convertToBlob());
}"""


@pytest.fixture(scope="module")
def page(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, runtime: Path
) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("static") / "page"
    write_static_page(Reader(num_threads=1), folder, runtime=runtime)
    with web_space(folder) as url:
        page = browser.new_page()
        page.goto(url)
        yield page
        page.close()


@pytest.fixture(scope="module")
def in_python(page: Page) -> Reader:
    """The reader in Python, with the networks of the static page."""

    def content(name: str) -> bytes:
        return gzip.decompress(page.request.get(f"{page.url}networks/{name}.onnx.gz").body())

    networks = Networks(Network(content("glyphs")), LineNetwork(content("lines")))
    return Reader(networks, num_threads=1)


def drawn(page: Page, strokes: list[Stroke]) -> tuple[dict[str, Any], bytes]:
    """Draw on the page's pad and read it there; gives the document, and the pad's picture."""
    points = [
        {"width": 14, "points": [[x, y, 0.5] for x, y in [*stroke[:-1:2], stroke[-1]]]}
        for stroke in strokes
    ]
    document, url = page.evaluate(READ, points)
    return document, base64.b64decode(url.partition(",")[2])


def differences(document: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Tell in what two documents differ: by more than 0.01 of confidence, or a pixel of a box.

    Glyphs differ where any pixel does by more than `GREY_LEVELS`.
    """

    def outline(of: dict[str, Any]) -> dict[str, Any]:
        return {
            "text": of["text"],
            "turned": of["turned"],
            "written": [line["written"] for line in of["lines"]],
            "digits": [(digit["label"], digit["reason"]) for digit in of["digits"]],
            "left_out": sorted((mark["kind"], mark["text"]) for mark in of["left_out"]),
        }

    found = [
        f"{key} {value} for {outline(expected)[key]}"
        for key, value in outline(document).items()
        if value != outline(expected)[key]
    ]
    if found:
        return found
    for part, keys in {"lines": ["confidence"], "digits": ["probabilities"]}.items():
        for one, other in zip(document[part], expected[part], strict=True):
            if np.abs(np.subtract(one["box"], other["box"])).max() > 1:
                found.append(f"box {one['box']} for {other['box']}")
            found += [
                f"{key} {one[key]} for {other[key]}"
                for key in keys
                if np.abs(np.subtract(one[key], other[key])).max() > 0.01
            ]
    for one, other in zip(document["digits"], expected["digits"], strict=True):
        glyphs = [
            np.frombuffer(base64.b64decode(digit["glyph"]), np.uint8).astype(int)
            for digit in (one, other)
        ]
        if np.abs(np.subtract(*glyphs)).max() > GREY_LEVELS:
            found.append(f"glyph of {one['label']}")
    return found


def other_text(document: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Tell whether the server, whose weights are not rounded, reads another text."""
    if document["text"] == expected["text"]:
        return []
    return [f"{document['text']} for the server's {expected['text']}"]


def test_single_digits_are_read_as_in_python_and_by_the_server(
    page: Page, in_python: Reader, reader: Reader
) -> None:
    rng = np.random.default_rng(0)
    unlike, right = [], 0
    drawings = [(digit, style) for digit, styles in STYLES.items() for style in range(len(styles))]
    for digit, style in drawings:
        slant, wobble = rng.uniform(-0.1, 0.3), rng.uniform(0, 0.02)
        place = {"left": 20, "top": 20, "height": rng.uniform(70, 320), "slant": slant}
        strokes = written(digit, style, **place, wobble=wobble, seed=style)
        document, picture = drawn(page, strokes)
        unlike += [(digit, style, what) for what in differences(document, read(in_python, picture))]
        unlike += [(digit, style, what) for what in other_text(document, read(reader, picture))]
        right += document["text"] == str(digit)
    assert len(drawings) == 60
    assert unlike == []
    assert right >= 57


def test_numbers_are_read_as_in_python_and_by_the_server(
    page: Page, in_python: Reader, reader: Reader
) -> None:
    rng = np.random.default_rng(0)
    unlike, right = [], 0
    for index in range(20):
        text = "".join(map(str, rng.integers(0, 10, 2 + index % 6)))
        strokes = number(text, left=30, top=100, height=90, style=index, seed=index)
        document, picture = drawn(page, strokes)
        unlike += [(text, what) for what in differences(document, read(in_python, picture))]
        unlike += [(text, what) for what in other_text(document, read(reader, picture))]
        right += document["text"] == text
    assert unlike == []
    assert right >= 18


@pytest.mark.parametrize(
    "drawing",
    [
        "one stroke",
        "two lines",
        "scribble",
        "ruled",
        "lined",
        "boxed",
        "on its side",
        "upside down",
        "falling",
        "date",
    ],
)
def test_what_else_is_drawn_is_read_as_in_python(
    page: Page, in_python: Reader, drawing: str
) -> None:
    row = number("2745", left=40, top=40, height=90, style=2, seed=3)
    strokes = {
        "one stroke": [[(45.0, 5.0), (6.0, 300.0)]],
        "two lines": row + number("90", left=60, top=190, height=90, style=1, seed=4),
        "scribble": scribble(left=20, top=20, width=140, height=120, seed=1),
        "ruled": [*row, [(10.0, 150.0), (440.0, 158.0)]],
        "lined": [
            *number("3", left=60, top=20, height=280, style=0, seed=1),
            *([(5.0, y), (440.0, y + 4)] for y in (60.0, 120.0, 180.0, 240.0)),
        ],
        "boxed": [*row, [(15.0, 15.0), (430.0, 15.0), (430.0, 160.0), (15.0, 160.0), (15.0, 15.0)]],
        "on its side": [[(200 - y, x) for x, y in stroke] for stroke in row],
        "upside down": [[(500 - x, 300 - y) for x, y in stroke] for stroke in row],
        "falling": [[(x, y + 0.35 * x) for x, y in stroke] for stroke in row],
        "date": [*row[:2], [(180.0, 135.0), (215.0, 30.0)], *row[2:]],
    }[drawing]
    document, picture = drawn(page, strokes)
    assert differences(document, read(in_python, picture)) == []


def test_a_photo_is_refused_in_a_line(page: Page) -> None:
    levels = [60 + x // 2 for x in range(200)]
    with pytest.raises(Exception, match="Photos need the server: expected a drawing"):
        page.evaluate(READ_PICTURE, levels)


def read(reader: Reader, picture: bytes) -> dict[str, Any]:
    return dict(json.loads(reading_to_json(reader.read(picture))))
