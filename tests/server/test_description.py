"""The server does what its OpenAPI description says, and nothing else."""

from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck
from schemathesis.specs.openapi.checks import positive_data_acceptance

from digits.reading.reader import Reader
from digits.server.app import create_app
from tests.server.conftest import Client

schema = schemathesis.openapi.from_dict(create_app(Reader()).openapi())


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


def test_the_description_is_served(client: Client) -> None:
    served = client.get("/openapi.json").json()
    assert served == schema.raw_schema
    assert {"/v1/read", "/v1/glyphs", "/healthz", "/readyz", "/metrics"} <= served["paths"].keys()


def test_the_description_explains_every_field_of_a_picture_s_reading() -> None:
    schemas = schema.raw_schema["components"]["schemas"]
    assert schemas["PictureReading"]["required"] == ["text", "lines", "digits", "left_out"]
    for name in ("PictureReading", "LineReading", "DigitReading", "LeftOutMark"):
        for field, described in schemas[name]["properties"].items():
            assert described.get("description"), f"{name}.{field}"
