"""Who may ask, and what browsers may do with the answers."""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.server.problems import problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
"""Of each answer. Nothing is loaded from elsewhere, no script is in the page itself."""


class Guard:
    """Middleware that turns away other sites' pages, and gives each answer its headers.

    A page of another site can have a visitor's browser send requests to this machine, also under a
    name of its own that it makes point here. So requests must come from nowhere, from the page
    itself, or from a site that is allowed; and on loopback they must be for loopback.

    Args:
        app: What is guarded.
        origins: Sites whose pages may ask, such as "https://example.org".
        loopback_only: Whether only requests that name loopback as their host are meant for us.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...], loopback_only: bool) -> None:
        self.app, self.origins, self.loopback_only = app, origins, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Files of the page may be kept, if it is asked each time whether they are the same.
                headers["Cache-Control"] = "no-cache" if "ETag" in headers else "no-store"
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await problem(*refusal)(scope, receive, with_headers)
            return
        await self.app(scope, receive, with_headers)

    def _refusal(self, headers: Headers) -> tuple[HTTPStatus, str] | None:
        host = headers.get("host", "")
        if self.loopback_only and _hostname(f"//{host}") not in LOOPBACK:
            expected = " or ".join(LOOPBACK[:2])
            return HTTPStatus.MISDIRECTED_REQUEST, f"Expected {expected} as the host."
        origin = headers.get("origin")
        if origin is None or origin in self.origins or origin.partition("://")[2] == host:
            return None
        return HTTPStatus.FORBIDDEN, "Pages of this site may not ask; see --allow-origin."


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
