"""Counts for Prometheus: requests, how long they took, and how many glyphs were read together."""

from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
GLYPHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Telemetry:
    """What is counted, of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "digits_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "digits_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.running = Gauge(
            "digits_requests_running", "Requests being answered.", registry=self._registry
        )
        self.batch = Histogram(
            "digits_batch_glyphs",
            "Glyphs read together.",
            buckets=GLYPHS,
            registry=self._registry,
        )

    def to_text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)


class Counting:
    """Middleware that counts each request."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self.telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.telemetry.running.inc()
        try:
            await self.app(scope, receive, note)
        finally:
            self.telemetry.running.dec()
            # The page's files and what is not there count with it, or addresses would be labels.
            route = getattr(scope.get("route"), "path", "/")
            self.telemetry.requests.labels(route, str(status)).inc()
            self.telemetry.seconds.labels(route).observe(perf_counter() - started)
