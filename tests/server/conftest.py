"""A server that the tests call over HTTP, and readers that let them look inside."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page

from digits.reading.reader import Reader
from digits.reading.work import GivenUp
from digits.server.app import create_app
from digits.server.process import Server
from tests.reading.drawings import draw
from tests.server.browser import DESKTOP, Open, Tab, end_example

GLYPH = [[0] * 28] * 28
"""A blank glyph."""


def png(text: str) -> bytes:
    """A picture of a row of digits."""
    file = io.BytesIO()
    Image.fromarray(draw(text)).save(file, "PNG")
    return file.getvalue()


PICTURE = png("1995")

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
ALIVE_BODY = b'{"status":"alive"}'


class Client(requests.Session):
    """A client of one server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.trust_env = False  # no proxy
        self.port = port

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", 60)
        return super().request(method, f"http://localhost:{self.port}{url!s}", *args, **kwargs)


class Pending(threading.Thread):
    """A POST request that another thread sends and waits for."""

    def __init__(self, client: Client, path: str, **body: Any) -> None:
        super().__init__()
        self.client, self.path, self.body = Client(client.port), path, body
        self.start()

    def run(self) -> None:
        with self.client:
            self.response = self.client.post(self.path, **self.body)

    def wait(self) -> requests.Response:
        self.join(60)
        return self.response


class SlowReader(Reader):
    """A reader whose reading and classifying wait until the test sets `may_read`.

    A reading that is given up ends, and is counted by `given_up`.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.network)
        self.is_reading, self.may_read = threading.Semaphore(0), threading.Event()
        self.given_up = threading.Semaphore(0)
        self.batch_sizes: list[int] = []

    def read(
        self,
        source: Any,
        *,
        rotate: bool = True,
        only_usual: bool = False,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Any:
        self.is_reading.release()
        while not self.may_read.wait(0.01):
            if is_given_up():
                self.given_up.release()
                raise GivenUp
        return super().read(source, rotate=rotate, only_usual=only_usual, is_given_up=is_given_up)

    def classify(self, glyphs: Any) -> Any:
        self.batch_sizes.append(len(glyphs))
        self.is_reading.release()
        assert self.may_read.wait(30)
        return super().classify(glyphs)


def assert_problem(response: requests.Response, status: int, detail: str) -> None:
    """Check for problem details with a status, whose detail contains the one given."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert detail in problem["detail"]


def exchange(port: int, sent: bytes) -> tuple[bytes, bytes]:
    """Send bytes; returns the status line and body of the response, once the server hangs up."""
    with socket.create_connection(("localhost", port), timeout=30) as connection:
        connection.sendall(sent)
        response = b""
        while chunk := connection.recv(65536):
            response += chunk
    head, _, body = response.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


@contextmanager
def after_one_answer(client: Client) -> Iterator[socket.socket]:
    """A connection on which one request was answered, within the usual time."""
    with socket.create_connection(("localhost", client.port), timeout=30) as connection:
        connection.sendall(ALIVE)
        answer = b""
        while not answer.endswith(ALIVE_BODY):
            answer += connection.recv(65536)
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """All that comes on a connection, until the server hangs up."""
    answers = b""
    while chunk := connection.recv(65536):
        answers += chunk
    return answers


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader(num_threads=1)


@contextmanager
def serving(reader: Any, **options: Any) -> Iterator[Client]:
    """Serve in a thread of this process, so that tests can replace limits and readers."""
    with socket.create_server(("localhost", 0)) as listener:
        server = Server(create_app(reader, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with Client(listener.getsockname()[1]) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def client(reader: Reader) -> Iterator[Client]:
    """A client of the server that all tests share that need no other reader or options."""
    with serving(reader) as client:
        yield client


@pytest.fixture(scope="module")
def tabs(browser: Browser, client: Client) -> dict[bool, Tab]:
    """A tab with a mouse, and one with a touch screen."""
    return {touch: Tab(browser, client.port, touch=touch) for touch in (False, True)}


@pytest.fixture
def open_page(tabs: dict[bool, Tab], client: Client) -> Iterator[Open]:
    """Open the page; the test fails if an error occurs in it."""
    used: list[Tab] = []

    def open_one(
        size: tuple[int, int] = DESKTOP,
        *,
        scheme: Any = "light",
        touch: bool = False,
        port: int = client.port,
        may_fail: bool = False,
        example: bool = False,
    ) -> Page:
        used.append(tabs[touch])
        page = tabs[touch].open(size, scheme, port, may_fail)
        if not example:
            end_example(page)
        return page

    yield open_one
    assert [error for tab in used for error in tab.leave()] == []
