"""Micro-batching: glyphs that arrive while others are classified become the next batch."""

import threading
from typing import Any

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from digits.server.batching import MicroBatcher
from tests.server.conftest import GLYPH, Pending, SlowReader, assert_problem, png, serving


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """A semaphore that each request for glyphs releases when it reaches the batcher."""
    arrived, classify = threading.Semaphore(0), MicroBatcher.classify

    async def release_and_classify(self: MicroBatcher, glyphs: Any) -> Any:
        arrived.release()
        return await classify(self, glyphs)

    monkeypatch.setattr(MicroBatcher, "classify", release_and_classify)
    return arrived


def test_glyphs_that_arrive_together_are_classified_together(
    reader: Reader, arrivals: threading.Semaphore
) -> None:
    slow = SlowReader(reader)
    text = "3141592653"
    glyphs = [digit.glyph.tolist() for digit in reader.read(png(text)).digits]
    with serving(slow) as client:
        pending = [Pending(client, "/v1/glyphs", json={"glyphs": [glyphs[0]]})]
        assert slow.is_reading.acquire(timeout=30)
        pending += [Pending(client, "/v1/glyphs", json={"glyphs": [g]}) for g in glyphs[1:]]
        assert all(arrivals.acquire(timeout=30) for _ in pending)
        slow.may_read.set()
        labels = [request.wait().json()["digits"][0]["label"] for request in pending]
    assert labels == [int(digit) for digit in text]
    assert slow.batch_sizes == [1, 9]


def test_no_batch_is_larger_than_the_largest_request(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, arrivals: threading.Semaphore
) -> None:
    monkeypatch.setattr(limits, "MAX_GLYPHS", 4)
    slow = SlowReader(reader)
    with serving(slow) as client:
        pending = [Pending(client, "/v1/glyphs", json={"glyphs": [GLYPH] * 3}) for _ in range(5)]
        assert all(arrivals.acquire(timeout=30) for _ in pending)
        slow.may_read.set()
        assert [len(request.wait().json()["digits"]) for request in pending] == [3] * 5
    assert slow.batch_sizes == [3] * 5


def test_an_error_in_a_batch_is_reported_to_each_request_and_ends_nothing(
    reader: Reader, arrivals: threading.Semaphore
) -> None:
    class FailingReader(SlowReader):
        fails = True

        def classify(self, glyphs: Any) -> Any:
            digits = super().classify(glyphs)
            if self.fails:
                raise RuntimeError("no")
            return digits

    failing = FailingReader(reader)
    with serving(failing) as client:
        pending = [Pending(client, "/v1/glyphs", json={"glyphs": [GLYPH]})]
        assert failing.is_reading.acquire(timeout=30)
        pending += [Pending(client, "/v1/glyphs", json={"glyphs": [GLYPH]}) for _ in range(2)]
        assert all(arrivals.acquire(timeout=30) for _ in pending)
        failing.may_read.set()
        for request in pending:
            assert_problem(request.wait(), 500, "An internal error occurred")
        assert failing.batch_sizes == [1, 2]
        failing.fails = False
        assert client.post("/v1/glyphs", json={"glyphs": [GLYPH]}).status_code == 200
