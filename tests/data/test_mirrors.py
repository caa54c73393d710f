import gzip
from http.server import BaseHTTPRequestHandler

import pytest

from digits.data import mirrors
from digits.data.checksums import DataFile, SourceError
from digits.data.mirrors import ATTEMPTS, Mirror
from tests.data.conftest import TRAIN_IMAGES, Answer, Server, SmallSet, answer_well, stall, status


def fetch(mirror: Mirror, files: tuple[DataFile, ...]) -> dict[str, bytes]:
    fetched = mirror.fetch(files, lambda name, received, total: None)
    return {file.name: content for file, content in fetched}


def stall_in_the_middle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:100])
    stall(handler, body)


STALLS = (stall, stall_in_the_middle)


def break_off(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:100])


def corrupt_one_bit(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    content = bytearray(gzip.decompress(body))
    content[-1] ^= 1
    answer_well(handler, gzip.compress(content))


def answer_with_a_login_page(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    answer_well(handler, b"<html>Please log in to this network</html>")


def cut_the_gzip(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    answer_well(handler, body[: len(body) // 2])


def send_a_gzip_bomb(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    answer_well(handler, gzip.compress(bytes(10_000_000)))


def send_for_ever(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    assert isinstance(handler.server, Server)
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(1 << 16))


def answer_uncompressed(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    answer_well(handler, gzip.decompress(body))


def test_files_are_decompressed_and_verified(small: SmallSet, server: Server) -> None:
    assert fetch(server.mirror, small.files) == small.contents
    assert all(server.count(file) == 1 for file in small.files)


def test_a_mirror_that_serves_plain_files_will_do(small: SmallSet, server: Server) -> None:
    server.misbehave(answer_uncompressed)
    assert fetch(server.mirror, small.files) == small.contents


@pytest.mark.parametrize(
    "answer",
    [
        status(503),
        status(500),
        status(429),
        stall,
        stall_in_the_middle,
        break_off,
        corrupt_one_bit,
        answer_with_a_login_page,
        cut_the_gzip,
        send_a_gzip_bomb,
    ],
)
def test_transient_failures_are_retried(
    small: SmallSet, server: Server, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer in STALLS:
        monkeypatch.setattr(mirrors, "READ_SECONDS", 1.0)
    server.misbehave(answer)
    assert fetch(server.mirror, small.files) == small.contents
    assert server.count(TRAIN_IMAGES) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(503), "HTTP 503 Service Unavailable"),
        (stall, "no data for 0.25 s"),
        (stall_in_the_middle, "no data for 0.25 s"),
        (break_off, "the connection broke off"),
        (corrupt_one_bit, r"train-images-idx3-ubyte: expected SHA-256 \w{12}…, found \w{12}…"),
        (answer_with_a_login_page, r"expected 31,376 bytes, found 42"),
        (cut_the_gzip, "expected a whole gzip file, found: Compressed file ended"),
        (send_a_gzip_bomb, "expected 31,376 bytes, found 31,377"),
    ],
)
def test_attempts_are_limited_and_the_last_failure_is_the_message(
    small: SmallSet,
    server: Server,
    answer: Answer,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if answer in STALLS:
        monkeypatch.setattr(mirrors, "READ_SECONDS", 0.25)
    server.misbehave(*[answer] * ATTEMPTS)
    with pytest.raises(SourceError, match=message):
        fetch(server.mirror, small.files)
    assert server.count(TRAIN_IMAGES) == ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(403), "HTTP 403 Forbidden"),
        (status(404), "HTTP 404 Not Found"),
        (send_for_ever, r"expected at most 32,431 bytes, found more"),
    ],
)
def test_permanent_failures_are_not_retried(
    small: SmallSet, server: Server, answer: Answer, message: str
) -> None:
    server.misbehave(answer)
    with pytest.raises(SourceError, match=message):
        fetch(server.mirror, small.files)
    assert server.count(TRAIN_IMAGES) == 1


def test_a_download_has_a_time_limit(
    small: SmallSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "FILE_SECONDS", -1.0)
    with pytest.raises(SourceError, match="not complete after"):
        fetch(server.mirror, small.files)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://digits.invalid/", r"^Failed to resolve 'digits\.invalid'"),
        ("http://127.0.0.1:9/", "Connection refused"),
        ("gopher://127.0.0.1/", "No connection adapters"),
    ],
)
def test_an_unreachable_mirror_is_a_message_of_one_line(
    small: SmallSet, url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        fetch(Mirror(url), small.files)
    assert "\n" not in str(caught.value)
    assert "object at" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(403), "Tunnel connection failed: 403 Forbidden"),
        (status(407), "Tunnel connection failed: 407 Proxy Authentication Required"),
    ],
)
def test_a_proxy_that_refuses_is_a_sentence_without_its_password(
    small: SmallSet,
    server: Server,
    answer: Answer,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = server.mirror.url.removeprefix("http://").rstrip("/")
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{proxy}")
    server.answers["digits.invalid:443"] = [answer]
    with pytest.raises(SourceError) as caught:
        fetch(Mirror("https://digits.invalid/"), small.files)
    expected = f"no connection through the proxy {proxy}; check HTTPS_PROXY: {reason}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("url", ["https://digits.invalid/", "http://digits.invalid/"])
def test_a_proxy_where_nothing_listens_is_a_sentence(
    small: SmallSet, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    begin = r"^no connection through the proxy 127\.0\.0\.1:9; check HTTPS_PROXY: Failed to "
    with pytest.raises(SourceError, match=begin) as caught:
        fetch(Mirror(url), small.files)
    assert "(" not in str(caught.value)


def test_progress_has_bytes_received_and_in_total(small: SmallSet, server: Server) -> None:
    reports: list[tuple[str, int, int | None]] = []
    list(server.mirror.fetch(small.files, lambda *report: reports.append(report)))
    for file in small.files:
        size = len(server.bodies[f"/{file.name}.gz"])
        assert (file.name, size, size) in reports
