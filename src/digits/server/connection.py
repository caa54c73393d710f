"""HTTP connections with limits on heads, on slow clients (slowloris) and on pipelining.

uvicorn limits neither the size of a request's head, nor the time in which a request must arrive or
its response be taken, nor how many requests wait on a connection, and no application sees a request
before its head is complete. So its `HttpToolsProtocol` is subclassed, though it is private: it has
no hooks for this, and a protocol written anew would have to repeat all of it. Hence pyproject.toml
caps uvicorn's version, and tests/server/test_connection.py checks that the class still has what is
relied on:

- it calls asyncio's `connection_made`, `connection_lost`, `data_received`, `pause_writing` and
  `resume_writing`, httptools' `on_message_begin`, `on_headers_complete`, `on_body` and
  `on_message_complete`, and `send_400_response` for what is not HTTP, and when one of these raises
  an error;
- it keeps `loop`, `transport`, `headers`: those of the latest request, with names in lower case,
  `pipeline`: requests that wait for their turn, and `cycle`: None, or the latest request, with
  `more_body`, `response_started`, `response_complete` and `disconnected`, after which nothing of it
  is written, and `message_event`, which wakes it.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.server import limits
from digits.server.problems import problem_response

CHUNKED_PART_BYTES = 4096
"""Number of bytes of a chunked body that are parsed at once. Where it ends shows only afterwards:
so many bytes of its trailer, or of the head behind it, may not be counted."""


class TooManyRequestsError(Exception):
    """More requests than may wait were sent on a connection before it was answered."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection that is closed when a request, or the taking of its response, is too slow.

    So is one on which too many requests wait. Heads and trailers are limited in bytes here, bodies
    where they are received. Requests that are not HTTP are answered with problem details, too.
    """

    _num_head_bytes = 0
    """Number of bytes received since the last part of a body: of a head, or of a trailer."""
    _num_body_bytes = 0
    """Number of bytes of the body that are still to come, if its head has told."""
    _is_chunked = False
    """Whether a body comes whose head has not told its size."""
    _receive_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None
    _unanswered: frozenset[Any] = frozenset()
    """The request that is being answered, and those that wait for their turn."""

    def connection_made(self, transport: Any) -> None:
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._start_receive_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, and what would still be written."""
        # uvicorn tells the latest request alone, though an earlier one is being answered.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        self._stop_receive_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and count those outside of bodies.

        One read may hold the end of a body, and several heads. So heads are parsed by the line, and
        of a body what is there of it at once.
        """
        start = 0
        while start < len(data) and not self.transport.is_closing():
            end = self._end_of_part(data, start)
            if self._num_body_bytes:
                self._num_body_bytes -= end - start
            else:
                self._num_head_bytes += end - start
                if self._num_head_bytes > limits.MAX_HEAD_BYTES:
                    self._refuse_head()
                    return
            super().data_received(data[start:end])
            start = end

    def _end_of_part(self, data: bytes, start: int) -> int:
        """Find the end of a line of a head, or of what is there of a body."""
        if self._num_body_bytes:
            return min(len(data), start + self._num_body_bytes)
        if self._is_chunked:
            return min(len(data), start + CHUNKED_PART_BYTES)
        return data.find(b"\n", start) + 1 or len(data)

    def on_message_begin(self) -> None:
        """Begin a request, if not too many of the connection wait already.

        One read holds thousands of small requests, of which each takes a kilobyte while it waits.

        Raises:
            TooManyRequestsError: If so; the parser stops there, and the connection is closed.
        """
        if len(self.pipeline) >= limits.MAX_PIPELINED:
            raise TooManyRequestsError
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer a request, or let it wait for its turn.

        Raises:
            ValueError: If the size of its body has thousands of digits, all of them zeros but a
                few, as Python reads no such number; the connection is closed.
        """
        self._num_body_bytes = int(dict(self.headers).get(b"content-length", 0))
        self._is_chunked = not self._num_body_bytes
        super().on_headers_complete()
        found = {*self._unanswered, self.cycle}
        self._unanswered = frozenset(cycle for cycle in found if not cycle.response_complete)

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a body; a trailer is counted from here."""
        self._num_head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Start the timer of the next request."""
        super().on_message_complete()
        self._num_body_bytes, self._is_chunked = 0, False
        self._start_receive_timer()

    def pause_writing(self) -> None:
        """Start the timer of a client that does not take its response."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(limits.UPLOAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timer."""
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with problem details."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse_head(self) -> None:
        detail = f"Expected at most {limits.MAX_HEAD_BYTES:,} bytes before the body, found more."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _start_receive_timer(self) -> None:
        self._stop_receive_timer()
        self._num_head_bytes = 0
        self._receive_timer = self.loop.call_later(limits.UPLOAD_SECONDS, self._end_slow_request)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    def _end_slow_request(self) -> None:
        if self._is_responding:  # other limits end that
            self._receive_timer = self.loop.call_later(
                limits.UPLOAD_SECONDS, self._end_slow_request
            )
        elif self._num_head_bytes:
            detail = f"Expected the whole request within {limits.UPLOAD_SECONDS:g} seconds."
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        else:
            self.transport.close()

    @property
    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_next_to_answer(self) -> bool:
        """Whether the next response is that of the request that is arriving, and is not begun."""
        if not self._is_responding:
            return True
        is_arriving = bool(self.cycle.more_body) and not self.pipeline
        return is_arriving and not self.cycle.response_started

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self._stop_receive_timer()
        if self._is_next_to_answer and not self.transport.is_closing():
            response = problem_response(status, detail, {"Connection": "close"})
            head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
            head += [name + b": " + value for name, value in response.raw_headers]
            self.transport.write(b"\r\n".join([*head, b"", bytes(response.body)]))
        self.transport.close()
