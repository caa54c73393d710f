"""The routes: pictures and glyphs in, readings out; the page; how the server is."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from jaxtyping import UInt8
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from digits.errors import InvalidInput
from digits.reading.reader import Reader
from digits.server import limits, problems, schemas
from digits.server.desk import Desk
from digits.server.guard import Guard
from digits.server.problems import Refusal
from digits.server.telemetry import Counting, Telemetry

DESCRIPTION = """Reads handwritten digits on pictures. What can't be read is refused, and told why.
Errors are problem details (RFC 9457)."""

PAGE = Path(__file__).parent / "page"

PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

POSSIBLE = (
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
"""What a reading may be answered with, in place of it."""


def create_app(
    reader: Reader, *, origins: tuple[str, ...] = (), loopback_only: bool = True
) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        reader: That reads.
        origins: Other sites whose pages may ask, such as "https://example.org".
        loopback_only: Whether to answer only requests to localhost.
    """
    telemetry = Telemetry()
    desk = Desk(reader, telemetry.batch.observe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(
        title="digits",
        description=DESCRIPTION,
        version=version("digits"),
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics tells all
        lifespan=lifespan,
    )
    problems.add_handlers(app)
    _add_reading(app, desk)
    _add_state(app, desk, reader, telemetry)
    _add_page(app)
    app.add_middleware(problems.Failures)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
        )
    app.add_middleware(Guard, origins=origins, loopback_only=loopback_only)
    app.add_middleware(Counting, telemetry=telemetry)
    return app


def _add_page(app: FastAPI) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))


def _add_reading(app: FastAPI, desk: Desk) -> None:
    @app.post(
        "/v1/read",
        summary="Read the digits of a picture.",
        response_model=schemas.PictureReading,
        responses=problems.describe(*POSSIBLE),
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
        """PNG, JPEG, WebP, BMP, TIFF or GIF, as the body or as the file of a form."""
        with desk.place() as hold:
            content = await _receive(request, hold, limits.MAX_BODY_BYTES)
            if _kind(request) == "multipart/form-data":
                content = await _file_of_form(request, content)
            try:
                reading = await desk.read(content)
            except InvalidInput as error:
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        return _answer(schemas.reading_to_json(reading))

    @app.post(
        "/v1/glyphs",
        summary="Read a batch of digits of 28×28 pixels.",
        response_model=schemas.GlyphReadings,
        responses=problems.describe(*POSSIBLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        openapi_extra=_glyphs_body(limits.MAX_GLYPHS),
    )
    async def glyphs(request: Request) -> Response:
        """White on black, framed as MNIST's: as JSON, or as bytes, 784 a glyph."""
        with desk.place() as hold:
            digits = await desk.classify(await _receive_glyphs(request, hold))
        return _answer(schemas.digits_to_json(digits))

    @app.post(
        "/v1/layers",
        summary="What each layer of the network makes of a glyph.",
        response_model=schemas.LayerReadings,
        responses=problems.describe(*POSSIBLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        openapi_extra=_glyphs_body(1),
    )
    async def layers(request: Request) -> Response:
        """One glyph, as /v1/glyphs takes it."""
        with desk.place() as hold:
            glyphs = await _receive_glyphs(request, hold)
            if len(glyphs) != 1:
                detail = f"Expected one glyph, found {len(glyphs):,}."
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
            found = await desk.layers(glyphs[0])
        return _answer(schemas.layers_to_json(found))


def _add_state(app: FastAPI, desk: Desk, reader: Reader, telemetry: Telemetry) -> None:
    facts = reader.network.metadata
    card = schemas.NetworkCard(
        parameters=int(facts["parameters"]) if "parameters" in facts else None,
        test_accuracy=float(facts["test_accuracy"]) if "test_accuracy" in facts else None,
        threshold=reader.threshold,
    )
    turned_away = (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)

    @app.get("/v1/network", summary="What reads.", responses=problems.describe(*turned_away))
    async def network() -> schemas.NetworkCard:
        return card

    @app.get("/healthz", summary="That it runs.", responses=problems.describe(*turned_away))
    async def healthz() -> schemas.State:
        return schemas.State(status="alive")

    @app.get(
        "/readyz",
        summary="Whether it takes requests.",
        responses=problems.describe(*turned_away, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def readyz() -> schemas.State:
        if desk.is_full:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "All places are taken.")
        return schemas.State(status="ready")

    @app.get(
        "/metrics",
        summary="Counts for Prometheus.",
        response_class=Response,
        responses={
            **problems.describe(*turned_away),
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        },
    )
    async def metrics() -> Response:
        return Response(telemetry.to_text(), media_type=CONTENT_TYPE_LATEST)


def _glyphs_body(most: int) -> dict[str, Any]:
    schema = schemas.GlyphBatch.model_json_schema()
    schema["properties"]["glyphs"]["maxItems"] = most
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
                        "maxLength": most * schemas.NUM_PIXELS,
                    }
                },
            },
        }
    }


def _answer(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _kind(request: Request) -> str:
    """The media type of a request's body."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _receive(request: Request, hold: Callable[[int], None], most: int) -> bytes:
    """The body of a request, if it is small enough and comes in time."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.UPLOAD_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                hold(len(chunk))
                chunks.append(chunk)
    except ClientDisconnect as error:  # nobody hears it, but it is no failure of ours
        raise Refusal(HTTPStatus.BAD_REQUEST, "The request was cut off.") from error
    except TimeoutError as error:
        detail = f"Expected the whole request within {limits.UPLOAD_SECONDS:g} seconds."
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, detail) from error
    return b"".join(chunks)


def _too_large(most: int) -> Refusal:
    detail = f"Expected at most {most:,} bytes, found more."
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


# The parser notes each broken form, with which anyone could fill the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class _FormInMemory(MultiPartParser):
    """Writes no file, whatever the size: that is limited before."""

    spool_max_size = limits.MAX_BODY_BYTES + 1


async def _file_of_form(request: Request, content: bytes) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    expected = "Expected a form with one file, named picture"
    try:
        parser = _FormInMemory(request.headers, stream(), max_files=1, max_fields=8)
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        detail = f"{expected}; found none."
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    try:
        picture = form.get("picture")
        if not isinstance(picture, UploadFile):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{expected}; found none.")
        return await picture.read()
    finally:
        await form.close()


async def _receive_glyphs(
    request: Request, hold: Callable[[int], None]
) -> UInt8[np.ndarray, "n 28 28"]:
    content = await _receive(request, hold, limits.MAX_GLYPHS_BYTES)
    kind = _kind(request)
    if kind not in ("application/json", "application/octet-stream"):
        detail = f"Expected application/json or application/octet-stream, found {kind or 'none'}."
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        return schemas.parse_glyphs(content, is_json=kind == "application/json")
    except InvalidInput as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
