"""The page that shows a run as it goes, in a real browser, beside the command that trains."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import blobs
from tests.server.browser import DESKTOP, SMALL_PHONE, needs_chromium, num_too_small, violations
from tests.server.conftest import Client

pytestmark = needs_chromium

TRAINING = 120_000
"""Milliseconds in which a command loads torch and trains on a few images, on a busy machine."""


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Train in a folder with `--watch`, and say where the page is."""
    with subprocess.Popen(
        [sys.executable, "-m", "digits", "train", *arguments, "--watch", "--json"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "120"},
    ) as process:
        assert process.stderr is not None
        try:
            yield process, process.stderr.readline().removeprefix("Watch at ").strip()
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small data set."""
    train_images, train_labels = blobs(600)
    test_images, test_labels = blobs(100, seed=1)
    np.savez(
        tmp_path / "blobs.npz",
        x_train=train_images.numpy(), y_train=train_labels.numpy(),
        x_test=test_images.numpy(), y_test=test_labels.numpy(),
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def test_a_run_that_is_killed_is_said_to_be_stopped_and_goes_on_to_its_end(
    folder: Path, page: Page
) -> None:
    train = ["--recipe", "fast", "--data", "blobs.npz", "--out", "run"]
    train += ["--crop", "none", "--epochs", "10", "--batch-size", "32", "--validation-size", "100"]
    with command(folder, *train) as (process, url):
        page.goto(url)
        expect(page.locator("#state")).to_have_text(re.compile("^Step [1-9]"), timeout=TRAINING)
        process.send_signal(signal.SIGKILL)
        expect(page.locator("#state")).to_have_text(
            re.compile("^Stopped at step .*digits train --resume run --watch$")
        )
    assert not (folder / "run" / "summary.json").exists()
    with command(folder, "--resume", "run") as (process, again):
        if again != url:  # the port was not free any more; otherwise the page goes on by itself
            page.goto(again)
        finished = re.compile("^Finished: .* of 100 test images")
        expect(page.locator("#state")).to_have_text(finished, timeout=TRAINING)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, "it ends by itself where nobody is at a terminal"
    assert json.loads(output)["folder"] == "run", "nothing else is at standard output"
    expect(page.locator("#digits .right")).to_have_count(40)
    expect(page.locator("#matrix + figcaption")).to_have_text(
        re.compile(r"^100 of 100 are read right\. ")
    )
    expect(page.locator("#loss + figcaption")).to_have_text(
        re.compile("in the latest batches, .* on all held-out images")
    )
    assert page.locator("#filters").evaluate("canvas => canvas.width") > 0

    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": SMALL_PHONE[0], "height": SMALL_PHONE[1]})
    assert violations(page) == []
    assert num_too_small(page, "button, input") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE[0]

    # Any time of the run is shown again, by the keyboard as well, though the server is gone.
    page.locator("#time").focus()
    page.keyboard.press("Home")
    expect(page.locator("#state")).to_have_text(re.compile("^Step 0 of"))
    expect(page.locator("#loss + figcaption")).to_have_text(re.compile("^Not measured yet"))
    page.keyboard.press("End")
    expect(page.locator("#state")).to_have_text(re.compile("^Finished"))


def test_the_pages_lead_to_each_other_and_say_how_to_train(page: Page, client: Client) -> None:
    page.goto(f"http://localhost:{client.port}/")
    page.get_by_role("link", name="Watch a network learn").click()
    expect(page.locator("#state")).to_have_text(re.compile("digits serve --train runs"))
    expect(page.locator("#train")).to_be_hidden()
    page.get_by_role("link", name="Draw a number").click()
    expect(page.locator("#pad")).to_be_visible()


BEGAN = {
    "kind": "began", "folder": "runs/1", "recipe": "fast", "dataset": "mnist", "epochs": 1,
    "steps": 100, "training_images": 600, "held_out": True, "reads_lines": False,
    "classes": ["0", "1"], "size": 1, "shown": 2, "labels": [0, 1, 0, 1, 0], "images": "AP8=",
    "filter_size": None,
}  # fmt: skip
"""A run of which two digits are shown and three more are counted."""


def open_told(page: Page, port: int, *streams: list[Any], is_training: bool = True) -> list[str]:
    """Open the page at a server that tells what the test says, and cuts these streams off.

    Returns:
        The methods of the requests to train, as they come.
    """
    methods: list[str] = []
    status = {"events": True, "on_request": True, "is_training": is_training, "message": ""}

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            methods.append("POST")
        route.fulfill(json=status)

    bodies = list(streams)

    def tell(route: Route) -> None:
        if not bodies:
            return  # nothing more is said
        told = [f"data: {json.dumps(event)}\n\n" for event in bodies.pop(0)]
        route.fulfill(content_type="text/event-stream", body="retry: 100\n\n" + "".join(told))

    page.route("**/v1/training", answer)
    page.route("**/v1/training/events", tell)
    page.goto(f"http://localhost:{port}/page/watch.html")
    return methods


def test_only_what_was_read_of_late_is_counted(page: Page, client: Client) -> None:
    points = [
        {"kind": "point", "step": 10, "read": [1, 0], "counted": [1], "from": 2},
        {"kind": "point", "step": 30, "read": [0, 1], "counted": [1], "from": 3},
        {"kind": "point", "step": 40, "read": [0, 1], "counted": [0], "from": 4},
    ]
    open_told(page, client.port, [BEGAN, *points])
    caption = page.locator("#matrix + figcaption")
    expect(caption).to_have_text(re.compile(r"^4 of 4 are read right since step 30\. Rows"))
    page.locator("#time").focus()
    page.keyboard.press("Home")
    expect(caption).to_have_text(re.compile("^0 of 3 are read right; most often wrong"))
    expect(page.locator("#loss + figcaption")).to_have_text("Not measured yet.")


def test_a_run_that_ended_with_its_server_is_said_to_be_stopped(page: Page, client: Client) -> None:
    open_told(page, client.port, [BEGAN, {"kind": "point", "step": 10}], [], is_training=False)
    expect(page.locator("#state")).to_have_text(
        "Stopped at step 10. To go on: digits train --resume runs/1 --watch"
    )
    expect(page.locator("#train")).to_be_enabled()


def test_a_button_that_is_pressed_twice_trains_once(page: Page, client: Client) -> None:
    methods = open_told(page, client.port, is_training=False)
    page.locator("#train").dblclick()
    expect(page.locator("#state")).to_have_text("Getting ready …")
    expect(page.locator("#train")).to_be_disabled()
    assert methods == ["POST"]


def test_who_comes_while_a_run_gets_ready_can_start_no_other(page: Page, client: Client) -> None:
    open_told(page, client.port)
    expect(page.locator("#state")).to_have_text("Getting ready …")
    expect(page.locator("#train")).to_be_disabled()
