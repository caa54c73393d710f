"""Admission control: how many requests, and how many bytes of them, the server holds at once.

A request past either limit is refused right away, with 503 and Retry-After, rather than queued: the
client learns of the overload while waiting would still be short.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from digits.server import limits
from digits.server.problems import Overloaded

Reserve = Callable[[int], None]
"""Counts so many more bytes as held by a request; raises `Overloaded` if they are too many."""


class AdmissionControl:
    """Admits requests up to `limits.MAX_REQUESTS` and `limits.MAX_BYTES_AT_ONCE`.

    It belongs to the event loop's thread, and so needs no lock.
    """

    def __init__(self) -> None:
        self._num_requests = 0
        self._num_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether one more request would be refused."""
        return self._num_requests >= limits.MAX_REQUESTS

    @contextmanager
    def admit(self) -> Iterator[Reserve]:
        """Count a request as held until the block ends, with all bytes that it reserves.

        Yields:
            The function by which the request reserves memory before it keeps bytes.

        Raises:
            Overloaded: If the server holds as many requests as it may.
        """
        if self.is_full:
            raise Overloaded(f"{limits.MAX_REQUESTS} requests are in progress")
        num_reserved = 0

        def reserve(num_bytes: int) -> None:
            nonlocal num_reserved
            if self._num_bytes + num_bytes > limits.MAX_BYTES_AT_ONCE:
                raise Overloaded("Too many large pictures are in progress")
            num_reserved += num_bytes
            self._num_bytes += num_bytes

        self._num_requests += 1
        try:
            yield reserve
        finally:
            self._num_requests -= 1
            self._num_bytes -= num_reserved
