"""Problem details: every error response has the same JSON form.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.errors import is_out_of_memory
from digits.server.limits import RETRY_SECONDS

LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was refused or failed."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was expected and what was found, in one line.")


class RequestRefused(HTTPException):
    """Raised to refuse a request, with the reason in one line."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(int(status), detail, headers)


class Overloaded(RequestRefused):
    """Raised when a request exceeds what the server can do now: 503, with Retry-After."""

    def __init__(self, reason: str) -> None:
        detail = f"{reason}; try again in {RETRY_SECONDS} s."
        headers = {"Retry-After": str(RETRY_SECONDS)}
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers)


def problem_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Make an error response."""
    title = HTTPStatus(status).phrase
    content = Problem(type="about:blank", title=title, status=status, detail=detail)
    body = json.dumps(content.model_dump()).encode()
    return Response(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def describe(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe a route's error responses for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def add_handlers(app: FastAPI) -> None:
    """Have each `HTTPException`, so each `RequestRefused` too, answered with problem details."""

    @app.exception_handler(HTTPException)
    async def respond(request: Request, error: HTTPException) -> Response:
        return _refusal(error)


def _refusal(error: HTTPException) -> Response:
    return problem_response(error.status_code, error.detail, error.headers)


class ErrorMiddleware:
    """Middleware that answers unexpected exceptions with a 500, and logs their tracebacks.

    Want of memory is a 503: it passes, and has no place in the code. So is a request that is
    cancelled, which the server does when it ends.

    Starlette's `ServerErrorMiddleware` is outside of all other middleware, so that its responses
    would lack the security headers, and it raises the exception again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; the connection stays open after a 500."""
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            if has_started:  # the response is cut off, which closes the connection
                return
            await _refusal(Overloaded("The server is shutting down"))(scope, receive, send)
        except Exception as error:
            is_full = is_out_of_memory(error)
            if not is_full:
                LOG.exception("A request failed")
            if has_started or scope["type"] != "http":
                raise
            detail = "An internal error occurred; see the server's log."
            response = (
                _refusal(Overloaded("There is not enough memory"))
                if is_full
                else problem_response(500, detail)
            )
            await response(scope, receive, send)
