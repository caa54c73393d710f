"""Commands that stand for the one that learns, and a server that takes corrections."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits import reading
from digits.reading.reader import Reader
from digits.server.learning import LearningCommand
from tests.server.conftest import Client, serving

WEIGHTS = Path(reading.__file__).parent / "weights"

LEARNS = f"""
import json
print(json.dumps({{"model": {str(WEIGHTS / "reader.onnx")!r}, "summary": "Better by a third."}}))
"""
"""A command that says at once that it learned the package's own network."""


def open_reader(model: str) -> Reader:
    return Reader(model, num_threads=1)


def learner_that(code: str, folder: Path) -> LearningCommand:
    """Learn by code of Python; its arguments are a folder, --out, a path, and --json."""
    return LearningCommand(folder, open_reader, command=(sys.executable, "-c", code))


@contextmanager
def taking(reader: Any, folder: Path, code: str = LEARNS) -> Iterator[Client]:
    """Serve, and take corrections."""
    with serving(reader, learner=learner_that(code, folder)) as client:
        yield client


def correct(client: Client, picture: bytes, label: str, **headers: str) -> Any:
    """Send a correction."""
    return client.post(
        "/v1/corrections",
        params={"label": label},
        data=picture,
        headers={"Content-Type": "image/png", **headers},
    )


def status(client: Client) -> dict[str, Any]:
    """What the server says of learning."""
    found: dict[str, Any] = client.get("/v1/network").json()["learning"]
    return found


def status_when(client: Client, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until it is so."""
    while not is_so(found := status(client)):
        pass
    return found


def finished(client: Client) -> dict[str, Any]:
    """What the server says once nothing is being learned."""
    return status_when(client, lambda found: not found["is_learning"])
