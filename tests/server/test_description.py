"""The server does what its OpenAPI description says, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis.specs.openapi.checks import positive_data_acceptance

from digits.reading.reader import Reader
from digits.server.app import create_app
from tests.server.conftest import PICTURE, Client
from tests.server.learning import LEARNS, correct, learner_that, taking

LEARNING = {"/v1/corrections", "/v1/learning", "/v1/learning/adopt", "/v1/learning/revert"}
"""Routes of a server that takes corrections."""

schema = schemathesis.openapi.from_dict(create_app(Reader()).openapi())

learning_schema = schemathesis.openapi.from_dict(
    create_app(Reader(), learner=learner_that(LEARNS, Path())).openapi()
)


@schema.parametrize()
@hypothesis.settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_each_route_follows_its_description(case: schemathesis.Case[Any], client: Client) -> None:
    # A schema can't say which bytes are a picture, or that glyphs have 784 bytes each.
    is_json = case.media_type in (None, "application/json")
    excluded: list[Any] = [] if is_json else [positive_data_acceptance]
    base_url = f"http://localhost:{client.port}"
    case.call_and_validate(base_url=base_url, excluded_checks=excluded)


@pytest.fixture(scope="module")
def taker(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that takes corrections, and has one already."""
    with taking(reader, tmp_path_factory.mktemp("kept")) as client:
        assert correct(client, PICTURE, "1995").status_code == 201
        yield client


@learning_schema.include(path=sorted(LEARNING)).parametrize()
@hypothesis.settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_each_route_of_learning_follows_its_description(
    case: schemathesis.Case[Any], taker: Client
) -> None:
    base_url = f"http://localhost:{taker.port}"
    # A schema can't say which bytes are a picture, or whether there is anything to do.
    case.call_and_validate(base_url=base_url, excluded_checks=[positive_data_acceptance])


def test_routes_of_learning_are_described_where_there_are_any() -> None:
    paths = learning_schema.raw_schema["paths"].keys()
    assert paths - schema.raw_schema["paths"].keys() == LEARNING


def test_the_description_is_served(client: Client) -> None:
    served = client.get("/openapi.json").json()
    assert served == schema.raw_schema
    assert {"/v1/read", "/v1/glyphs", "/healthz", "/readyz", "/metrics"} <= served["paths"].keys()


def test_the_description_explains_every_field_of_a_picture_s_reading() -> None:
    schemas = schema.raw_schema["components"]["schemas"]
    assert schemas["PictureReading"]["required"] == [
        "text",
        "turned",
        "lines",
        "digits",
        "left_out",
    ]
    for name in ("PictureReading", "LineReading", "DigitReading", "LeftOutMark"):
        for field, described in schemas[name]["properties"].items():
            assert described.get("description"), f"{name}.{field}"
