"""The ASGI application: its routes and middleware."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from digits.errors import DigitsError, InvalidInput, OutOfMemory
from digits.reading.reader import Reader
from digits.server import limits, problems, schemas
from digits.server.admission import AdmissionControl
from digits.server.batching import MicroBatcher
from digits.server.bodies import receive_glyphs, receive_picture, unless_gone
from digits.server.metrics import Metrics, MetricsMiddleware
from digits.server.problems import ErrorMiddleware, RequestRefused
from digits.server.security import (
    HostMiddleware,
    SecurityHeadersMiddleware,
    TrustedOriginMiddleware,
)
from digits.server.workers import Workers

DESCRIPTION = """Reads handwritten digits in pictures. A digit that can't be read is refused, with
the reason. Errors are problem details (RFC 9457)."""

PAGE = Path(__file__).parent / "page"
SAMPLES = Path(str(files("digits.reading") / "samples"))

PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

LOG = logging.getLogger(__name__)

READING_ERRORS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""Error statuses of the routes that read."""


def create_app(
    reader: Reader, *, origins: tuple[str, ...] = (), loopback_only: bool = True
) -> FastAPI:
    """Make the application, for any ASGI server.

    Args:
        reader: The reader to use.
        origins: Other sites whose pages may send requests, such as "https://example.org".
        loopback_only: Whether to answer only requests whose host is localhost.
    """
    metrics = Metrics()
    admission = AdmissionControl()
    workers = Workers(limits.NUM_READERS, "pictures")
    batcher = MicroBatcher(reader.classify, metrics.batch.observe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()
        batcher.close()

    app = FastAPI(
        title="digits",
        description=DESCRIPTION,
        version=version("digits"),
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics has them
        lifespan=lifespan,
    )
    problems.add_handlers(app)
    _add_reading(app, reader, admission, workers, batcher)
    _add_status(app, reader, admission, metrics)
    _add_page(app)
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
    return app


def _add_page(app: FastAPI) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/samples", StaticFiles(directory=SAMPLES))


def _add_reading(
    app: FastAPI,
    reader: Reader,
    admission: AdmissionControl,
    workers: Workers,
    batcher: MicroBatcher,
) -> None:
    open_layers = reader.network.open_layers()

    @app.post(
        "/v1/read",
        summary="Read the digits in a picture.",
        response_model=schemas.PictureReading,
        responses=problems.describe(*READING_ERRORS),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "image/*": PICTURE,
                    "application/octet-stream": PICTURE,
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "properties": {"picture": PICTURE["schema"]},
                            "required": ["picture"],
                        }
                    },
                },
            }
        },
    )
    async def read(request: Request) -> Response:
        """The picture is a PNG, JPEG, WebP, BMP, TIFF or GIF, as the body or in a form."""
        with admission.receive() as place:
            picture = await receive_picture(request, place.reserve)
            place.admit()
            try:
                reading = await unless_gone(
                    request,
                    workers.run(lambda is_over: reader.read(picture, is_given_up=is_over)),
                )
            except InvalidInput as error:
                raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
            except OutOfMemory:  # which no picture is to blame for, and others wait for, too
                raise
            except DigitsError as error:
                LOG.error("%s", error)
                detail = "This picture can't be read, which is a defect; see the server's log."
                raise RequestRefused(HTTPStatus.INTERNAL_SERVER_ERROR, detail) from error
        return _json_response(schemas.reading_to_json(reading))

    @app.post(
        "/v1/glyphs",
        summary="Read a batch of single digits of 28×28 pixels.",
        response_model=schemas.GlyphReadings,
        responses=problems.describe(*READING_ERRORS, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        openapi_extra=_glyphs_body(limits.MAX_GLYPHS),
    )
    async def glyphs(request: Request) -> Response:
        """Glyphs are white on black, framed as in MNIST; as JSON, or as bytes, 784 per glyph."""
        with admission.receive() as place:
            glyphs = await receive_glyphs(request, place.reserve)
            place.admit()
            digits = await batcher.classify(glyphs)
        return _json_response(schemas.digits_to_json(digits))

    @app.post(
        "/v1/layers",
        summary="Show the activations of each layer of the network for a glyph.",
        response_model=schemas.LayerReadings,
        responses=problems.describe(*READING_ERRORS, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        openapi_extra=_glyphs_body(1),
    )
    async def layers(request: Request) -> Response:
        """The glyph has the form that /v1/glyphs takes."""
        with admission.receive() as place:
            glyphs = await receive_glyphs(request, place.reserve)
            place.admit()
            if len(glyphs) != 1:
                detail = f"Expected one glyph, found {len(glyphs):,}."
                raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
            activations = await workers.run(lambda _: open_layers.of(glyphs[0]))
        return _json_response(schemas.layers_to_json(activations))


def _add_status(
    app: FastAPI, reader: Reader, admission: AdmissionControl, metrics: Metrics
) -> None:
    parameters = reader.network.figure("parameters", high=1e12)
    accuracy = reader.network.figure("test_accuracy", high=1)
    is_of_mnist = reader.network.metadata.get("dataset", "mnist") == "mnist"
    card = schemas.NetworkCard(
        parameters=None if parameters is None else int(parameters),
        test_accuracy=accuracy if is_of_mnist else None,
        threshold=reader.threshold,
    )
    errors = (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)

    @app.get("/v1/network", summary="Describe the network.", responses=problems.describe(*errors))
    async def network() -> schemas.NetworkCard:
        return card

    @app.get("/healthz", summary="Check for liveness.", responses=problems.describe(*errors))
    async def healthz() -> schemas.HealthStatus:
        return schemas.HealthStatus(status="alive")

    @app.get(
        "/readyz",
        summary="Check for readiness: whether a request would be admitted now.",
        responses=problems.describe(*errors, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def readyz() -> schemas.HealthStatus:
        admission.expect_room()
        return schemas.HealthStatus(status="ready")

    @app.get(
        "/metrics",
        summary="Get metrics in Prometheus's text format.",
        response_class=Response,
        responses={
            **problems.describe(*errors),
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        },
    )
    async def get_metrics() -> Response:
        return Response(metrics.to_text(), media_type=CONTENT_TYPE_LATEST)


def _glyphs_body(max_glyphs: int) -> dict[str, Any]:
    schema = schemas.GlyphBatch.model_json_schema()
    schema["properties"]["glyphs"]["maxItems"] = max_glyphs
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "application/octet-stream": {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "minLength": schemas.NUM_PIXELS,
                        "maxLength": max_glyphs * schemas.NUM_PIXELS,
                    }
                },
            },
        }
    }


def _json_response(content: bytes) -> Response:
    return Response(content, media_type="application/json")
