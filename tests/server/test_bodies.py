"""Request bodies: forms, and limits of size and time."""

import json
from pathlib import Path
from typing import Any

import pytest

from digits.server import limits
from tests.server.conftest import (
    PICTURE,
    Client,
    after_one_answer,
    assert_problem,
    exchange,
    rest_of,
)


def test_a_picture_in_a_form_is_read_without_a_temporary_file(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))  # writing there would fail
    large = PICTURE + bytes(3_000_000)  # decoders ignore what follows the end of a PNG
    response = client.post("/v1/read", files={"picture": ("1995.png", large, "image/png")})
    assert (response.status_code, response.json()["text"]) == (200, "1995")


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"photo": ("a.png", PICTURE)}},
        {"files": {"picture": (None, "text")}},
        {"data": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"no form", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": PICTURE, "headers": {"Content-Type": "multipart/form-data"}},
        {"files": [("picture", ("a.png", PICTURE)), ("picture", ("b.png", PICTURE))]},
    ],
    ids=["other name", "no file", "cut off", "no form", "no boundary", "two files"],
)
def test_a_form_without_its_one_picture_is_refused(client: Client, form: dict[str, Any]) -> None:
    assert_problem(client.post("/v1/read", **form), 422, "a form with one file, named picture")


def test_too_many_bytes_of_glyphs_are_refused_before_they_are_parsed(client: Client) -> None:
    body = b"[" * (limits.MAX_GLYPHS_BYTES + 1)
    with Client(client.port) as one:
        response = one.post("/v1/glyphs", data=body, headers={"Content-Type": "application/json"})
    assert_problem(response, 413, "at most 6,000,000 bytes")


def test_a_body_past_the_limit_is_refused_with_and_without_content_length(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 1000)
    for body in (bytes(1001), iter([bytes(600)] * 2)):
        with Client(client.port) as one:
            assert_problem(one.post("/v1/read", data=body), 413, "at most 1,000 bytes")


def test_a_content_length_past_the_limit_is_refused_before_the_body_arrives(client: Client) -> None:
    head = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    length = limits.MAX_BODY_BYTES + 1
    status, body = exchange(client.port, head + b"Content-Length: %d\r\n\r\n" % length)
    assert status.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["detail"] == "Expected at most 20,000,000 bytes, found more."


def test_a_slow_body_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    with after_one_answer(client) as connection:  # whose time for the next head is the usual one
        monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.05)
        connection.sendall(head + b"Content-Length: 9\r\n\r\na")
        answer, _, body = rest_of(connection).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert "within 0.05 seconds" in json.loads(body)["detail"]
