"""`digits serve` as a process: its address, its graceful shutdown, its log and its files."""

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from digits import export
from digits.server import process
from tests.server.conftest import PICTURE, Client
from tests.tools import needs

Call = Callable[..., tuple[int, str, str]]


class Served(NamedTuple):
    """A process that serves; its log is a file, which tests may look at meanwhile."""

    process: subprocess.Popen[str]
    port: int
    log: Path


@contextmanager
def started(
    folder: Path, log: Path, under: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[Served]:
    """Start `digits serve`, with a folder as its home and for temporary files.

    Args:
        folder: That folder.
        log: The file for its standard error.
        under: The command that is to start it, if it isn't to be started directly.
        options: More options of `digits serve`.
    """
    command = [
        *under,
        sys.executable,
        "-c",
        "from digits.cli import main; main()",
        "serve",
        "--port",
        "0",
        *options,
    ]
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder)}
    with (
        log.open("wb") as file,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=file,
        ) as running,
    ):
        assert running.stdout is not None
        try:
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", running.stdout.readline())
            assert address is not None
            yield Served(running, int(address[1]), log)
        finally:
            running.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_after_requests_in_progress_are_answered(
    tmp_path: Path, name: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with started(home, tmp_path / "log") as served, Client(served.port) as client:
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        assert client.post("/v1/read", data=b"none").status_code == 422
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            head = (
                f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PICTURE)}\r\n"
            )
            connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in connection.recv(1000)  # the server is receiving the body
            served.process.send_signal(getattr(signal, name))
            wait_until_refused(served.port)
            connection.sendall(PICTURE)
            response = b""
            while chunk := connection.recv(65536):
                response += chunk
        assert response.startswith(b"HTTP/1.1 200")
        assert b'"text":"1995"' in response
        output, _ = served.process.communicate(timeout=60)
        assert served.process.returncode == 0
    assert (output, served.log.read_text()) == ("", "")
    assert list(home.iterdir()) == []


def test_what_can_t_be_answered_in_time_is_refused_when_it_ends(tmp_path: Path) -> None:
    with started(tmp_path, tmp_path / "log") as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            head = "POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in connection.recv(1000)  # its body never comes
            served.process.terminate()
            response = b""
            while chunk := connection.recv(65536):
                response += chunk
        assert response.startswith(b"HTTP/1.1 503")
        assert b"The server is shutting down" in response
        served.process.communicate(timeout=60)
        assert served.process.returncode == 0
    assert "Traceback" not in served.log.read_text()


def wait_until_refused(port: int) -> None:
    """Wait until the port is closed."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            return


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A process that several tests share; it must end with an empty log."""
    folder = tmp_path_factory.mktemp("served")
    with started(folder, folder / "log") as served:
        yield served
        served.process.terminate()
        served.process.communicate(timeout=60)
    assert served.process.returncode == 0
    assert served.log.read_text() == ""


READ = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"

MALFORMED = [
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


def test_malformed_requests_neither_end_it_nor_fill_its_log(served: Served) -> None:
    statuses = set()
    for request in MALFORMED:
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            statuses.add(status_line(connection, request)[9:12])
    with Client(served.port) as client:
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
    assert {b"400", b"404", b"422"} < statuses <= {b"400", b"404", b"422", b"431", b""}
    assert served.log.read_text() == ""


def test_damaged_pictures_do_not_fill_its_log(served: Served) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    Image.fromarray(noise).save(file, "TIFF", compression="tiff_lzw")
    whole = file.getvalue()
    with Client(served.port) as client:
        for start in range(1000, 20_000, 500):
            damaged = whole[:start] + bytes(100) + whole[start + 100 :]
            client.post("/v1/read", data=damaged)
        assert client.post("/v1/read", data=b"none").status_code == 422
    assert served.log.read_text() == ""


def status_line(connection: socket.socket, request: bytes) -> bytes:
    """Send a whole request; returns the first line of its response, if there is one."""
    try:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536).partition(b"\r\n")[0]
    except OSError:  # the server hung up
        return b""


@needs("strace")
def test_it_opens_no_connection_of_its_own(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    looking = ["strace", "-D", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(calls)]
    with started(tmp_path, tmp_path / "log", looking) as served, Client(served.port) as client:
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        served.process.terminate()
        served.process.communicate(timeout=60)
    assert "AF_INET" not in calls.read_text()


def test_serving_begins_with_memory_that_all_threads_share(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[tuple[int, int]] = []

    class Library:
        """A C library that notes what it is told."""

        def __init__(self, name: None) -> None:
            """Be the one that the process has."""

        def mallopt(self, parameter: int, value: int) -> None:
            options.append((parameter, value))

    monkeypatch.setattr("ctypes.CDLL", Library)
    with socket.create_server(("127.0.0.1", 0)) as taken:  # which ends it
        status, _, _ = call("serve", "--port", str(taken.getsockname()[1]))
    assert status == 1
    assert options == [(process.M_ARENA_MAX, 1)]


@pytest.mark.parametrize("error", [TypeError("bad argument type"), OSError(), AttributeError()])
def test_serving_begins_also_where_the_c_library_is_another(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(name: None) -> None:
        """Fail as ctypes does on Windows, where no library has no name."""
        raise error

    monkeypatch.setattr("ctypes.CDLL", refuse)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, _, errors = call("serve", "--port", str(taken.getsockname()[1]))
    assert errors.startswith("digits: Can't listen at 127.0.0.1, port ")


def test_a_port_in_use_is_reported_in_one_line(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output, errors = call("serve", "--port", str(port))
    assert (status, output) == (1, "")
    assert errors.startswith(f"digits: Can't listen at 127.0.0.1, port {port}: ")
    assert errors.endswith("--port 0 takes a free one.\n")
    assert errors.count("\n") == 1


def test_a_malformed_address_is_reported_in_one_line(call: Call) -> None:
    status, _, errors = call("serve", "--host", "256.0.0.1")
    assert status == 1
    assert errors.startswith("digits: Can't listen at 256.0.0.1")


@pytest.mark.parametrize("model", ["missing.onnx", "missing"])
def test_a_missing_model_is_reported_in_one_line(call: Call, tmp_path: Path, model: str) -> None:
    status, _, errors = call("serve", "--model", str(tmp_path / model))
    assert status == 2
    assert errors == f"digits: {tmp_path / model}: there is no such file.\n"


@pytest.mark.parametrize(
    "origin", ["*", "example.org", "https://example.org/", "https://Example.org"]
)
def test_a_malformed_origin_is_reported_in_one_line(call: Call, origin: str) -> None:
    status, _, errors = call("serve", "--allow-origin", origin)
    assert status == 2
    assert errors == (
        f"digits: --allow-origin: expected a site such as https://example.org, found {origin!r}.\n"
    )


def test_a_run_is_exported_to_be_served(
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
        "learner": None,
        "learn_from_anyone": False,
        "trainer": None,
    }


def test_connections_that_wait_are_accepted_together() -> None:
    """Else the last of many clients waits for as many turns of a loop that is busy with others."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = listener.getsockname()
    clients = [socket.create_connection(address) for _ in range(3 * process.NUM_ACCEPTED)]
    accepted: list[asyncio.BaseTransport] = []

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    async def accept_all() -> int:
        loop, num_turns = asyncio.get_running_loop(), 0
        servers = [
            await loop.create_server(Accepting, sock=each) for each in process.share(listener)
        ]
        while len(accepted) < len(clients):
            num_turns += 1
            await asyncio.sleep(0)
        for server in servers:
            server.close()
        for transport in accepted:
            transport.close()
        return num_turns

    factory = process.configure(FastAPI()).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        num_turns = runner.run(accept_all())
    for client in clients:
        client.close()
    assert num_turns < len(clients) / 4
