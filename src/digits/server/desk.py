"""Reading beside the event loop: pictures in threads, glyphs that arrive together as one batch."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8

from digits.reading.network import Layer
from digits.reading.reader import Reader
from digits.reading.results import Digit, Reading
from digits.server import limits
from digits.server.problems import Refusal

Result = TypeVar("Result")


class _Waiting(NamedTuple):
    """Glyphs to be read."""

    glyphs: UInt8[np.ndarray, "n 28 28"]
    answer: asyncio.Future[list[Digit]]


class Desk:
    """Takes requests up to a number, has them read, and keeps the event loop free meanwhile.

    Args:
        reader: That reads.
        on_batch: Told how many glyphs are read together.
    """

    def __init__(self, reader: Reader, on_batch: Callable[[int], object]) -> None:
        self._reader = reader
        self._on_batch = on_batch
        self._layers = reader.network.open_layers()
        self._pictures = ThreadPoolExecutor(limits.NUM_READERS, "pictures")
        # One thread, as a batch uses what there is to use; while it reads, the next one gathers.
        self._glyphs = ThreadPoolExecutor(1, "glyphs")
        self._waiting: deque[_Waiting] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._num_requests = 0
        self._num_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether one more request would be refused."""
        return self._num_requests >= limits.MAX_REQUESTS

    @contextmanager
    def place(self) -> Iterator[Callable[[int], None]]:
        """A place for one request; gives a function to be told of each byte that it holds.

        Raises:
            Refusal: 503, if there is none.
        """
        if self.is_full:
            raise _busy(f"{limits.MAX_REQUESTS} requests are being read")
        held = 0

        def hold(num_bytes: int) -> None:
            nonlocal held
            if self._num_bytes + num_bytes > limits.MAX_BYTES_AT_ONCE:
                raise _busy("Too many large pictures are being read")
            held += num_bytes
            self._num_bytes += num_bytes

        self._num_requests += 1
        try:
            yield hold
        finally:
            self._num_requests -= 1
            self._num_bytes -= held

    async def read(self, picture: bytes) -> Reading:
        """Read a picture.

        Raises:
            InvalidInput: If it is none.
            Refusal: 503, if it takes too long.
        """
        return await self._in_time(self._in(self._pictures, lambda: self._reader.read(picture)))

    async def layers(self, glyph: UInt8[np.ndarray, "28 28"]) -> list[Layer]:
        """What each layer of the network makes of a glyph."""
        return await self._in_time(self._in(self._pictures, lambda: self._layers.of(glyph)))

    async def classify(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> list[Digit]:
        """Read glyphs, with all others that wait to be read.

        Raises:
            Refusal: 503, if it takes too long.
        """
        answer: asyncio.Future[list[Digit]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(glyphs, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_batches())
        return await self._in_time(answer)

    def close(self) -> None:
        """End the threads, when they have read what they read."""
        for threads in (self._pictures, self._glyphs):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _read_batches(self) -> None:
        while batch := self._next_batch():
            try:
                stack = np.concatenate([glyphs for glyphs, _ in batch])
                self._on_batch(len(stack))
                digits = await self._in(self._glyphs, lambda: self._reader.classify(stack))  # noqa: B023
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            first = 0
            for glyphs, answer in batch:
                if not answer.done():
                    answer.set_result(digits[first : first + len(glyphs)])
                first += len(glyphs)

    def _next_batch(self) -> list[_Waiting]:
        """Those that have waited longest: all together might be too many for the memory."""
        batch: list[_Waiting] = []
        num_glyphs = 0
        while self._waiting and num_glyphs + len(self._waiting[0].glyphs) <= limits.MAX_GLYPHS:
            first = self._waiting.popleft()
            if not first.answer.done():  # else it was given up
                batch.append(first)
                num_glyphs += len(first.glyphs)
        return batch

    @staticmethod
    def _in(threads: ThreadPoolExecutor, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(threads, work)

    @staticmethod
    async def _in_time(answer: asyncio.Future[Result]) -> Result:
        try:
            async with asyncio.timeout(limits.READING_SECONDS):
                return await answer
        except TimeoutError as error:
            raise _busy(f"It took longer than {limits.READING_SECONDS:g} seconds") from error


def _busy(reason: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}; ask again in a while.")
