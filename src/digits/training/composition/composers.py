"""Composers: processes that compose batches while the network trains on those before."""

import os
import pickle
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

import cv2

from digits.children import start_child
from digits.errors import DigitsError
from digits.training.composition.batches import LineBatch, compose_batches
from digits.training.composition.writers import Writers


class Order(NamedTuple):
    """Batches to compose: what `compose_batches` takes, apart from the writers."""

    sizes: Sequence[int]
    seed: tuple[int, ...]


class Composers:
    """Processes that compose batches ahead; without any, batches are composed when asked for.

    What they compose is decided by the orders alone. They start with the first order, and end with
    this object, or with the process that made it, however that ends.

    Args:
        writers: Digits to compose the lines of.
        num_processes: Number of processes; with 0, this one composes.
    """

    def __init__(self, writers: Writers, num_processes: int) -> None:
        self._writers, self._num_processes = writers, num_processes
        self._processes: deque[subprocess.Popen[bytes]] = deque()
        self._placed: deque[tuple[Order, subprocess.Popen[bytes]]] = deque()

    @property
    def num_ahead(self) -> int:
        """Number of orders that it pays to place ahead: two for each process."""
        return 2 * self._num_processes

    def compose(self, order: Order, ahead: Sequence[Order] = ()) -> list[LineBatch]:
        """Compose the batches of an order, and begin with those that will be asked for next.

        Args:
            order: What is asked for now.
            ahead: What will be asked for afterwards, in this order.

        Raises:
            DigitsError: If a process was killed.
        """
        if not self._num_processes:
            return compose_batches(self._writers, *order)
        try:
            if not self._processes:
                self._start()
            while self._placed and self._placed[0][0] != order:
                self._take()  # what was asked for in vain
            known = [placed for placed, _ in self._placed]
            for wanted in (order, *ahead):
                if wanted not in known:
                    self._place(wanted)
            return self._take()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise DigitsError(
                "A process that composes lines was killed, perhaps for want of memory; resume the "
                "run, with fewer threads (OMP_NUM_THREADS=1) if it happens again."
            ) from error

    def _start(self) -> None:
        """Start the processes, and give them the digits."""
        for _ in range(self._num_processes):
            self._processes.append(start_child(__name__, "work"))
        weakref.finalize(self, _end, tuple(self._processes))
        digits = pickle.dumps(self._writers)
        for process in self._processes:
            _send(process, digits)

    def _place(self, order: Order) -> None:
        """Give an order to the process whose turn it is."""
        process = self._processes[0]
        self._processes.rotate(-1)
        _send(process, pickle.dumps(order))
        self._placed.append((order, process))

    def _take(self) -> list[LineBatch]:
        """Take the batches of the order that was placed first."""
        _, process = self._placed.popleft()
        assert process.stdout is not None
        batches: list[LineBatch] = pickle.load(process.stdout)  # of a process of this program
        return batches


def _send(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.flush()


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes: they stop where there is nothing to read, or nobody to write to."""
    for process in processes:
        for pipe in (process.stdout, process.stdin):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
    for process in processes:
        process.wait()


def work() -> NoReturn:
    """Compose what is ordered on standard input, onto standard output, until there is no more."""
    cv2.setNumThreads(1)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, OSError):
        writers = pickle.load(source)
        while True:
            order = pickle.load(source)
            pickle.dump(compose_batches(writers, *order), sink)
            sink.flush()
    os._exit(0)  # the interpreter would complain of a pipe that nobody reads
