"""Worker threads: what nobody waits for any more is given up, and no longer counted."""

import asyncio
import gc
import socket
import threading
import weakref
from collections.abc import Callable

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from digits.server.workers import Workers
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


def test_work_that_is_given_up_in_the_queue_keeps_nothing() -> None:
    class Kept:
        """Something large."""

    def returns(kept: Kept) -> Callable[[object], Kept]:
        return lambda _: kept

    async def give_up() -> list[weakref.ref[Kept]]:
        workers, may_go_on = Workers(1, "test"), threading.Event()
        busy = asyncio.ensure_future(workers.run(lambda _: may_go_on.wait(30)))
        kept = [Kept() for _ in range(3)]
        queued = [asyncio.ensure_future(workers.run(returns(one))) for one in kept]
        await asyncio.sleep(0)
        for task in queued:
            task.cancel()
        await asyncio.gather(*queued, return_exceptions=True)
        found = [weakref.ref(one) for one in kept]
        del kept, queued, task
        await asyncio.sleep(0)
        gc.collect()
        alive = [one for one in found if one() is not None]
        may_go_on.set()
        await busy
        workers.close()
        return alive

    assert asyncio.run(give_up()) == []
