"""Workers: processes that read files side by side, on one machine."""

import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import islice
from queue import LifoQueue, SimpleQueue
from signal import Signals
from threading import Lock, Thread
from time import perf_counter
from typing import IO, Any, NoReturn

import cv2

from digits.bulk.records import Record
from digits.bulk.sources import Source
from digits.children import start_child
from digits.errors import DigitsError, InvalidInput

MAX_WORKERS = 256
"""Limit on memory: most workers, each of which takes 0.2 GB."""

WINDOW = 64
"""Limit on memory: files for each worker that are being read, or read and not taken yet."""

CHUNK, CHUNK_SECONDS = 16, 0.1
"""Most files that a worker is given at once, and how long it may take to read them: to hand over
pictures of glyphs one by one would take a tenth of the time that it takes to read them."""

DEATH = OSError, EOFError, pickle.UnpicklingError
"""What is raised in place of an answer when a worker has died."""


def read_with_workers(
    read: Callable[[Source], Record], sources: Iterable[Source], *, num_workers: int
) -> Generator[Record, None, None]:
    """Read files by processes side by side.

    Args:
        read: Reads a file. Each worker gets a copy, pickled: `partial(read_source, reader)` with a
            reader of one thread, as the other cores are for the other workers.
        sources: The files, taken as they are needed.
        num_workers: Number of processes, 1 to 256. Each starts when there is something to read for
            it, and ends with the iterator, or with this process, however that ends.

    Returns:
        An iterator over a record for each file, in order. Where a worker died at a file, another
        one tries it again; the record of a file at which two of them died has this as its error.
        Close the iterator if not all of it is taken.

    Raises:
        InvalidInput: If there can't be so many workers.
        DigitsError: If a worker can't be started; the iterator raises it.
    """
    expect_workers(num_workers)
    return _read_in_order(_Pool(pickle.dumps(read), num_workers), iter(sources))


def expect_workers(num_workers: int) -> None:
    """Expect a number of workers that there can be.

    Raises:
        InvalidInput: If there can't be so many.
    """
    if not 1 <= num_workers <= MAX_WORKERS:
        raise InvalidInput(f"workers: expected 1 to {MAX_WORKERS}, found {num_workers}.")


def _read_in_order(pool: "_Pool", sources: Iterator[Source]) -> Generator[Record, None, None]:
    pending: deque[Future[list[Record]]] = deque()
    num_pending = 0
    with closing(pool):
        while True:
            while num_pending < pool.window and (chunk := list(islice(sources, pool.chunk_size))):
                pending.append(pool.submit(chunk))
                num_pending += len(chunk)
            if not pending:
                return
            records = pending.popleft().result()
            num_pending -= len(records)
            yield from records


class _Pool:
    """Workers, each with a thread that waits for it; one starts when all others are reading.

    Args:
        read: The function to read a file with, pickled.
        num_workers: Number of workers.
    """

    def __init__(self, read: bytes, num_workers: int) -> None:
        self.window = WINDOW * num_workers
        self.chunk_size = 1
        self._workers = [Worker(read) for _ in range(num_workers)]
        self._idle: LifoQueue[Worker] = LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(num_workers, "worker")

    def submit(self, chunk: list[Source]) -> Future[list[Record]]:
        """Have some files read by a worker as soon as it has nothing else to read."""
        return self._threads.submit(self._read, chunk)

    def _read(self, chunk: list[Source]) -> list[Record]:
        worker, started = self._idle.get(), perf_counter()
        try:
            return worker.read_chunk(chunk)
        finally:
            self._idle.put(worker)
            fitting = CHUNK_SECONDS * len(chunk) / (perf_counter() - started)
            self.chunk_size = max(1, min(CHUNK, int(fitting)))

    def close(self) -> None:
        """End all workers, also in the midst of reading."""
        for worker in self._workers:
            worker.end()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()


class Worker:
    """A process that reads files; when it dies, another takes its place.

    Args:
        read: The function to read a file with, pickled.
    """

    def __init__(self, read: bytes) -> None:
        self._read = read
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._has_ended = Lock(), False

    def read(self, source: Source) -> Record:
        """Read a file, as `read_chunk` does."""
        (record,) = self.read_chunk([source])
        return record

    def read_chunk(self, chunk: list[Source]) -> list[Record]:
        """Read some files; if the process dies, each of them once more, by itself.

        Raises:
            DigitsError: If no process can be started.
            CancelledError: If the worker has ended.
        """
        found = self._try(chunk)
        return found if isinstance(found, list) else [self._read_again(each) for each in chunk]

    def _read_again(self, source: Source) -> Record:
        found = self._try([source])
        if isinstance(found, list):
            return found[0]
        died_of = Signals(-found).name if found < 0 else f"exit status {found}"
        error = (
            f"The process that read it died, and so did another ({died_of}); make it smaller, or "
            "use fewer workers if memory is short."
        )
        return Record(source.name, ({"page": 1, "error": error},))

    def _try(self, chunk: list[Source]) -> list[Record] | int:
        """Give a process some files to read; gives its exit status if it dies of them."""
        process = self._process or self._start()
        try:
            records: list[Record] = _ask(process, pickle.dumps(chunk))
            return records
        except DEATH:
            return self._bury(process)

    def _start(self) -> subprocess.Popen[bytes]:
        """Start a process, and wait until it is ready; if it dies before, one more."""
        with suppress(*DEATH):
            return self._begin()
        try:
            return self._begin()
        except DEATH as error:
            raise DigitsError(
                "A process that reads pictures ended before it could begin, and so did another, "
                "perhaps for want of memory; use fewer workers."
            ) from error

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._has_ended:
                raise CancelledError
            process = self._process = start_child(__name__, "work")
        try:
            _ask(process, self._read)
        except DEATH:
            self._bury(process)
            raise
        return process

    def end(self) -> None:
        """End the process, also in the midst of reading; no other is started."""
        with self._lock:
            self._has_ended = True
            process = self._process  # whoever waits for it may leave it behind meanwhile
            if process is not None:
                process.kill()

    def close(self) -> None:
        """Close the pipes to the process, once it has ended and nobody waits for it."""
        if self._process is not None:
            self._bury(self._process)

    def _bury(self, process: subprocess.Popen[bytes]) -> int:
        """Leave nothing of a process that died, or whose answer is none; gives its status."""
        self._process = None
        with suppress(OSError), process:  # what it was sent last may not be delivered
            process.kill()
        return process.wait()


def _ask(process: subprocess.Popen[bytes], content: bytes) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(content)
    process.stdin.flush()
    return pickle.load(process.stdout)  # of a process of this program


def work() -> NoReturn:
    """Read what is sent to standard input, answer on standard output, until there is no more."""
    cv2.setNumThreads(1)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    inbox: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(inbox,), daemon=True).start()
    with _exit_afterwards():
        read = inbox.get()
        _answer(answers, True)
        while True:
            _answer(answers, [read(source) for source in inbox.get()])


def _receive(inbox: SimpleQueue[Any]) -> NoReturn:
    """Take what is sent; when nothing more can come, end the process, whatever it is reading."""
    with _exit_afterwards():
        while True:
            inbox.put(pickle.load(sys.stdin.buffer))


def _answer(answers: IO[bytes], answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()


@contextmanager
def _exit_afterwards() -> Iterator[None]:
    """End the process after this, at once, as its threads wait for each other otherwise."""
    try:
        yield
    except (EOFError, BrokenPipeError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)
