"""The server's description: schemathesis asks a server what it allows, and what it does not."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from findings import Findings
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import SERVE, Server, expect_alive, started

NUM_EXAMPLES = 500
"""Requests to each route that follow the description, and as many that do not."""

SETTINGS = hypothesis.settings(
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def checker(server: Server, name: str, findings: Findings) -> Callable[[Any], None]:
    """Make a function that sends a request, and checks the answer in all ways there are."""
    base_url = f"http://localhost:{server.address[1]}"

    def check(case: schemathesis.Case[Any]) -> None:
        # A schema can't say which bytes are a picture, or that glyphs have 784 bytes each.
        is_json = case.media_type in (None, "application/json")
        excluded: list[Any] = [] if is_json else [positive_data_acceptance]
        before = time.monotonic()
        try:
            case.call_and_validate(base_url=base_url, excluded_checks=excluded)
        finally:
            findings.add(name, time.monotonic() - before, 0)

    return check


def ask(server: Server, num_examples: int, seed: int, findings: Findings) -> None:
    """Ask each route with requests that follow the description, and with others."""
    _, described = server.ask("GET", "/openapi.json")
    schema = schemathesis.openapi.from_dict(json.loads(described))
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found.err()
        operation = found.ok()
        for mode in GenerationMode:
            name = f"{operation.label}, {mode.value}"
            check = hypothesis.given(operation.as_strategy(generation_mode=mode))(
                checker(server, name, findings)
            )
            examples = hypothesis.settings(SETTINGS, max_examples=num_examples)
            try:
                hypothesis.seed(seed)(examples(check))()
            except hypothesis.errors.Unsatisfiable:
                pass  # what has no parameters can't be asked otherwise
            except (Exception, FailureGroup) as error:  # or the server is gone
                said = " ".join(f"{type(error).__name__}: {error}".split())[:500]
                findings.faults.expect(False, f"{name}, seed {seed}: {said}")


def attack(part: float, seed: int, kept: Path) -> Findings:
    """Ask a server with a part of the examples."""
    findings = Findings()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(SERVE, Path(folder) / "server.log") as server,
    ):
        ask(server, max(1, round(part * NUM_EXAMPLES)), seed, findings)
        expect_alive(server, "after all requests", findings.faults)
        findings.largest_bytes, findings.largest = round(1e6 * server.memory("VmHWM")), "the server"
        logged = server.log.read_text().splitlines()[1:]  # after its address
        findings.faults.expect(not logged, f"the server logged {logged[-1:]}")
    return findings
