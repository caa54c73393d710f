"""HTTP connections that are limited in bytes and time where the application can't see to it."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.server import limits
from digits.server.problems import problem


class Connection(HttpToolsProtocol):
    """A connection that ends when a request, or the taking of its answer, is too slow.

    Heads, and what may follow a body, are limited in bytes; bodies are by who takes them. What is
    no HTTP is told in the form of all other errors.
    """

    _num_bytes = 0
    """Since the last piece of a body."""
    _receiving: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to no body."""
        self._num_bytes += len(data)
        super().data_received(data)
        if self._num_bytes > limits.MAX_HEAD_BYTES:
            detail = (
                f"Expected at most {limits.MAX_HEAD_BYTES:,} bytes before the body, found more."
            )
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of a body on."""
        self._num_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        super().on_message_complete()
        self._expect_request()

    def pause_writing(self) -> None:
        """Wait for the client to take its answer, but not for ever."""
        super().pause_writing()
        self._sending = self.loop.call_later(limits.UPLOAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Tell what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _expect_request(self) -> None:
        self._stop_waiting()
        self._num_bytes = 0
        self._receiving = self.loop.call_later(limits.UPLOAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _give_up(self) -> None:
        if self._is_answering:  # for which there are other limits
            self._receiving = self.loop.call_later(limits.UPLOAD_SECONDS, self._give_up)
        elif self._num_bytes:
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
