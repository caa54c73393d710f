"""Shared by all tests. pyproject.toml has shapes in signatures checked while they run."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import jaxtyping
import numpy as np
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from digits.cli import main
from digits.data import DataSet, Split, load

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Whatever the terminal or service that runs the tests says, output is plain and as wide as here.
for variable in ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
    os.environ.pop(variable, None)
os.environ["COLUMNS"] = "120"

# Tests that load the runtime by themselves do not have it told to whom.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# A shell that runs the tests in the background has Ctrl-C ignored, by all that they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast an example runs is up to the machine.
hypothesis.settings.register_profile(
    "digits", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("digits")

LONGEST_FIRST = [
    "docs/index.md",
    "tutorial",
    "reading-the-world",
    "tests/bulk/test_cluster.py",
    "tests/reading/test_composed.py",
    "tests/test_cli.py",
    "tests/reading/test_reader.py",
    "tests/server/test_page.py",
    "onnx",
    "docs/guides/scale.md",
    "docs/guides/other-tools.md",
    "docs/concepts/recipes.md",
    "your-own-network",
    "tests/server/test_page_corrections.py",
    "tests/training/test_processes.py",
    "tests/training/test_training.py",
    "tests/reading/test_numbers.py",
    "tests/test_other_sets.py",
    "tests/test_readme.py",
]
"""Groups of tests that take longest; all others come after them."""


ONNX = ("tests/test_export.py", "tests/test_inside.py", "tests/reading/test_network.py")
"""Files whose tests share the networks of `tests/exported.py`."""


APART = re.compile(r"::(.+?)::")
"""The name of a group in that of a test's parameters."""


def group_of(nodeid: str) -> str:
    """Name the group of a test: its tests run in one process, and share what fixtures made.

    It is what stands between `::` in the name of the test's parameters, or else the file.
    """
    file, _, test = nodeid.partition("::")
    apart = APART.search(test)
    return apart[1] if apart else "onnx" if file in ONNX else file


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives whole groups to the processes of pytest-xdist, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the groups that take longest where they run side by side: all end together."""

    def place(item: pytest.Item) -> int:
        name = group_of(item.nodeid)
        return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)

    if hasattr(config, "workerinput"):  # one of pytest-xdist's workers
        items.sort(key=place)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A browser for the tests of a module; only these import what drives it."""
    from playwright.sync_api import expect, sync_playwright

    from tests.server.browser import CHROMIUM, FLAGS

    assert CHROMIUM, "expected Chromium on the path, found none"
    expect.set_options(timeout=20_000)  # how soon a page shows something depends on the machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Let wrong types through to the code under test, where signatures are checked in tests."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], unchecked: None
) -> Callable[..., tuple[int, str, str]]:
    """The command, in this process, as starting others takes long: status, output, errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["digits", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, *capfd.readouterr()

    return run


def blobs(n: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ten easily told pictures: a bright square at a place that depends on the label, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 10
    images = torch.randint(0, 40, (n, 28, 28), dtype=torch.uint8, generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 4)
        image[4 + row * 8 : 9 + row * 8, 2 + column * 6 : 7 + column * 6] += 200
    return images, labels


@pytest.fixture(scope="session")
def blob_set() -> DataSet:
    """A set of 600 training and 100 test pictures that a network learns in two epochs."""
    train, test = blobs(600), blobs(100, seed=1)
    return DataSet(
        name="mnist",
        train=Split("train", *train),
        test=Split("test", *test),
        source="made by the tests",
    )


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with 3,000 of MNIST's training images, and all of its test images."""
    path, mnist = tmp_path_factory.mktemp("few") / "few.npz", load("mnist")
    np.savez(
        path,
        x_train=mnist.train.images[:3000].numpy(), y_train=mnist.train.labels[:3000].numpy(),
        x_test=mnist.test.images.numpy(), y_test=mnist.test.labels.numpy(),
    )  # fmt: skip
    return path


@pytest.fixture
def with_blobs(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> DataSet:
    """Training takes the small set for MNIST."""
    monkeypatch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
    return blob_set


@pytest.fixture
def export_with_blobs(monkeypatch: pytest.MonkeyPatch, blob_set: DataSet) -> None:
    """Exporting compares on the small set, with which the run was trained."""
    monkeypatch.setattr("digits.export.load_set", lambda recipe, **_: blob_set)
