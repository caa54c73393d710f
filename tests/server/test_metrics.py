"""Prometheus metrics: what is counted, and under which names."""

from prometheus_client.parser import text_string_to_metric_families

from digits.reading.reader import Reader
from tests.server.conftest import GLYPH, PICTURE, Client, serving


def samples(client: Client) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status(reader: Reader) -> None:
    with serving(reader) as client:
        client.post("/v1/read", data=PICTURE)
        client.post("/v1/read", data=b"none")
        client.post("/v1/glyphs", json={"glyphs": [GLYPH] * 3})
        for path in ("/", "/page/style.css", "/page/nothing", "/a/b/c"):
            client.get(path)
        counts = samples(client)
    assert counts["digits_requests_total", "/v1/read", "200"] == 1
    assert counts["digits_requests_total", "/v1/read", "422"] == 1
    assert counts["digits_request_seconds_count", "/v1/read"] == 2
    assert counts["digits_batch_glyphs_sum",] == 3
    # Whatever paths are requested, there are no more label values than routes.
    assert counts["digits_requests_total", "/", "404"] == 2
    assert counts["digits_requests_total", "/", "200"] == 2
    assert counts["digits_requests_running",] == 1  # this one
