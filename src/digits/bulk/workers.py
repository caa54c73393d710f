"""Workers: processes that read files side by side, on one machine."""

import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from queue import LifoQueue, SimpleQueue
from signal import Signals
from threading import Lock, Thread
from typing import IO, Any, NoReturn

import cv2

from digits.bulk.records import Record
from digits.bulk.sources import Source
from digits.errors import DigitsError, InvalidInput

MAX_WORKERS = 256
"""Limit on memory: most workers, each of which takes 0.2 GB."""

WINDOW = 8
"""Limit on memory: files for each worker that are being read, or read and not taken yet."""

NUM_TRIES = 2
"""Times that a file is tried, when its worker dies."""

# Ctrl-C is for the process that reads by workers. Nothing is imported from the current folder.
START = [
    *(sys.executable, "-P", "-c"),
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    f"from {__name__} import work; work()",
]
"""The command of a worker."""


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
    if not 1 <= num_workers <= MAX_WORKERS:
        raise InvalidInput(f"workers: expected 1 to {MAX_WORKERS}, found {num_workers}.")
    return _read_in_order(pickle.dumps(read), iter(sources), num_workers)


def _read_in_order(
    read: bytes, sources: Iterator[Source], num_workers: int
) -> Generator[Record, None, None]:
    workers = [Worker(read) for _ in range(num_workers)]
    idle: LifoQueue[Worker] = LifoQueue()
    for worker in workers:
        idle.put(worker)

    def read_one(source: Source) -> Record:
        worker = idle.get()
        try:
            return worker.read(source)
        finally:
            idle.put(worker)

    # A thread waits for each worker; it is started when all others are waiting.
    threads = ThreadPoolExecutor(num_workers, "worker")
    pending: deque[Future[Record]] = deque()
    try:
        while True:
            room = WINDOW * num_workers - len(pending)
            pending.extend(threads.submit(read_one, source) for source in islice(sources, room))
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        for worker in workers:
            worker.end()
        threads.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()


class Worker:
    """A process that reads files, one at a time; another takes its place when it dies.

    Args:
        read: The function to read a file with, pickled.
    """

    def __init__(self, read: bytes) -> None:
        self._read = read
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._has_ended = Lock(), False

    def read(self, source: Source) -> Record:
        """Read a file.

        Raises:
            DigitsError: If no process can be started.
            CancelledError: If the worker has ended.
        """
        status = 0
        for _ in range(NUM_TRIES):
            process = self._process or self._start()
            try:
                record: Record = _ask(process, pickle.dumps(source))
                return record
            except (OSError, EOFError, pickle.UnpicklingError):
                status = self._bury(process)
        return Record(source.name, ({"page": 1, "error": _reason(status)},))

    def _start(self) -> subprocess.Popen[bytes]:
        """Start a process, and wait until it is ready."""
        with self._lock:
            if self._has_ended:
                raise CancelledError
            process = self._process = subprocess.Popen(
                START,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(_search_path())},
                start_new_session=True,
            )
        try:
            _ask(process, self._read)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._bury(process)
            raise DigitsError(
                "A process that reads pictures ended before it could begin, perhaps for want of "
                "memory; use fewer workers."
            ) from error
        return process

    def end(self) -> None:
        """End the process, also in the midst of reading; no other is started."""
        with self._lock:
            self._has_ended = True
            if self._process is not None:
                self._process.kill()

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


def _search_path() -> list[str]:
    """Folders to import from: those of this process, of which an empty name is the current one."""
    return [str(Path(folder).absolute()) for folder in sys.path]


def _ask(process: subprocess.Popen[bytes], content: bytes) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(content)
    process.stdin.flush()
    return pickle.load(process.stdout)  # of a process of this program


def _reason(status: int) -> str:
    """Say why a file has no reading whose workers died, the last with this status."""
    died_of = Signals(-status).name if status < 0 else f"exit status {status}"
    return (
        f"The process that read it died, and so did another ({died_of}); make it smaller, or use "
        "fewer workers if memory is short."
    )


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
            _answer(answers, read(inbox.get()))


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
