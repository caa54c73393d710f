"""Worker threads: blocking work runs beside the event loop, within a deadline."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from digits.server import limits
from digits.server.problems import Overloaded

Result = TypeVar("Result")


async def finish_in_time(result: asyncio.Future[Result]) -> Result:
    """Wait for a result, but not past `limits.READING_SECONDS`.

    Raises:
        Overloaded: If it takes longer; then the result is cancelled.
    """
    try:
        async with asyncio.timeout(limits.READING_SECONDS):
            return await result
    except TimeoutError as error:
        raise Overloaded(f"Reading took longer than {limits.READING_SECONDS:g} seconds") from error


class Workers:
    """A pool of threads.

    Args:
        num_threads: Number of tasks that run at once; others are queued.
        name: Prefix of the threads' names.
    """

    def __init__(self, num_threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(num_threads, name)

    def submit(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Queue a task; the event loop goes on meanwhile."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def run(self, work: Callable[[Callable[[], bool]], Result]) -> Result:
        """Run a task within the deadline.

        Args:
            work: Takes a function that tells whether it is given up; then it is to stop.

        Raises:
            Overloaded: If its time in the queue and in a thread exceeds `limits.READING_SECONDS`.
        """
        is_over, waiting = threading.Event(), [work]
        try:
            return await finish_in_time(self.submit(lambda: waiting.pop()(is_over.is_set)))
        finally:  # also when nobody waits any more, or the server ends
            is_over.set()
            waiting.clear()  # what is cancelled stays in the queue, but without its picture

    def close(self) -> None:
        """Cancel queued tasks; each thread ends with the task that it runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
