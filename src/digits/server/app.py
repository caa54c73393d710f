"""The ASGI application: its routes and middleware."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from digits.assets import PAGE, SAMPLES
from digits.errors import DigitsError, InvalidInput, OutOfMemory
from digits.reading.reader import Reader
from digits.server import limits, problems, schemas
from digits.server.admission import AdmissionControl
from digits.server.bodies import (
    receive_correction,
    receive_glyphs,
    receive_picture,
    unless_gone,
)
from digits.server.corrections import CorrectionsFull
from digits.server.learning import LearningCommand
from digits.server.metrics import Metrics
from digits.server.middleware import add_middleware
from digits.server.problems import RequestRefused
from digits.server.readers import ReaderInUse
from digits.server.streams import EventStreams
from digits.server.training import TrainingCommand
from digits.server.watching import add_watching
from digits.server.workers import Workers

DESCRIPTION = """Reads handwritten digits in pictures. A digit that can't be read is refused, with
the reason. Errors are problem details (RFC 9457)."""


OCTETS = "application/octet-stream"

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
    reader: Reader,
    *,
    origins: tuple[str, ...] = (),
    loopback_only: bool = True,
    learner: LearningCommand | None = None,
    trainer: TrainingCommand | None = None,
) -> FastAPI:
    """Make the application, for any ASGI server.

    Args:
        reader: The reader to use.
        origins: Other sites whose pages may send requests, such as "https://example.org".
        loopback_only: Whether to answer only requests whose host is localhost.
        learner: Takes corrections, and learns from them; if not given, nothing is kept.
        trainer: Trains networks when asked to; if not given, nobody can ask.
    """
    metrics = Metrics()
    admission = AdmissionControl()
    workers = Workers(limits.NUM_READERS, "pictures")
    in_use = ReaderInUse(reader, metrics.batch.observe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()
        in_use.close()
        if learner is not None:
            learner.close()
        if trainer is not None:
            trainer.close()

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
    _add_reading(app, in_use, admission, workers)
    _add_status(app, in_use, admission, metrics, learner)
    if learner is not None:
        _add_learning(app, in_use, admission, learner)
    _add_page(app)
    streams = None if trainer is None else EventStreams()
    add_watching(app, streams, trainer)
    app.state.streams = streams
    add_middleware(app, metrics, origins=origins, loopback_only=loopback_only)
    return app


def _add_page(app: FastAPI) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", GZipMiddleware(StaticFiles(directory=PAGE)))
    app.mount("/samples", StaticFiles(directory=SAMPLES))


def _add_reading(
    app: FastAPI,
    in_use: ReaderInUse,
    admission: AdmissionControl,
    workers: Workers,
) -> None:
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
                    OCTETS: PICTURE,
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
            reader = in_use.current.reader
            try:
                reading = await unless_gone(
                    request,
                    workers.run(
                        lambda is_over: reader.read(picture, only_usual=True, is_given_up=is_over)
                    ),
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
            digits = await in_use.current.batcher.classify(glyphs)
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
            network = in_use.current.layers
            activations = await workers.run(lambda _: network.of(glyphs[0]))
        return _json_response(schemas.layers_to_json(activations))


def _add_learning(
    app: FastAPI, in_use: ReaderInUse, admission: AdmissionControl, learner: LearningCommand
) -> None:
    errors = (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)
    label = {"type": "string", "pattern": f"^[0-9]{{1,{limits.MAX_LABEL_DIGITS}}}$"}

    @app.post(
        "/v1/corrections",
        summary="Keep a picture of digits with its right label, to learn from.",
        status_code=HTTPStatus.CREATED,
        responses=problems.describe(
            *READING_ERRORS, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.INSUFFICIENT_STORAGE
        ),
        openapi_extra={
            "parameters": [{"name": "label", "in": "query", "required": True, "schema": label}],
            "requestBody": {"required": True, "content": {"image/png": PICTURE}},
        },
    )
    async def keep(request: Request) -> schemas.LearningStatus:
        """The picture is a PNG that shows the label's digits, and nothing else."""
        with admission.receive() as place:
            label, picture = await receive_correction(request, place.reserve)
            place.admit()
            try:
                await learner.keep(picture, label)
            except InvalidInput as error:
                raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
            except CorrectionsFull as error:
                raise RequestRefused(HTTPStatus.INSUFFICIENT_STORAGE, str(error)) from error
            except OutOfMemory:
                raise
            except DigitsError as error:
                LOG.error("%s", error)
                detail = "The correction can't be written; see the server's log."
                raise RequestRefused(HTTPStatus.INSUFFICIENT_STORAGE, detail) from error
        return await _status(in_use, learner)

    @app.post(
        "/v1/learning",
        summary="Begin to learn a network from the corrections; it is used when it is ready.",
        status_code=HTTPStatus.ACCEPTED,
        responses=problems.describe(*errors, HTTPStatus.CONFLICT),
    )
    async def learn() -> schemas.LearningStatus:
        state = await learner.state()
        if not state.num_corrections:
            detail = "Expected corrections to learn from, found none."
            raise RequestRefused(HTTPStatus.CONFLICT, detail)
        _expect_no_learning(learner)
        learner.start(in_use.prepare, in_use.adopt)
        return await _status(in_use, learner)

    @app.post(
        "/v1/learning/adopt",
        summary="Use the network that was learned last.",
        responses=problems.describe(*errors, HTTPStatus.CONFLICT),
    )
    async def adopt() -> schemas.LearningStatus:
        _expect_no_learning(learner)
        learned = (await learner.state()).learned
        if learned is None:
            raise RequestRefused(HTTPStatus.CONFLICT, "Expected a learned network, found none.")
        try:
            in_use.adopt(await learner.open(learned, in_use.prepare))
        except DigitsError as error:
            raise RequestRefused(HTTPStatus.CONFLICT, str(error)) from error
        return await _status(in_use, learner)

    @app.post(
        "/v1/learning/revert",
        summary="Use the network again that the server began with.",
        responses=problems.describe(*errors),
    )
    async def revert() -> schemas.LearningStatus:
        in_use.revert()
        return await _status(in_use, learner)


def _expect_no_learning(learner: LearningCommand) -> None:
    if learner.is_learning:
        raise RequestRefused(HTTPStatus.CONFLICT, "A network is being learned already.")


async def _status(in_use: ReaderInUse, learner: LearningCommand) -> schemas.LearningStatus:
    state = await learner.state()
    ready: Literal["none", "ready"] = "none" if state.learned is None else "ready"
    return schemas.LearningStatus(
        corrections=state.num_corrections,
        is_learning=learner.is_learning,
        learned="in use" if in_use.is_learned else ready,
        message=learner.message,
    )


def _add_status(
    app: FastAPI,
    in_use: ReaderInUse,
    admission: AdmissionControl,
    metrics: Metrics,
    learner: LearningCommand | None,
) -> None:
    errors = (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)

    @app.get("/v1/network", summary="Describe the network.", responses=problems.describe(*errors))
    async def network() -> schemas.NetworkCard:
        return in_use.current.card.model_copy(
            update={"learning": learner and await _status(in_use, learner)}
        )

    @app.get(
        "/v1/network/onnx",
        summary="Get the network of single digits, as a file in ONNX.",
        response_class=Response,
        responses={
            **problems.describe(*errors),
            200: {"content": {OCTETS: PICTURE}},
            304: {"description": "The file is still the one of the ETag in If-None-Match."},
        },
    )
    async def network_onnx(request: Request) -> Response:
        """The file of the reader in use, which is another one when a learned network is adopted."""
        served = in_use.current
        headers = {"ETag": served.network_tag}
        if request.headers.get("If-None-Match") == served.network_tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(served.reader.network.content, media_type=OCTETS, headers=headers)

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
                OCTETS: {
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
