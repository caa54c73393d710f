"""The process that serves: its address, its end."""

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
from contextlib import contextmanager, redirect_stderr

import uvicorn
from fastapi import FastAPI

from digits.errors import DigitsError, InvalidInput
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.app import create_app
from digits.server.connection import Connection
from digits.server.guard import LOOPBACK

SWITCH_SECONDS = 0.0002
"""After which a thread lets another one go on; Python's own are 25 times as long."""


def serve(
    reader: Reader,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    open_browser: bool = False,
    origins: tuple[str, ...] = (),
) -> None:
    """Serve until told to end, by Ctrl-C or SIGTERM; running requests are answered first.

    Args:
        reader: That reads.
        host: The address to listen at; on loopback, only this machine can ask.
        port: 0 takes a free one.
        open_browser: Show the page.
        origins: Other sites whose pages may ask.

    Raises:
        DigitsError: If there is no listening at that address.
        InvalidInput: If a site is none.
    """
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise InvalidInput(
                f"--allow-origin: expected a site such as https://example.org, found {origin!r}."
            )
    # Threads that read take turns with the one that answers, and it has little to do each time.
    sys.setswitchinterval(SWITCH_SECONDS)
    warnings.simplefilter("ignore")  # of decoders; threads can't do so for themselves
    app = create_app(reader, origins=origins, loopback_only=host in LOOPBACK)
    server = uvicorn.Server(configure(app))
    with _listen(host, port) as listening:
        url = _url(host, listening.getsockname()[1])
        # From here on: the server itself sees to them only while it runs, then hands them on.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, server.handle_exit)
        print(f"Draw and read at {url}  (Ctrl-C ends it)", flush=True)
        if open_browser:
            # It may ask at once: who comes early waits. One in a terminal returns when it is left.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with _decoders_kept_quiet():
            server.run(sockets=[listening])


def configure(app: FastAPI) -> uvicorn.Config:
    """How it is served: no addresses, pictures or malformed requests in the log."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(limits.UPLOAD_SECONDS + limits.READING_SECONDS) + 5,
    )


@contextmanager
def _decoders_kept_quiet() -> Iterator[None]:
    """Keep standard error to Python: what libraries in C write there of each damaged file is lost.

    Anyone could fill the log with it.
    """
    kept = os.dup(2)
    with open(kept, "w", buffering=1) as log, redirect_stderr(log):  # noqa: PTH123
        faulthandler.enable(log)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            faulthandler.disable()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        hint = "; --port 0 takes a free one" if port else ""
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise DigitsError(f"Can't listen at {host}, port {port}: {reason}{hint}.") from error


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
