"""The server as others meet it: over HTTP, at a port of its own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import requests
import uvicorn

from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.server.app import create_app
from digits.server.process import configure

Serving = Callable[..., AbstractContextManager["Client"]]


class Client(requests.Session):
    """Asks one server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.trust_env = False  # whatever proxies there are, this machine is asked
        self.port = port

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("timeout", 60)
        return super().request(method, f"http://localhost:{self.port}{url!s}", *args, **kwargs)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader(Network(num_threads=1))


@contextmanager
def serving(reader: Any, **options: Any) -> Iterator[Client]:
    """A server in a thread of this process, so that tests can look inside."""
    with socket.create_server(("localhost", 0)) as listening:
        server = uvicorn.Server(configure(create_app(reader, **options)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with Client(listening.getsockname()[1]) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def client(reader: Reader) -> Iterator[Client]:
    with serving(reader) as client:
        yield client
