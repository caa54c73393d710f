"""Errors as JSON of one form.

Source: RFC 9457, Problem Details for HTTP APIs.
"""

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

from digits.server.limits import RETRY_SECONDS

LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was not done."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was expected, and what was found.")


class Refusal(HTTPException):
    """A request that is not done, and why, in a line."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
        super().__init__(int(status), detail, headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not done."""
    title = HTTPStatus(status).phrase
    content = Problem(type="about:blank", title=title, status=status, detail=detail)
    body = json.dumps(content.model_dump()).encode()
    return Response(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def describe(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the answers of a route that are problems."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def add_handlers(app: FastAPI) -> None:
    """Have refusals told as problems."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, error.detail, error.headers)


class Failures:
    """Middleware that tells what went wrong here as a problem, and the rest to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the connection lives on if that fails."""
        is_answered = False

        async def note(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self.app(scope, receive, note)
        except Exception:
            LOG.exception("A request failed")
            if is_answered or scope["type"] != "http":
                raise
            answer = problem(500, "Something went wrong here; the server's log has more.")
            await answer(scope, receive, send)
