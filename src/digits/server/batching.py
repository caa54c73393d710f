"""Micro-batching: glyphs that arrive while others are classified become the next batch.

No request waits for a batch to fill: an idle server classifies it at once, and batches grow with
the load by themselves. The network classifies a batch in far less time than its glyphs one by one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from digits.reading.results import Digit
from digits.server import limits
from digits.server.workers import Workers, finish_in_time

Classify = Callable[[UInt8[np.ndarray, "n 28 28"]], list[Digit]]


class _Queued(NamedTuple):
    """Glyphs of one request, and where its digits go."""

    glyphs: UInt8[np.ndarray, "n 28 28"]
    digits: asyncio.Future[list[Digit]]


class MicroBatcher:
    """Classifies the glyphs of many requests together.

    Args:
        classify: Classifies a batch; runs in a thread.
        on_batch: Called with the number of glyphs of each batch.
    """

    def __init__(self, classify: Classify, on_batch: Callable[[int], object]) -> None:
        self._classify = classify
        self._on_batch = on_batch
        # A single thread: the runtime spreads a batch over the cores, and the next batch gathers.
        self._worker = Workers(1, "glyphs")
        self._queue: deque[_Queued] = deque()
        self._loop: asyncio.Task[None] | None = None

    async def classify(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> list[Digit]:
        """Classify glyphs, together with all others in the queue.

        Raises:
            Overloaded: If it takes longer than `limits.READING_SECONDS`.
        """
        digits: asyncio.Future[list[Digit]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(glyphs, digits))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._classify_batches())
        return await finish_in_time(digits)

    def close(self) -> None:
        """Drop what is queued; the thread ends with its batch."""
        self._worker.close()

    async def _classify_batches(self) -> None:
        while batch := self._next_batch():
            try:
                glyphs = np.concatenate([queued.glyphs for queued in batch])
                self._on_batch(len(glyphs))
                digits = await self._worker.submit(lambda: self._classify(glyphs))  # noqa: B023
            except Exception as error:
                for queued in batch:
                    if not queued.digits.done():
                        queued.digits.set_exception(error)
                continue
            start = 0
            for queued in batch:
                end = start + len(queued.glyphs)
                if not queued.digits.done():
                    queued.digits.set_result(digits[start:end])
                start = end

    def _next_batch(self) -> list[_Queued]:
        """Take the oldest requests from the queue, up to `limits.MAX_GLYPHS` glyphs."""
        batch: list[_Queued] = []
        num_glyphs = 0
        while self._queue and num_glyphs + len(self._queue[0].glyphs) <= limits.MAX_GLYPHS:
            queued = self._queue.popleft()
            if not queued.digits.done():  # its deadline has not passed
                batch.append(queued)
                num_glyphs += len(queued.glyphs)
        return batch
