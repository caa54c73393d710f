"""Limits of a connection: on heads and trailers, on slow clients, and on what is not HTTP."""

import asyncio
import inspect
import json
import socket
import struct
from contextlib import closing, suppress
from importlib.metadata import version

import pytest
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from digits.reading.reader import Reader
from digits.server import limits
from digits.server.connection import LimitedHttpProtocol
from digits.server.process import configure
from tests.server.conftest import Client, SlowReader, exchange, serving

OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "pause_writing",
    "resume_writing",
    "on_message_begin",
    "on_url",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "send_400_response",
)


def test_uvicorn_has_the_private_parts_that_the_limits_rely_on() -> None:
    changed = (
        f"uvicorn {version('uvicorn')}: HttpToolsProtocol no longer has {{}}, on which "
        "digits.server.connection relies. Adapt that module, or cap the version in pyproject.toml."
    )
    for name in OVERRIDDEN:
        assert name in vars(LimitedHttpProtocol), name
        theirs = getattr(HttpToolsProtocol, name, None)
        assert theirs is not None, changed.format(f"the method {name}")
        ours = getattr(LimitedHttpProtocol, name)
        found, expected = (list(inspect.signature(each).parameters) for each in (theirs, ours))
        assert found == expected, changed.format(f"{name}({', '.join(expected)})")
    called = HttpToolsProtocol.data_received.__code__.co_names
    assert "feed_data" in called, changed.format("a call of the parser in data_received")
    assert "send_400_response" in called, changed.format("its call of send_400_response")

    with closing(asyncio.new_event_loop()) as loop:
        protocol = vars(HttpToolsProtocol(configure(FastAPI()), ServerState(), {}, loop))
    for name in ("loop", "transport", "pipeline", "cycle"):
        assert name in protocol, changed.format(f"the attribute {name}")
    assert protocol["cycle"] is None, changed.format("a cycle that is None before any request")
    assigned = RequestResponseCycle.__init__.__code__.co_names
    for name in (
        "more_body",
        "response_started",
        "response_complete",
        "disconnected",
        "message_event",
    ):
        assert name in assigned, changed.format(f"cycle.{name}")


def test_a_head_that_is_too_long_is_refused_while_it_arrives(client: Client) -> None:
    status, body = exchange(client.port, b"GET / HTTP/1.1\r\nX: " + b"a" * limits.MAX_HEAD_BYTES)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert (
        json.loads(body)["detail"] == "Expected at most 64,000 bytes before the body, found more."
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: aaaaaa\r\n" * 10_000 + b"\r\n",
    ],
    ids=["path", "header", "headers"],
)
@pytest.mark.parametrize("before", [b"", b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_is_too_long_is_refused_also_if_it_arrives_at_once(
    client: Client, head: bytes, before: bytes
) -> None:
    if before:  # another request on the same connection, answered first
        status, body = exchange(client.port, before + b"Content-Length: 1\r\n\r\na" + head)
        assert status in (b"HTTP/1.1 422 Unprocessable Content", b""), "its own answer, or none"
        assert b"alive" not in body
        return
    status, body = exchange(client.port, head)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"


HEAD = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: five\r\n\r\nhello",
        HEAD + b" folded\r\n\r\n",
    ],
    ids=["length", "end", "sign", "coding", "last coding", "both", "two", "word", "folded"],
)
def test_a_malformed_body_or_coding_is_answered_with_problem_details(
    client: Client, request_: bytes
) -> None:
    status, body = exchange(client.port, request_)
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["status"] == 400
    assert client.get("/healthz").status_code == 200


def test_a_malformed_request_is_not_answered_before_the_one_that_waits(client: Client) -> None:
    bad = HEAD + b"Transfer-Encoding: chunked\r\n\r\nfive\r\n"
    status, body = exchange(client.port, ALIVE + bad)
    assert not body.startswith(b'{"type"')
    assert status in (b"HTTP/1.1 200 OK", b"")


def test_several_hosts_are_refused(client: Client) -> None:
    both = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n"
    status, body = exchange(client.port, both + b"Connection: close\r\n\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["detail"] == "Expected one Host header, found 2."


def send_for_ever(connection: socket.socket) -> None:
    for _ in range(1000):
        connection.sendall(b"a" * 10_000)


def test_a_trailer_is_limited_like_a_head(client: Client) -> None:
    head = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("localhost", client.port), timeout=30) as connection:
        connection.sendall(head + b"1\r\na\r\n0\r\nX: ")
        with pytest.raises(ConnectionError):
            send_for_ever(connection)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: local", b"G", b""])
def test_a_slow_head_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.2)
    status, body = exchange(client.port, sent)
    if sent:
        assert status == b"HTTP/1.1 408 Request Timeout"
        assert "within 0.2 seconds" in json.loads(body)["detail"]
    else:
        assert (status, body) == (b"", b"")


def test_a_connection_that_stays_idle_after_a_request_is_closed_without_a_response(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.2)
    status, body = exchange(client.port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (status, body) == (b"HTTP/1.1 200 OK", b'{"status":"alive"}')


def test_what_is_not_http_is_answered_with_problem_details(client: Client) -> None:
    status, body = exchange(client.port, b"\x00\r\n\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["status"] == 400


ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_that_are_sent_without_a_wait_are_answered_one_after_the_other(
    client: Client,
) -> None:
    last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    _, responses = exchange(client.port, ALIVE * limits.MAX_PIPELINED + last)
    assert responses.count(b'{"status":"alive"}') == limits.MAX_PIPELINED
    assert responses.endswith(b'{"status":"ready"}')


@pytest.mark.parametrize("request_", [ALIVE, b"GET / HTTP/1.1\r\n\r\n"], ids=["alive", "bare"])
def test_a_client_that_sends_thousands_of_requests_and_reads_no_answer_is_hung_up_on(
    client: Client, request_: bytes
) -> None:
    """Each waited with a kilobyte of its own once, and no other client was answered meanwhile."""
    num_requests = 5000
    with socket.create_connection(("localhost", client.port), timeout=30) as connection:
        answers = b""
        with suppress(ConnectionError):  # what was not read any more is reset
            connection.sendall(request_ * num_requests)
            while chunk := connection.recv(65536):
                answers += chunk
    assert answers.count(b"HTTP/1.1 ") < num_requests / 10
    assert client.get("/healthz").status_code == 200


def test_a_client_that_is_gone_while_its_first_of_two_requests_is_answered_fails_nothing(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    slow = SlowReader(reader)
    request = b"POST /v1/glyphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n"
    request += b"Content-Type: application/octet-stream\r\n\r\n" + bytes(784)
    with serving(slow) as client:
        with socket.create_connection(("localhost", client.port)) as connection:
            connection.sendall(2 * request)
            assert slow.is_reading.acquire(timeout=30)
            linger = struct.pack("ii", 1, 0)  # a reset, which ends the connection at once
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert client.get("/healthz").status_code == 200  # the server has seen it by then
        slow.may_read.set()
    assert caplog.text == ""
