"""The server process: its address, its log, and its graceful shutdown."""

import ctypes
import faulthandler
import os
import re
import signal
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress

import uvicorn
from fastapi import FastAPI

from digits.errors import DigitsError, InvalidInput
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.app import create_app
from digits.server.connection import LimitedHttpProtocol
from digits.server.learning import LearningCommand
from digits.server.security import LOOPBACK_HOSTS
from digits.server.streams import EventStreams
from digits.server.training import TrainingCommand

NUM_ACCEPTED = 64
"""Number of connections that are accepted in one turn of the event loop, if so many wait.

With 16, the last of 512 waits half as long again. Source: docs/experiments.md, "Clients that come
together".
"""

M_ARENA_MAX = -8
"""A parameter of glibc's `mallopt`; the number is from its header."""

SWITCH_SECONDS = 0.0002
"""Interval after which a thread yields to another one: 1/25 of Python's default, as the event loop
needs little time, but soon, while worker threads compute."""


def serve(
    reader: Reader,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    open_browser: bool = False,
    origins: tuple[str, ...] = (),
    learner: LearningCommand | None = None,
    learn_from_anyone: bool = False,
    trainer: TrainingCommand | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in progress are answered first (graceful shutdown).

    Those that take longer than `limits.SHUTDOWN_SECONDS` are refused.

    Args:
        reader: The reader to use.
        host: Address to listen at; on loopback, only this machine can connect.
        port: Port to listen at; 0 takes a free one.
        open_browser: Whether to open the page in a browser.
        origins: Other sites whose pages may send requests.
        learner: Takes corrections, and learns from them; if not given, nothing is kept.
        learn_from_anyone: Whether it may do so where other machines can connect.
        trainer: Trains networks when asked to, on loopback; if not given, nobody can ask.

    Raises:
        DigitsError: If the address can't be listened at, or the folder for corrections not be
            written.
        InvalidInput: If an origin is malformed, or if other machines could send corrections
            without permission, or ask for training.
    """
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise InvalidInput(
                f"--allow-origin: expected a site such as https://example.org, found {origin!r}."
            )
    if learner is None and learn_from_anyone:
        raise InvalidInput("--learn-from-anyone: expected --learn FOLDER with it, found none.")
    if learner is not None:
        if host not in LOOPBACK_HOSTS and not learn_from_anyone:
            raise InvalidInput(
                f"--learn: expected {' or '.join(LOOPBACK_HOSTS[:2])} as the host, found {host}; "
                "to take corrections from all who can connect, add --learn-from-anyone."
            )
        learner.prepare()
    if trainer is not None:
        if host not in LOOPBACK_HOSTS:
            raise InvalidInput(
                f"--train: expected {' or '.join(LOOPBACK_HOSTS[:2])} as the host, as anyone who "
                f"can connect could keep this machine busy; found {host}."
            )
        trainer.prepare()
    sys.setswitchinterval(SWITCH_SECONDS)
    share_freed_memory()
    warnings.simplefilter("ignore")  # of decoders: catch_warnings is not safe in threads
    app = create_app(
        reader,
        origins=origins,
        loopback_only=host in LOOPBACK_HOSTS,
        learner=learner,
        trainer=trainer,
    )
    server = Server(app)
    with listen(host, port) as listener:
        url = url_of(host, listener.getsockname()[1])
        # uvicorn handles signals only while it runs, and raises them again afterwards.
        # A terminal that is closed (SIGHUP) ends the server, and what learns for it.
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):  # Windows has no SIGHUP
                signal.signal(getattr(signal, name), server.handle_exit)
        print(f"Draw and read at {url}  (Ctrl-C ends it)", flush=True)
        if open_browser:
            # Early requests wait in the listener's backlog. A text browser blocks until it is quit.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            with _silence_native_libraries():
                server.run(sockets=share(listener))
        finally:
            if learner is not None:  # a second Ctrl-C skips the application's own end
                learner.close()
            if trainer is not None:
                trainer.close()


class Server(uvicorn.Server):
    """uvicorn's server; streams of events, which would go on, end when it shuts down.

    Args:
        app: The application; its state holds the streams, if it has any.
    """

    def __init__(self, app: FastAPI) -> None:
        super().__init__(configure(app))
        self._streams: EventStreams | None = app.state.streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the requests in progress, and end."""
        if self._streams is not None:
            self._streams.close()
        await super().shutdown(sockets)


def share(listener: socket.socket) -> list[socket.socket]:
    """Share a listener among several sockets, from each of which the event loop accepts.

    uvloop accepts one connection a turn from each. Under load a turn takes some hundredths of a
    second, and the last of 500 clients that came together would wait for ten seconds or more.

    Args:
        listener: A socket that listens.

    Returns:
        That socket and copies of it, which are all to be closed.
    """
    if sys.platform == "win32":  # there is no uvloop; asyncio's own loop accepts all that wait
        return [listener]
    return [listener, *(listener.dup() for _ in range(NUM_ACCEPTED - 1))]


def share_freed_memory() -> None:
    """Have all threads take memory from one heap, where the C library is glibc.

    By itself, it keeps what each thread has freed for that thread's next picture: four threads
    that read large pictures in turn hold as much as four that read them at once.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library; Windows names none
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def configure(app: FastAPI) -> uvicorn.Config:
    """Configure uvicorn: no clients, requests or pictures in the log."""
    return uvicorn.Config(
        app,
        http=LimitedHttpProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(limits.SHUTDOWN_SECONDS),
    )


@contextmanager
def _silence_native_libraries() -> Iterator[None]:
    """Redirect file descriptor 2 to nowhere, but not Python's standard error.

    Decoders written in C report each damaged file there, and so would let anyone fill the log.
    """
    stderr = os.dup(2)
    with open(stderr, "w", buffering=1) as log, redirect_stderr(log):  # noqa: PTH123
        faulthandler.enable(log)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            faulthandler.disable()


def listen(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises:
        DigitsError: If that is not possible.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        hint = "; --port 0 takes a free one" if port else ""
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise DigitsError(f"Can't listen at {host}, port {port}: {reason}{hint}.") from error


def url_of(host: str, port: int) -> str:
    """The address that a browser on this machine finds a server at."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
