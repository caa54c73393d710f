"""Server-sent events: what a run tells in its file of events, to all who listen.

Each listener reads the file by itself, from its own place on, so that all get the same events in
the same order. An event's id says where the next one begins: who was cut off and comes again with
the last id (the header Last-Event-ID, which browsers send by themselves) goes on there.

Source: HTML Living Standard, 9.2, Server-sent events.
"""

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from digits.events import is_at_line, read_lines
from digits.server import limits
from digits.server.problems import Overloaded, RequestRefused

POLL_SECONDS = 0.2
"""Time after which the file is looked at again."""

HEARTBEAT_SECONDS = 15.0
"""Time after which something is sent in any case, so that no proxy takes the stream for dead."""


class Source:
    """A run's file of events.

    Args:
        path: The file; it may be made later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def place_after(self, last_id: str) -> int:
        """Find the place in the file that an id stands for; the beginning, if it is of another."""
        run, _, offset = last_id.partition("-")
        if not run or run != self._run() or not offset.isascii() or not offset.isdecimal():
            return 0
        found = int(offset) if len(offset) < 16 else 0
        return found if is_at_line(self.path, found) else 0

    def read(self, offset: int) -> tuple[list[bytes], int]:
        """Read what follows a place, as messages, and where it ends."""
        lines, messages, run = read_lines(self.path, offset), [], self._run()
        for line in lines:
            offset += len(line)
            messages.append(b"id: %s-%d\ndata: %s\n" % (run.encode(), offset, line))
        return messages, offset

    def _run(self) -> str:
        """What the run is known by, of its first event; empty while nothing is told of it."""
        if not hasattr(self, "_known"):
            lines = read_lines(self.path, 0)
            if not lines:
                return ""
            self._known = f"{zlib.crc32(lines[0]):08x}"
        return self._known


class EventStreams:
    """All streams of events of a server. It belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._outcome: str | None = None  # why there are no more events, if there are none
        self._num_open = 0
        self._is_closed = False

    def follow(self, path: Path) -> None:
        """Have all listeners get the events of a run, from its first one on.

        Args:
            path: Its file of events.
        """
        self._source, self._outcome = Source(path), None

    def end(self, outcome: str = "") -> None:
        """Tell all listeners, once they have every event, that no more will come.

        Args:
            outcome: Why, in one line; empty if there is nothing to say. The first one stays.
        """
        if self._outcome is None:
            self._outcome = outcome

    def close(self) -> None:
        """End all streams, once their listeners have every event that there is."""
        self._is_closed = True

    def open(self, last_id: str) -> "EventStream":
        """Open a stream.

        Args:
            last_id: Id of the last event that its listener has; empty if it has none.

        Raises:
            Overloaded: If there are as many as there may be.
        """
        if self._num_open >= limits.MAX_STREAMS:
            raise Overloaded(f"{limits.MAX_STREAMS} windows are watching")
        if self._is_closed:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "The server is shutting down.")
        self._num_open += 1
        return EventStream(self, last_id)

    def leave(self) -> None:
        """Give back the place of a stream that ended."""
        self._num_open -= 1

    async def messages(self, last_id: str) -> AsyncIterator[bytes]:
        """Give the messages of a stream, as they come."""
        source, offset, is_told = self._source, 0, False
        if source is not None:
            offset = source.place_after(last_id)
        yield b"retry: 1000\n\n"  # milliseconds until a browser that is cut off comes again
        heard = time.monotonic()
        while True:
            if source is not self._source:
                source, offset, is_told = self._source, 0, False
            is_closing = self._is_closed  # before reading: what was written until then is sent
            outcome = self._outcome
            found: list[bytes] = []
            if source is not None:
                found, offset = source.read(offset)
            for message in found:
                yield message + b"\n"
            if not found and outcome is not None and not is_told:
                is_told = True
                yield b"event: ended\ndata: %s\n\n" % json.dumps({"message": outcome}).encode()
            elif not found and is_closing:
                return
            elif not found:
                await asyncio.sleep(POLL_SECONDS)
                if time.monotonic() - heard < HEARTBEAT_SECONDS:
                    continue
                yield b": nothing new\n\n"
            heard = time.monotonic()


class EventStream(StreamingResponse):
    """The response to one listener.

    Args:
        streams: The streams that it is one of.
        last_id: Id of the last event that the listener has.
    """

    media_type = "text/event-stream"

    def __init__(self, streams: EventStreams, last_id: str) -> None:
        super().__init__(streams.messages(last_id), headers={"X-Accel-Buffering": "no"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the listener is gone, or the streams are closed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.leave()
