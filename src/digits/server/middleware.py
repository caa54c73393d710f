"""The middleware that each application of the server has, in its order."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from digits.server.metrics import Metrics, MetricsMiddleware
from digits.server.problems import ErrorMiddleware
from digits.server.security import (
    HostMiddleware,
    SecurityHeadersMiddleware,
    TrustedOriginMiddleware,
)


def add_middleware(
    app: FastAPI, metrics: Metrics, *, origins: tuple[str, ...], loopback_only: bool
) -> None:
    """Have an application's requests checked and counted, and its responses restricted.

    Args:
        app: The application.
        metrics: What its requests are counted in.
        origins: Other sites whose pages may send requests.
        loopback_only: Whether to answer only requests whose host is localhost.
    """
    # The last one added is the outermost: all responses are counted and get the headers.
    app.add_middleware(ErrorMiddleware)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
        )
    app.add_middleware(TrustedOriginMiddleware, origins=origins)
    app.add_middleware(HostMiddleware, loopback_only=loopback_only)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
