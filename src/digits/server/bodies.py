"""Request bodies: received within limits of size and time, and parsed.

A body is kept in memory, never in a file. Its bytes are reserved as they arrive, so that all
requests together stay within what `AdmissionControl` allows.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

import numpy as np
from fastapi import Request
from jaxtyping import UInt8
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from digits.errors import InvalidInput
from digits.server import limits, schemas
from digits.server.admission import Reserve
from digits.server.problems import RequestRefused

Result = TypeVar("Result")

# The form parser logs each malformed form, and so would let anyone fill the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


async def receive_picture(request: Request, reserve: Reserve) -> bytes:
    """Receive a picture file, as the body or as the file of a form.

    Raises:
        RequestRefused: If the body is too large or too slow, or the form has no such file.
    """
    content = await _receive(request, reserve, limits.MAX_BODY_BYTES)
    if _media_type(request) == "multipart/form-data":
        return await _file_of_form(request, content)
    return content


async def receive_glyphs(request: Request, reserve: Reserve) -> UInt8[np.ndarray, "n 28 28"]:
    """Receive a batch of glyphs, as JSON or as bytes.

    Raises:
        RequestRefused: If the body is too large or too slow, of another type, or malformed.
    """
    content = await _receive(request, reserve, limits.MAX_GLYPHS_BYTES)
    media_type = _media_type(request)
    if media_type not in ("application/json", "application/octet-stream"):
        found = media_type or "none"
        detail = f"Expected application/json or application/octet-stream, found {found}."
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    try:
        return schemas.parse_glyphs(content, is_json=media_type == "application/json")
    except InvalidInput as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


async def receive_correction(request: Request, reserve: Reserve) -> tuple[str, bytes]:
    """Receive a correction: its label, from the query, and its picture, as the body.

    Raises:
        RequestRefused: If there is not one label, or the body is too large or too slow, or of
            another type. No form of another site can have this type, and a script only with the
            server's leave.
    """
    if _media_type(request) != "image/png":
        found = _media_type(request) or "none"
        detail = f"Expected image/png, found {found}."
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    picture = await _receive(request, reserve, limits.MAX_CORRECTION_BYTES)
    labels = request.query_params.getlist("label")
    if len(labels) != 1:
        detail = f"label: expected one in the query, found {len(labels):,}."
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return labels[0], picture


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Do some work for a client whose request was received, until it hangs up.

    Raises:
        RequestRefused: If it does; the work is cancelled.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.ensure_future(request.receive())  # says nothing else once the body is there
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "The client hung up.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _receive(request: Request, reserve: Reserve, max_bytes: int) -> bytes:
    content_length = request.headers.get("content-length", "")
    if content_length.isdecimal() and int(content_length) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    num_bytes = 0
    try:
        async with asyncio.timeout(limits.UPLOAD_SECONDS):
            async for chunk in request.stream():
                num_bytes += len(chunk)
                if num_bytes > max_bytes:
                    raise _too_large(max_bytes)
                reserve(len(chunk))
                chunks.append(chunk)
    except ClientDisconnect as error:  # no failure of the server's, though nobody reads this
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "The request was cut off.") from error
    except TimeoutError as error:
        detail = f"Expected the whole request within {limits.UPLOAD_SECONDS:g} seconds."
        raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT, detail) from error
    return b"".join(chunks)


def _too_large(max_bytes: int) -> RequestRefused:
    detail = f"Expected at most {max_bytes:,} bytes, found more."
    return RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


class _FormInMemory(MultiPartParser):
    """A form parser that writes no temporary file: the body's size is limited already."""

    spool_max_size = limits.MAX_BODY_BYTES + 1


async def _file_of_form(request: Request, content: bytes) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    detail = "Expected a form with one file, named picture; found none."
    try:
        parser = _FormInMemory(request.headers, stream(), max_files=1, max_fields=8)
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    try:
        picture = form.get("picture")
        if not isinstance(picture, UploadFile):
            raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        return await picture.read()
    finally:
        await form.close()
