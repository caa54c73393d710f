"""The process that serves the page beside `digits train --watch`."""

import asyncio
import json
import os
import socket
import sys
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from digits.assets import PAGE
from digits.errors import DigitsError
from digits.server import problems
from digits.server.metrics import Metrics
from digits.server.middleware import add_middleware
from digits.server.process import Server, listen, url_of
from digits.server.streams import EventStreams
from digits.server.watching import add_watching

HOST = "127.0.0.1"

PORT = 8010
"""Port of the page, where it is free: so a window that is open goes on when a run is resumed."""


NICE = 19
"""The lowest of POSIX's priorities: the page takes what time training leaves."""


def create_watching_app(streams: EventStreams) -> FastAPI:
    """Make the application, which shows a run, and nothing else.

    Args:
        streams: What tells how it goes.
    """
    app = FastAPI(title="digits", version=version("digits"), docs_url=None, redoc_url=None)
    problems.add_handlers(app)

    @app.get("/", include_in_schema=False)
    async def page() -> RedirectResponse:
        return RedirectResponse("page/watch.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    add_watching(app, streams, None)
    app.state.streams = streams
    add_middleware(app, Metrics(), origins=(), loopback_only=True)
    return app


def serve_for_parent() -> None:
    """Serve the page, and say where; then lines of JSON come, as `WatchPage` sends them.

    When no more can come, the parent has ended, or wants this process to.
    """
    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        listener = _listen()
    except DigitsError as error:
        print(error, flush=True)
        return
    with listener:
        print(url_of(HOST, listener.getsockname()[1]), flush=True)
        asyncio.run(_serve(listener))


def _listen() -> socket.socket:
    try:
        return listen(HOST, PORT)
    except DigitsError:
        return listen(HOST, 0)


async def _serve(listener: socket.socket) -> None:
    streams = EventStreams()
    server = Server(create_watching_app(streams))
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while line := await orders.readline():
        order = json.loads(line)
        if "events" in order:
            streams.follow(Path(order["events"]))
        else:
            streams.end(order["outcome"])
    streams.end()
    server.should_exit = True
    await serving
