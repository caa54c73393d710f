"""Worker threads: what nobody waits for any more is given up, and no longer counted."""

import socket

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from tests.server.conftest import GLYPH, PICTURE, SlowReader, assert_problem, serving


def test_requests_past_the_deadline_are_given_up_and_free_their_place(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READING_SECONDS", 0.05)
    monkeypatch.setattr(limits, "MAX_REQUESTS", 1)
    slow = SlowReader(reader)
    with serving(slow) as client:
        glyphs = {"glyphs": [GLYPH]}
        for _ in range(2):
            assert_problem(client.post("/v1/read", data=PICTURE), 503, "longer than 0.05 seconds")
        assert_problem(client.post("/v1/glyphs", json=glyphs), 503, "longer than 0.05 seconds")
        for _ in range(2):
            assert slow.given_up.acquire(timeout=30)
        slow.may_read.set()
        monkeypatch.setattr(limits, "READING_SECONDS", 30.0)
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        assert client.post("/v1/glyphs", json=glyphs).status_code == 200


def test_a_reading_whose_client_hangs_up_ends_at_once(reader: Reader) -> None:
    slow = SlowReader(reader)
    with serving(slow) as client:
        for _ in range(limits.NUM_READERS):
            with socket.create_connection(("localhost", client.port)) as connection:
                head = (
                    f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PICTURE)}"
                )
                connection.sendall(head.encode() + b"\r\n\r\n" + PICTURE)
                assert slow.is_reading.acquire(timeout=30)
        for _ in range(limits.NUM_READERS):
            assert slow.given_up.acquire(timeout=30)
        slow.may_read.set()
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
