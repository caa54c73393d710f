"""Requests to an ASGI application in this process, without a server."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: int
    content: bytes


def ask(app: Any, method: str, path: str, *, body: bytes = b"", media_type: str = "") -> Answer:
    """Send a request to an application, and take its answer.

    Args:
        app: The application.
        method: The method, such as GET.
        path: Path, with a query if there is one.
        body: The body.
        media_type: The body's media type.
    """
    return asyncio.run(_ask(app, method, path, body, media_type))


async def _ask(app: Any, method: str, target: str, body: bytes, media_type: str) -> Answer:
    path, _, query = target.partition("?")
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
    if media_type:
        headers.append((b"content-type", media_type.encode()))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()  # the client stays
        raise AssertionError("nobody sets the event")

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in messages)
    return Answer(messages[0]["status"], content)
