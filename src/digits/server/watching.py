"""Routes of the page that shows a training run as it goes."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from digits.errors import DigitsError
from digits.server import problems
from digits.server.problems import RequestRefused
from digits.server.streams import EventStreams
from digits.server.training import TrainingCommand

ERRORS = (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)


class TrainingStatus(BaseModel):
    """Whether a run can be watched, and whether one is trained on request."""

    events: bool = Field(description="Whether /v1/training/events tells how a run goes.")
    on_request: bool = Field(description="Whether POST /v1/training trains a network.")
    is_training: bool = Field(description="Whether one is being trained on request.")
    message: str = Field(description="Why the last attempt failed; empty if it did not.")


def add_watching(
    app: FastAPI, streams: EventStreams | None, trainer: TrainingCommand | None
) -> None:
    """Add the routes.

    Args:
        app: The application.
        streams: What tells how runs go; None if there are none to watch.
        trainer: Trains when asked to; None if it is not to be asked.
    """

    @app.get(
        "/v1/training",
        summary="Tell whether a run can be watched, and trained on request.",
        responses=problems.describe(*ERRORS),
    )
    async def status() -> TrainingStatus:
        return TrainingStatus(
            events=streams is not None,
            on_request=trainer is not None,
            is_training=trainer is not None and trainer.is_training,
            message="" if trainer is None else trainer.message,
        )

    if streams is not None:
        _add_events(app, streams)
    if streams is not None and trainer is not None:

        @app.post(
            "/v1/training",
            summary="Begin to train a network.",
            status_code=HTTPStatus.ACCEPTED,
            responses=problems.describe(
                *ERRORS, HTTPStatus.CONFLICT, HTTPStatus.INSUFFICIENT_STORAGE
            ),
        )
        async def train() -> TrainingStatus:
            """The recipe is `fast`; a process of its own trains. See /v1/training/events."""
            if trainer.is_training:
                detail = "A network is being trained already."
                raise RequestRefused(HTTPStatus.CONFLICT, detail)
            try:
                trainer.start(streams)
            except DigitsError as error:
                raise RequestRefused(HTTPStatus.INSUFFICIENT_STORAGE, str(error)) from error
            return await status()


def _add_events(app: FastAPI, streams: EventStreams) -> None:
    @app.get(
        "/v1/training/events",
        summary="Tell how the run goes, as server-sent events.",
        response_class=Response,
        responses={
            **problems.describe(*ERRORS, HTTPStatus.SERVICE_UNAVAILABLE),
            200: {
                "description": "Events in JSON, from the first one on, and as they come; what each "
                "holds is in docs/guides/serving.md.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
        },
        openapi_extra={
            "parameters": [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "Id of the last event that was received; those after it come.",
                    "schema": {"type": "string"},
                }
            ]
        },
    )
    async def events(request: Request) -> Response:
        """The stream stays open: another run may follow."""
        return streams.open(request.headers.get("last-event-id", ""))
