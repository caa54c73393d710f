"""A small data set instead of MNIST, and a mirror that fails on demand."""

import gzip
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits.data import mirrors, sources
from digits.data.catalog import CATALOG, MNIST, Part
from digits.data.checksums import DataFile
from digits.data.idx import write_idx
from digits.data.mirrors import Mirror

NUM_TRAIN, NUM_TEST = 40, 20

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = MNIST.files


def describe_bytes(name: str, content: bytes) -> DataFile:
    return DataFile(name, len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class SmallSet:
    contents: dict[str, bytes]
    files: tuple[DataFile, ...]
    root: Path

    def path(self, name: str) -> Path:
        return self.root / "MNIST" / "raw" / name

    def is_whole(self) -> bool:
        return all(
            self.path(name).read_bytes() == content for name, content in self.contents.items()
        )

    def fill_cache(self) -> None:
        for name, content in self.contents.items():
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_bytes(content)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallSet:
    """Expect four small files with MNIST's names; the cache is empty, and there is no source."""
    rng = np.random.default_rng(0)
    contents = {}
    for file in MNIST.files:
        num = NUM_TEST if file in {TEST_IMAGES, TEST_LABELS} else NUM_TRAIN
        shape, high = ((num, 28, 28), 256) if "images" in file.name else ((num,), 10)
        contents[file.name] = write_idx(rng.integers(0, high, shape, dtype=np.uint8))
    files = tuple(describe_bytes(name, content) for name, content in contents.items())
    small = SmallSet(contents, files, tmp_path / "cache")
    monkeypatch.setenv("DIGITS_DATA", str(small.root))
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    train, test = Part(files[0], files[1]), Part(files[2], files[3])
    monkeypatch.setitem(CATALOG, "mnist", replace(MNIST, train=train, test=test))
    monkeypatch.setattr(sources, "sources_of", lambda published, root: [])
    monkeypatch.setattr(mirrors, "BACK_OFF_SECONDS", 0.001)
    return small


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def stall(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send nothing until the test ends."""
    assert isinstance(handler.server, Server)
    handler.server.closing.wait()


def answer_well(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def status(code: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    answer.__name__ = f"status_{code}"
    return answer


class Server(ThreadingHTTPServer):
    """Mirror of the small set; `answers` holds what a file's next requests get instead."""

    daemon_threads = True

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = {f"/{name}.gz": gzip.compress(body) for name, body in contents.items()}
        self.answers: dict[str, list[Answer]] = {}
        self.requests: Counter[str] = Counter()
        self.closing = threading.Event()

    @property
    def mirror(self) -> Mirror:
        return Mirror(f"http://127.0.0.1:{self.server_address[1]}/")

    def misbehave(self, *answers: Answer, file: DataFile = TRAIN_IMAGES) -> None:
        self.answers[f"/{file.name}.gz"] = list(answers)

    def count(self, file: DataFile) -> int:
        return self.requests[f"/{file.name}.gz"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is expected here."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.requests[self.path] += 1
        answers = server.answers.get(self.path)
        answer = answers.pop(0) if answers else answer_well
        answer(self, server.bodies.get(self.path, b""))

    def do_CONNECT(self) -> None:
        """Answer what a proxy is asked before it connects."""
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log, because the tests check standard error."""


@pytest.fixture
def server(small: SmallSet) -> Iterator[Server]:
    with Server(small.contents) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()
