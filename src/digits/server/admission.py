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
    """Admits requests up to `limits.MAX_REQUESTS`, and holds `limits.MAX_BYTES_AT_ONCE` of them.

    Requests take a place when all of their body is there: until then they cost little, and up to
    `limits.MAX_ARRIVING` may be on their way, however slow. It belongs to the event loop's thread,
    and so needs no lock.
    """

    def __init__(self) -> None:
        self._num_arriving = 0
        self._num_requests = 0
        self._num_bytes = 0

    def expect_room(self) -> None:
        """Refuse a request, of whatever size it may be, that would not be admitted now.

        Raises:
            Overloaded: If the server holds as many requests as it may, as many arrive, or there is
                no room for the bytes of the largest.
        """
        self._expect_place()
        self._expect_bytes(limits.MAX_BODY_BYTES)

    def _expect_place(self) -> None:
        self._expect_reading()
        if self._num_arriving >= limits.MAX_ARRIVING:
            raise Overloaded(f"{limits.MAX_ARRIVING} requests are arriving")

    def _expect_reading(self) -> None:
        if self._num_requests >= limits.MAX_REQUESTS:
            raise Overloaded(f"{limits.MAX_REQUESTS} requests are in progress")

    def _expect_bytes(self, num_bytes: int) -> None:
        if self._num_bytes + num_bytes > limits.MAX_BYTES_AT_ONCE:
            raise Overloaded("Too many large pictures are in progress")

    @contextmanager
    def receive(self) -> Iterator["Place"]:
        """Count a request as held until the block ends, with all bytes that it reserves.

        Yields:
            Its place among those that arrive; once its body is there, the request is to be
            admitted.

        Raises:
            Overloaded: If the server holds as many requests as it may, or as many arrive.
        """
        self._expect_place()
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()


class Place:
    """A request's place: among those that arrive, and then among those that are in progress."""

    def __init__(self, control: AdmissionControl) -> None:
        self._control = control
        self._is_admitted = False
        self._num_bytes = 0
        control._num_arriving += 1

    def reserve(self, num_bytes: int) -> None:
        """Count so many more bytes as held.

        Raises:
            Overloaded: If they are too many.
        """
        self._control._expect_bytes(num_bytes)
        self._num_bytes += num_bytes
        self._control._num_bytes += num_bytes

    def admit(self) -> None:
        """Go from those that arrive to those that are in progress.

        Raises:
            Overloaded: If the server holds as many requests as it may.
        """
        self._control._expect_reading()
        self._control._num_arriving -= 1
        self._control._num_requests += 1
        self._is_admitted = True

    def leave(self) -> None:
        """Give the place, and all bytes, back."""
        self._control._num_bytes -= self._num_bytes
        if self._is_admitted:
            self._control._num_requests -= 1
        else:
            self._control._num_arriving -= 1
