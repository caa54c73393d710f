"""Limits of a connection: on heads and trailers, on slow clients, and on what is not HTTP."""

import asyncio
import inspect
import json
import socket
import struct
import sys
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from pathlib import Path

import pytest
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from digits.reading.reader import Reader
from digits.server import limits
from digits.server.connection import LimitedHttpProtocol
from digits.server.process import configure
from tests.server.conftest import (
    ALIVE,
    ALIVE_BODY,
    PICTURE,
    Client,
    SlowReader,
    after_one_answer,
    exchange,
    rest_of,
    serving,
)
from tests.server.test_process import started

OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "pause_writing",
    "resume_writing",
    "on_message_begin",
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
    for name in ("loop", "transport", "headers", "pipeline", "cycle"):
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


MADE_OF = {
    "path": (b"?" + b"a" * 50_000, b""),
    "value": (b"", b"X: " + b"a" * 50_000 + b"\r\n"),
    "spaces": (b"", b"X:" + b" " * 50_000 + b"a\r\n"),
    "headers": (b"", b"X: aaaaaa\r\n" * 5_000),
    "empty headers": (b"", b"a:\r\n" * 12_500),
}
"""What heads of some 50,000 bytes are made of: the end of their path, and headers."""


def head_of(num_bytes: int, made_of: str) -> bytes:
    """A request without a body, of so many bytes."""
    query, headers = MADE_OF[made_of]
    head = b"GET /healthz" + query + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += headers
    return head + b"Y: " + b"a" * (num_bytes - len(head) - 7) + b"\r\n\r\n"


def answers_to(port: int, sent: bytes) -> bytes:
    """All that is answered until the server hangs up, be it before it has read everything."""
    answers = b""
    with socket.create_connection(("localhost", port), timeout=30) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        with suppress(ConnectionError):
            while chunk := connection.recv(65536):
                answers += chunk
    return answers


TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


@pytest.mark.parametrize("made_of", MADE_OF)
def test_all_bytes_of_a_head_are_counted_whatever_it_is_made_of(
    client: Client, made_of: str
) -> None:
    answer = answers_to(client.port, head_of(limits.MAX_HEAD_BYTES, made_of))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    for num_bytes in (limits.MAX_HEAD_BYTES + 1, 240_000):
        answer = answers_to(client.port, head_of(num_bytes, made_of))
        assert answer.startswith(TOO_LONG)


@pytest.mark.parametrize("made_of", MADE_OF)
def test_bytes_of_the_requests_before_it_are_not_counted_with_a_head(
    client: Client, made_of: str
) -> None:
    picture = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na\nb"
    before = picture + ALIVE
    for num_bytes in (limits.MAX_HEAD_BYTES, limits.MAX_HEAD_BYTES + 1, 240_000):
        answers = answers_to(client.port, before + head_of(num_bytes, made_of))
        is_answered = answers.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert is_answered == (num_bytes <= limits.MAX_HEAD_BYTES)


@pytest.mark.parametrize("line", [b"a:\r\n", b"X: aaaaaa\r\n", b"X:" + b" " * 99_999 + b"a\r\n"])
def test_a_trailer_that_arrives_with_its_body_is_limited_like_a_head(
    client: Client, line: bytes
) -> None:
    trailer = line * (100_000 // len(line) + 1)
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + trailer + b"\r\n"
    assert answers_to(client.port, chunked).startswith(TOO_LONG)


def test_a_chunked_body_may_be_longer_than_a_head(client: Client) -> None:
    chunks = [PICTURE] + 1000 * [100 * b"\n"]  # decoders ignore what follows the end of a PNG
    response = client.post("/v1/read", data=iter(chunks))
    assert response.json()["text"] == "1995"


def test_a_length_of_thousands_of_digits_is_refused(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    status, _ = exchange(client.port, HEAD + b"Content-Length: " + b"0" * 5000 + b"1\r\n\r\na")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert caplog.text == ""


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


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: local", b"G"])
def test_a_slow_head_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    with after_one_answer(client) as connection:
        monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.2)
        connection.sendall(ALIVE + sent)  # in one read, before the time of the second begins
        _, _, answer = rest_of(connection).partition(ALIVE_BODY)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert "within 0.2 seconds" in json.loads(body)["detail"]


def test_a_connection_on_which_nothing_comes_is_closed_without_a_response(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.2)
    assert exchange(client.port, b"") == (b"", b"")


def test_a_connection_that_stays_idle_after_a_request_is_closed_without_a_response(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with after_one_answer(client) as connection:
        monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.2)
        connection.sendall(ALIVE)
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(ALIVE_BODY)


def test_what_is_not_http_is_answered_with_problem_details(client: Client) -> None:
    status, body = exchange(client.port, b"\x00\r\n\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["status"] == 400


def test_requests_that_are_sent_without_a_wait_are_answered_one_after_the_other(
    client: Client,
) -> None:
    last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    _, responses = exchange(client.port, ALIVE * limits.MAX_PIPELINED + last)
    assert responses.count(ALIVE_BODY) == limits.MAX_PIPELINED
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


def resident_megabytes(process_id: int) -> float:
    """Memory that a process holds."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a process's memory")
def test_clients_that_send_thousands_of_requests_at_once_take_little_memory(tmp_path: Path) -> None:
    many = ALIVE * (256 * 1024 // len(ALIVE))
    with (
        started(tmp_path, tmp_path / "log") as served,
        Client(served.port) as client,
        ExitStack() as stack,
    ):
        assert client.get("/healthz").status_code == 200
        before = resident_megabytes(served.process.pid)
        for _ in range(60):
            connection = socket.create_connection(("localhost", served.port), timeout=30)
            stack.enter_context(connection)
            with suppress(ConnectionError):  # what was not read any more is reset
                connection.sendall(many)
        for _ in range(3):
            assert client.get("/healthz").status_code == 200
        assert resident_megabytes(served.process.pid) - before < 50
    assert (tmp_path / "log").read_text() == ""


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
