"""`digits serve` as a process: its address, its end, what it leaves behind."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import export
from digits.server import process
from tests.reading.drawings import draw
from tests.server.conftest import Client

Call = Callable[..., tuple[int, str, str]]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    command = [sys.executable, "-c", "from digits.cli import main; main()", "serve", "--port", "0"]
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder)}
    with subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        try:
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", running.stdout.readline())
            assert address is not None
            with Client(int(address[1])) as client:
                yield running, client
        finally:
            running.kill()


def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw("42")).save(file, "PNG")
    return file.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_told_to_end_it_answers_what_was_asked_and_leaves_nothing(
    tmp_path: Path, name: str
) -> None:
    content = picture()
    with started(tmp_path) as (running, client):
        assert client.post("/v1/read", data=content).json()["text"] == "42"
        assert client.post("/v1/read", data=b"none").status_code == 422
        with socket.create_connection(("127.0.0.1", client.port)) as asking:
            head = (
                f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
            )
            asking.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in asking.recv(1000)  # it is being received
            running.send_signal(getattr(signal, name))
            wait_until_refused(client.port)
            asking.sendall(content)
            answer = b""
            while chunk := asking.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"text":"42"' in answer
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 0
    assert (output, errors) == ("", "")
    assert list(tmp_path.iterdir()) == []


def wait_until_refused(port: int) -> None:
    """Until nobody listens any more."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            return


READ = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"

BROKEN = [
    READ + b"Content-Type: multipart/form-data; boundary=c\r\nContent-Length: 5\r\n\r\n--b\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    READ + b"Content-Length: -1\r\n\r\n",
    READ + b"Content-Length: 9999\r\n\r\ncut off",
    READ + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /page/%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /page/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /page/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


def test_broken_requests_neither_end_it_nor_fill_its_log(tmp_path: Path) -> None:
    statuses = set()
    with started(tmp_path) as (running, client):
        for request in BROKEN:
            with socket.create_connection(("127.0.0.1", client.port), timeout=60) as asking:
                statuses.add(first_line(asking, request)[9:12])
        assert client.post("/v1/read", data=picture()).json()["text"] == "42"
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=60)
    assert {b"400", b"404", b"422"} < statuses <= {b"400", b"404", b"422", b"431", b""}
    assert errors == ""


def test_what_decoders_say_of_damaged_files_does_not_fill_its_log(tmp_path: Path) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    Image.fromarray(noise).save(file, "TIFF", compression="tiff_lzw")
    whole = file.getvalue()
    with started(tmp_path) as (running, client):
        for place in range(1000, 20_000, 500):
            damaged = whole[:place] + bytes(100) + whole[place + 100 :]
            client.post("/v1/read", data=damaged)
        assert client.post("/v1/read", data=b"none").status_code == 422
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=60)
    assert errors == ""


def first_line(asking: socket.socket, request: bytes) -> bytes:
    try:
        asking.sendall(request)
        asking.shutdown(socket.SHUT_WR)
        return asking.recv(65536).partition(b"\r\n")[0]
    except OSError:  # it hung up
        return b""


def test_a_port_in_use_is_said_in_a_line(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output, errors = call("serve", "--port", str(port))
    assert (status, output) == (1, "")
    assert errors.startswith(f"digits: Can't listen at 127.0.0.1, port {port}: ")
    assert errors.endswith("--port 0 takes a free one.\n")
    assert errors.count("\n") == 1


def test_an_address_that_is_none_is_said_in_a_line(call: Call) -> None:
    status, _, errors = call("serve", "--host", "256.0.0.1")
    assert status == 1
    assert errors.startswith("digits: Can't listen at 256.0.0.1")


@pytest.mark.parametrize("model", ["missing.onnx", "missing"])
def test_a_model_that_is_not_there_is_said_in_a_line(
    call: Call, tmp_path: Path, model: str
) -> None:
    status, _, errors = call("serve", "--model", str(tmp_path / model))
    assert status == 2
    assert errors == f"digits: {tmp_path / model}: there is no such file.\n"


@pytest.mark.parametrize(
    "origin", ["*", "example.org", "https://example.org/", "https://Example.org"]
)
def test_a_site_that_is_none_is_said_in_a_line(call: Call, origin: str) -> None:
    status, _, errors = call("serve", "--allow-origin", origin)
    assert status == 2
    assert errors == (
        f"digits: --allow-origin: expected a site such as https://example.org, found {origin!r}.\n"
    )


def test_a_run_is_served_as_it_would_be_exported(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = (Path(export.__file__).parent / "reading" / "weights" / "reader.onnx").read_bytes()
    converted, served = [], []
    monkeypatch.setattr("digits.run.Run", lambda folder: folder)

    def convert(run: Path) -> export.Converted:
        converted.append(run)
        return export.Converted(packaged, 1.0, 0.0)

    monkeypatch.setattr(export, "convert", convert)
    monkeypatch.setattr(
        process, "serve", lambda reader, **options: served.append((reader, options))
    )
    status, _, errors = call(
        "serve", "--model", str(tmp_path), "--open", "--allow-origin", "http://a"
    )
    assert (status, errors) == (0, "")
    assert converted == [tmp_path]
    ((reader, options),) = served
    assert reader.network.metadata["parameters"] == "155466"
    assert options == {
        "host": "127.0.0.1",
        "port": 8000,
        "open_browser": True,
        "origins": ("http://a",),
    }
