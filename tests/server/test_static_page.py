"""The page without a server: what is written, and a browser that reads with the network off."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from pen_paths import number
from playwright.sync_api import Browser, Page, expect

from digits.assets import PAGE
from digits.errors import DigitsError, InvalidInput
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.static_page import write_static_page
from digits.static_page.compression import compress
from digits.static_page.runtime import ARCHIVE, read_runtime
from tests.server.browser import (
    DESKTOP,
    PHONE,
    Fingers,
    draw_at_once,
    needs_chromium,
    settled,
    violations,
)
from tests.server.static_page import needs_npm, runtime, web_space

__all__ = ["runtime"]

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, reader: Reader, runtime: Path) -> Path:
    folder = tmp_path_factory.mktemp("static") / "page"
    write_static_page(reader, folder, runtime=runtime)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with web_space(folder) as url:
        yield url


@needs_npm
def test_all_but_the_runtime_has_less_than_a_megabyte(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    beside = [path for path in files if path.parent.name != "runtime"]
    assert 500_000 < sum(path.stat().st_size for path in beside) < 1_000_000


def test_no_text_in_a_module_looks_like_what_is_left_away() -> None:
    modules = {path.name: path.read_text().splitlines() for path in PAGE.rglob("*.js")}
    assert modules
    # Of texts: indentation where one goes over lines, and what looks like a comment.
    broken = [
        (name, line)
        for name, lines in modules.items()
        for line in lines
        if not line.strip().startswith("//")
        and any(line.partition(" // ")[0].count(quote) % 2 for quote in '`"')
    ]
    assert broken == []


@needs_npm
def test_the_service_worker_keeps_every_file(folder: Path) -> None:
    worker = folder / "service-worker.js"
    match = re.search(r"const FILES = (\[.*\]);", worker.read_text())
    assert match is not None
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(json.loads(match[1])) == files - {worker.name} | {"./"}


@needs_npm
def test_what_a_user_made_of_a_page_is_another_version(
    folder: Path, tmp_path: Path, reader: Reader, runtime: Path
) -> None:
    def version(folder: Path) -> str:
        return (folder / "service-worker.js").read_text().partition("\n")[0]

    again, other = tmp_path / "again", tmp_path / "other"
    write_static_page(reader, again, runtime=runtime)
    assert version(again) == version(folder)
    write_static_page(Reader(threshold=0.5), other, runtime=runtime)
    assert version(other) != version(folder)


@needs_npm
def test_a_static_page_is_replaced_and_nothing_else(
    tmp_path: Path, reader: Reader, runtime: Path
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    write_static_page(reader, folder, runtime=runtime)
    (folder / "page" / "stale.js").touch()
    write_static_page(reader, folder, runtime=runtime)
    assert not (folder / "page" / "stale.js").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    (folder / ".git").mkdir()  # as where it is published from
    with pytest.raises(InvalidInput, match=r"found \.git there; name another folder"):
        write_static_page(reader, folder, runtime=runtime)
    other = tmp_path / "other"
    other.mkdir()
    (other / "service-worker.js").touch()
    for taken, found in [(other, "a part of one"), (other / "service-worker.js", "a file")]:
        with pytest.raises(InvalidInput, match=f"found {found} there; name another folder"):
            write_static_page(reader, taken, runtime=runtime)


def test_another_package_is_refused(tmp_path: Path) -> None:
    other = tmp_path / ARCHIVE
    other.write_bytes(gzip.compress(b"another"))
    with pytest.raises(InvalidInput, match=r"expected the package .* to the bit, found another"):
        read_runtime(other)
    with pytest.raises(InvalidInput, match="there is no such file"):
        read_runtime(tmp_path / "none.tgz")


def test_without_npm_the_user_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DigitsError, match=r"npm is not installed; .* --runtime onnxruntime-web"):
        read_runtime(None)


def test_what_npm_says_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(DigitsError, match=r"npm can't fetch .* \(npm error code ENOTFOUND\); give"):
        read_runtime(None)


def test_the_command_needs_a_folder_and_a_format(call: Call, tmp_path: Path) -> None:
    assert call("export", "reader", "--format", "page")[::2] == (
        2,
        "digits: Expected the folder to write: --out FOLDER.\n",
    )
    code, _, error = call("export", "reader")
    assert (code, error.count("\n")) == (2, 1)
    assert error.endswith("exported as a page: --format page --out FOLDER.\n")
    code, _, error = call("export", "reader", "--runtime", "x.tgz")
    assert (code, error) == (2, "digits: --runtime is for a page: --format page.\n")


def test_weights_of_eight_bits_are_those_weights_nearly() -> None:
    network = Network()
    content = gzip.decompress(compress(network.content))
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert len(content) < 0.4 * len(network.content)
    before = {t.name: onnx.numpy_helper.to_array(t) for t in _tensors(network.content)}
    after = {t.name: onnx.numpy_helper.to_array(t) for t in _tensors(content)}
    rounded = [name.removesuffix(".int8") for name in after if name.endswith(".int8")]
    assert len(rounded) == 4
    for name in rounded:
        weights, scale = before[name], after[f"{name}.scale"]
        scale = scale.reshape(-1, *[1] * (weights.ndim - 1))
        assert np.abs(after[f"{name}.int8"] * scale - weights).max() <= 0.501 * scale.max()
    glyphs = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    difference = Network(content).probabilities(glyphs) - network.probabilities(glyphs)
    assert 0 < np.abs(difference).max() < 0.1
    LineNetwork(gzip.decompress(compress(LineNetwork().content)))


def _tensors(content: bytes) -> list[onnx.TensorProto]:
    return list(onnx.load_from_string(content).graph.initializer)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, reduced_motion="reduce"
    )
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(url)
    yield page
    context.close()
    assert errors == []


@needs_chromium
@needs_npm
def test_a_phone_reads_a_number_with_the_network_off(browser: Browser, url: str) -> None:
    context = browser.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(url)
    page.evaluate("navigator.serviceWorker.ready")
    context.set_offline(True)
    Fingers(page).draw(number("38", left=20, top=60, height=150, style=0))
    assert settled(page) == "38"
    # All of it is kept, so it opens again, with what was drawn.
    page.goto(url)
    page.reload()
    expect(page.locator("#parameters")).to_have_text("155,466")
    assert settled(page) == "38"
    context.close()


@needs_chromium
@needs_npm
def test_the_page_says_that_it_takes_no_photos(page: Page) -> None:
    expect(page.locator("#card")).to_contain_text("This page does not read photos")
    for selector in ("label[for=file]", "#file", ".samples", "#curl"):
        expect(page.locator(selector)).to_be_hidden()
    draw_at_once(page, number("41", left=40, top=60, height=150, style=0))
    assert settled(page)
    assert violations(page) == []


@needs_chromium
@needs_npm
def test_a_page_that_is_opened_from_the_disk_says_how_to_show_it(
    browser: Browser, folder: Path
) -> None:
    page = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
    page.goto((folder / "index.html").as_uri())
    expect(page.locator("main")).to_have_text(re.compile("run there: python -m http.server 8000"))
    expect(page.locator("#pad")).to_have_count(0)
    expect(page.get_by_role("link")).to_have_count(0)
    page.close()


@needs_chromium
@needs_npm
@pytest.mark.parametrize("name", ["page/offline/ctc.js", "networks/lines.onnx.gz"])
def test_a_reader_that_does_not_load_says_so_and_is_tried_again(
    browser: Browser, folder: Path, url: str, name: str
) -> None:
    away = (folder / name).rename(folder.with_name("away"))
    page = browser.new_page(reduced_motion="reduce")
    try:
        page.goto(url)
        expect(page.locator("#status")).to_contain_text("The reader of this page can’t be loaded")
        expect(page.locator("#reading")).to_have_attribute("aria-busy", "false")
    finally:
        away.rename(folder / name)
    draw_at_once(page, number("41", left=40, top=60, height=150, style=0))
    expect(page.locator("#text")).to_have_text("41")
    page.close()
