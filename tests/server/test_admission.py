"""Admission control: requests, and bytes of them, past the limits are refused at once."""

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from tests.server.conftest import PICTURE, Pending, SlowReader, assert_problem, serving


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


def test_bytes_past_the_limit_are_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_AT_ONCE", len(PICTURE) + 10)
    slow = SlowReader(reader)
    with serving(slow) as client:
        first = Pending(client, "/v1/read", data=PICTURE)
        assert slow.is_reading.acquire(timeout=30)
        assert_problem(client.post("/v1/read", data=PICTURE), 503, "Too many large pictures")
        slow.may_read.set()
        assert first.wait().status_code == 200
        assert client.post("/v1/read", data=PICTURE).status_code == 200
