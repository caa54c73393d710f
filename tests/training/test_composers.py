"""Composers: processes that compose what this one would, and end when they are to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from digits.data import Split
from digits.errors import DigitsError
from digits.recipe import load_recipe
from digits.training.composition import Composers, LineBatch, Order, Writers, compose_batches
from digits.training.tasks.lines import LineTask
from tests.training.drawn_digits import draw_digits

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="looks at processes where Linux shows them"
)

ORDERS = [Order([5, 3], (seed,)) for seed in range(6)]


@pytest.fixture(scope="module")
def writers() -> Writers:
    return Writers(*draw_digits(60), seed=0)


def is_same(found: list[LineBatch], expected: list[LineBatch]) -> bool:
    return len(found) == len(expected) and all(
        np.array_equal(one.images, other.images)
        and (one.symbols, one.boxes) == (other.symbols, other.boxes)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("num_processes", [0, 2])
def test_batches_are_the_same_whoever_composes_them(writers: Writers, num_processes: int) -> None:
    composers = Composers(writers, num_processes)
    num_ahead = composers.num_ahead
    for place, order in enumerate(ORDERS):
        found = composers.compose(order, ORDERS[place + 1 : place + 1 + num_ahead])
        assert is_same(found, compose_batches(writers, *order))


def test_what_was_begun_in_vain_is_left_aside(writers: Writers) -> None:
    composers = Composers(writers, 1)
    composers.compose(ORDERS[0], ORDERS[1:4])
    assert is_same(composers.compose(ORDERS[3]), compose_batches(writers, *ORDERS[3]))
    assert is_same(composers.compose(ORDERS[1]), compose_batches(writers, *ORDERS[1]))


@needs_proc
def test_a_process_that_was_killed_is_an_error_with_a_way_out(
    writers: Writers, started: Callable[[Composers], list[int]]
) -> None:
    composers = Composers(writers, 1)
    (pid,) = started(composers)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(DigitsError, match=r"was killed, .* resume the run"):
        composers.compose(ORDERS[1])


@needs_proc
def test_processes_end_with_their_composers(
    writers: Writers, started: Callable[[Composers], list[int]]
) -> None:
    composers = Composers(writers, 2)
    pids = started(composers)
    composers.compose(ORDERS[1], ORDERS[2:5])  # they are composing
    del composers
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def started() -> Callable[[Composers], list[int]]:
    """Start the processes of composers; gives their numbers."""

    def start(composers: Composers) -> list[int]:
        before = children()
        composers.compose(ORDERS[0])
        return sorted(children() - before)

    return start


def children() -> set[int]:
    """The processes that this one started."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for path in found for pid in path.read_text().split()}


PARENT = """
from digits.training.composition import Composers, Order, Writers
from tests.training.drawn_digits import draw_digits
composers = Composers(Writers(*draw_digits(60), seed=0), 1)
composers.compose(Order([5, 3], (0,)), [Order([500], (1,))])
(process,) = composers._processes
print(process.pid, flush=True)
input()
"""


@needs_proc
def test_processes_end_with_the_one_that_trains_even_if_it_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("device", "num_threads", "num_processes"), [("cpu", 1, 0), ("cpu", 2, 1), ("cuda", 16, 15)]
)
def test_as_many_processes_compose_as_training_can_use(
    monkeypatch: pytest.MonkeyPatch, device: str, num_threads: int, num_processes: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: num_threads)
    split = Split("train", *draw_digits(60))
    task = LineTask(load_recipe("lines"), split, None, torch.device(device))
    assert task._composers.num_ahead == 2 * num_processes
