"""Worker threads: a request past its deadline is given up, and no longer counted."""

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
        slow.may_read.set()
        monkeypatch.setattr(limits, "READING_SECONDS", 30.0)
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        assert client.post("/v1/glyphs", json=glyphs).status_code == 200
