"""HTTP connections whose heads are limited in bytes and time, which the application can't do."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.server import limits
from digits.server.problems import problem


class Connection(HttpToolsProtocol):
    """A connection that is ended when what comes before a request's body is too much or too slow.

    And one that tells what is no HTTP in the form of all other errors.
    """

    _is_in_head = False
    _num_head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to a head."""
        if self._is_in_head:
            self._num_head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._num_head_bytes > limits.MAX_HEAD_BYTES:
            detail = (
                f"Expected at most {limits.MAX_HEAD_BYTES:,} bytes before the body, found more."
            )
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        super().on_message_complete()
        self._expect_head()

    def send_400_response(self, msg: str) -> None:
        """Tell what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _expect_head(self) -> None:
        self._stop_waiting()
        self._is_in_head, self._num_head_bytes = True, 0
        self._timer = self.loop.call_later(limits.UPLOAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        self._is_in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._is_answering:
            self._expect_head()
        elif self._num_head_bytes:
            detail = f"Expected the whole request within {limits.UPLOAD_SECONDS:g} seconds."
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        else:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self._stop_waiting()
        if not self._is_answering and not self.transport.is_closing():
            answer = problem(status, detail, {"Connection": "close"})
            head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
            head += [name + b": " + value for name, value in answer.raw_headers]
            self.transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
        self.transport.close()
