"""Security: trusted hosts and origins, and the headers that restrict what browsers do.

A page of another site can make a visitor's browser send requests to this machine. On loopback it
can even do so under a host name of its own that it has resolve to 127.0.0.1 (DNS rebinding), which
makes them same-origin. So on loopback, the Host header must name loopback; and everywhere, an
Origin header must name the server itself or a site that is allowed.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.server.problems import problem_response

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")

SECURITY_HEADERS = {
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
"""Headers of every response. The policy admits neither inline scripts nor other sites' files."""


class SecurityHeadersMiddleware:
    """Middleware that sets `SECURITY_HEADERS` and Cache-Control on every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                # Browsers may keep the page's files, but must revalidate them; readings are not
                # kept at all.
                headers["Cache-Control"] = "no-cache" if "ETag" in headers else "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


class HostMiddleware:
    """Middleware that refuses several Host headers, with 400, and hosts that are others, with 421.

    Starlette's `TrustedHostMiddleware` would answer 400 to these, and not with problem details.

    Args:
        app: The application behind it.
        loopback_only: Whether the host must name loopback.
    """

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        self.app, self.loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refuse(Headers(scope=scope))):
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) > 1:  # who is in between may have looked at the other
            detail = f"Expected one Host header, found {len(hosts)}."
            return problem_response(HTTPStatus.BAD_REQUEST, detail)
        if self.loopback_only and _hostname("".join(hosts)) not in LOOPBACK_HOSTS:
            detail = f"Expected {' or '.join(LOOPBACK_HOSTS[:2])} as the host."
            return problem_response(HTTPStatus.MISDIRECTED_REQUEST, detail)
        return None


class TrustedOriginMiddleware:
    """Middleware that refuses requests from other sites' pages, with 403.

    Requests without an Origin header pass: browsers send it with every cross-origin POST, and no
    page can read a cross-origin response to a GET.

    Args:
        app: The application behind it.
        origins: Sites whose pages may send requests, such as "https://example.org".
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self.app, self.origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or refuse it."""
        if scope["type"] == "http" and not self._is_trusted(Headers(scope=scope)):
            detail = "Pages of this site may not send requests; see --allow-origin."
            await problem_response(HTTPStatus.FORBIDDEN, detail)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_trusted(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin in self.origins:
            return True
        # The proxy before a server may speak TLS, which the server does not know.
        return origin in (f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https"))


def _hostname(host: str) -> str:
    """A Host header without its port; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
