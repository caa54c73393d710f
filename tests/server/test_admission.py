"""Admission control: requests, and bytes of them, past the limits are refused at once."""

import socket
import time
from contextlib import ExitStack

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from tests.server.conftest import PICTURE, Client, Pending, SlowReader, assert_problem, serving


def test_requests_past_the_limit_are_refused_with_retry_after(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_REQUESTS", 1)
    slow = SlowReader(reader)
    with serving(slow) as client:
        first = Pending(client, "/v1/read", data=PICTURE)
        assert slow.is_reading.acquire(timeout=30)
        for response in (client.post("/v1/read", data=PICTURE), client.get("/readyz")):
            assert_problem(response, 503, "1 requests are in progress; try again in 1 s.")
            assert response.headers["Retry-After"] == "1"
        assert client.get("/healthz").status_code == 200  # the event loop is free meanwhile
        slow.may_read.set()
        assert first.wait().json()["text"] == "1995"
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"


def slow_body(port: int) -> socket.socket:
    """A connection that has sent the head and two bytes of a request."""
    connection = socket.create_connection(("localhost", port), timeout=30)
    connection.sendall(
        b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n\x89P"
    )
    return connection


def test_hundreds_of_bodies_that_do_not_come_keep_no_one_out(client: Client) -> None:
    with ExitStack() as connections:
        for _ in range(limits.MAX_REQUESTS + 100):
            connections.enter_context(slow_body(client.port))
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"


def test_bodies_on_their_way_have_a_limit_of_their_own(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_ARRIVING", 3)
    with serving(reader) as client:
        with ExitStack() as connections:
            for _ in range(3):
                connections.enter_context(slow_body(client.port))
            deadline = time.monotonic() + 30
            while (found := client.get("/readyz")).status_code == 200:
                assert time.monotonic() < deadline
            for response in (found, client.post("/v1/read", data=PICTURE)):
                assert_problem(response, 503, "3 requests are arriving; try again in 1 s.")
                assert response.headers["Retry-After"] == "1"
        while client.post("/v1/read", data=PICTURE).status_code == 503:
            assert time.monotonic() < deadline


def test_bytes_past_the_limit_are_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_AT_ONCE", len(PICTURE) + 10)
    slow = SlowReader(reader)
    with serving(slow) as client:
        first = Pending(client, "/v1/read", data=PICTURE)
        assert slow.is_reading.acquire(timeout=30)
        refused = client.post("/v1/read", data=PICTURE)
        assert_problem(refused, 503, "Too many large pictures are in progress; try again in 1 s.")
        assert refused.headers["Retry-After"] == "1"
        slow.may_read.set()
        assert first.wait().status_code == 200
        assert client.post("/v1/read", data=PICTURE).status_code == 200


def test_the_server_is_ready_while_there_is_room_for_the_largest_request(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 3 * len(PICTURE))
    monkeypatch.setattr(limits, "MAX_BYTES_AT_ONCE", 4 * len(PICTURE))
    slow = SlowReader(reader)
    with serving(slow) as client:
        for is_ready in (True, False):
            pending = Pending(client, "/v1/read", data=PICTURE)
            assert slow.is_reading.acquire(timeout=30)
            response = client.get("/readyz")
            if is_ready:
                assert response.json() == {"status": "ready"}
            else:
                assert_problem(response, 503, "Too many large pictures are in progress")
        slow.may_read.set()
        assert pending.wait().status_code == 200
