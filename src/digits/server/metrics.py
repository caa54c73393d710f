"""Prometheus metrics: requests by route and status, their duration, and the size of batches."""

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

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
GLYPHS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "digits_requests",  # exposed as digits_requests_total
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "digits_request_seconds",
            "Duration from a request's head to the end of its response, by route.",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=self._registry,
        )
        self.running = Gauge(
            "digits_requests_running", "Requests in progress.", registry=self._registry
        )
        self.batch = Histogram(
            "digits_batch_glyphs",
            "Glyphs in a batch for the network.",
            buckets=GLYPHS_BUCKETS,
            registry=self._registry,
        )

    def to_text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Middleware that counts and times each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, and record its status and duration."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = perf_counter()
        status = 500
        is_running = True

        def record() -> None:
            nonlocal is_running
            if not is_running:
                return
            is_running = False
            self.metrics.running.dec()
            # Unknown paths and the page's files count as "/": each label value costs memory, and
            # clients choose the path.
            route = getattr(scope.get("route"), "path", "/")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(perf_counter() - start)

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            # Not when the application returns: until then, it may wait for a file to be closed,
            # while the client has its response, and asks for the metrics.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                record()

        self.metrics.running.inc()
        try:
            await self.app(scope, receive, send_and_note)
        finally:  # also if there was no response, or no end of it
            record()
