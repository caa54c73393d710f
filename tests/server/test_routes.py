"""What goes in, what comes out."""

import base64
import io
import json
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from digits.reading.reader import Reader
from digits.server import limits, schemas
from digits.server.batching import MicroBatcher
from tests.reading.drawings import draw
from tests.server.conftest import Client, serving

SERVER = Path(schemas.__file__).parent


def png(text: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw(text, **options)).save(file, "PNG")
    return file.getvalue()


PICTURE = png("1995")


def glyphs_of(reader: Reader, text: str) -> np.ndarray:
    return np.stack([digit.glyph for digit in reader.read(png(text)).digits])


def assert_problem(answer: requests.Response, status: int, detail: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert detail in problem["detail"]


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", None])
def test_a_picture_as_body_is_read_as_the_reader_reads_it(
    client: Client, reader: Reader, kind: str | None
) -> None:
    answer = client.post("/v1/read", data=PICTURE, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 200
    document = answer.json()
    schemas.PictureReading.model_validate(document)
    reading = reader.read(PICTURE)
    assert document["text"] == reading.text == "1995"
    assert document["lines"] == ["1995"]
    for found, digit in zip(document["digits"], reading.digits, strict=True):
        glyph = np.frombuffer(base64.b64decode(found.pop("glyph")), np.uint8)
        np.testing.assert_array_equal(glyph.reshape(28, 28), digit.glyph)
        assert found == json.loads(json.dumps(digit.to_dict()))


def test_a_picture_as_a_form_s_file_is_read_without_a_file_being_written(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))  # writing there would fail
    large = PICTURE + bytes(3_000_000)  # what follows a PNG's end is nothing of it
    answer = client.post("/v1/read", files={"picture": ("1995.png", large, "image/png")})
    assert (answer.status_code, answer.json()["text"]) == (200, "1995")


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"photo": ("a.png", PICTURE)}},
        {"files": {"picture": (None, "text")}},
        {"data": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"no form", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": PICTURE, "headers": {"Content-Type": "multipart/form-data"}},
        {"files": [("picture", ("a.png", PICTURE)), ("picture", ("b.png", PICTURE))]},
    ],
    ids=["other name", "no file", "cut off", "no form", "no boundary", "two files"],
)
def test_a_form_without_its_one_picture_is_refused(client: Client, form: dict[str, Any]) -> None:
    assert_problem(client.post("/v1/read", **form), 422, "a form with one file, named picture")


def test_a_blank_picture_has_no_digits(client: Client) -> None:
    answer = client.post("/v1/read", data=png(""))
    assert answer.json() == {"text": "", "lines": [], "digits": []}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "an empty file"),
        (b"no picture", "Expected a picture"),
        (PICTURE[:300], "damaged or cut off"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Expected a picture"),
    ],
)
def test_what_is_no_picture_is_a_problem_that_says_why(
    client: Client, body: bytes, detail: str
) -> None:
    assert_problem(client.post("/v1/read", data=body), 422, detail)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(client: Client) -> None:
    file = io.BytesIO()
    Image.new("1", (10_000, limits.MAX_PIXELS // 10_000 + 1)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    assert_problem(client.post("/v1/read", data=file.getvalue()), 422, f"{limits.MAX_PIXELS:,}")


def test_glyphs_are_the_same_as_json_and_as_bytes(client: Client, reader: Reader) -> None:
    glyphs = glyphs_of(reader, "80317")
    as_json = client.post("/v1/glyphs", json={"glyphs": glyphs.tolist()})
    as_bytes = client.post(
        "/v1/glyphs",
        data=glyphs.tobytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert as_json.status_code == as_bytes.status_code == 200
    document = as_json.json()
    assert document == as_bytes.json()
    schemas.GlyphReadings.model_validate(document)
    assert [digit["label"] for digit in document["digits"]] == [8, 0, 3, 1, 7]


def test_layers_are_told_of_one_glyph(client: Client, reader: Reader) -> None:
    (glyph,) = glyphs_of(reader, "3")
    answer = client.post("/v1/layers", json={"glyphs": [glyph.tolist()]})
    assert answer.status_code == 200
    schemas.LayerReadings.model_validate(answer.json())
    layers = answer.json()["layers"]
    expected = reader.network.open_layers().of(glyph)
    for found, layer in zip(layers, expected, strict=True):
        values = np.frombuffer(base64.b64decode(found["maps"]), np.uint8)
        span = found["high"] - found["low"]
        np.testing.assert_allclose(
            found["low"] + values.reshape(layer.maps.shape) / 255 * span,
            layer.maps,
            atol=span / 255,
        )
    assert_problem(
        client.post("/v1/layers", json={"glyphs": [glyph.tolist()] * 2}), 422, "one glyph, found 2"
    )


GLYPH = [[0] * 28] * 28


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"{}", "glyphs: Field required"),
        (json.dumps({"glyphs": []}).encode(), "at least 1 item"),
        (json.dumps({"glyphs": [GLYPH[:27]]}).encode(), "glyphs[0]: List should have at least 28"),
        (json.dumps({"glyphs": [[[256] * 28] * 28]}).encode(), "glyphs[0][0][0]: Input should be"),
        (json.dumps({"glyphs": [[[0.5] * 28] * 28]}).encode(), "multiple of 1"),
        (json.dumps({"glyphs": [[["1"] * 28] * 28]}).encode(), "valid number"),
        (b'{"glyphs": [[[NaN]]]}', "NaN"),
        (b"[" * 100_000, "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_glyphs_in_other_forms_are_refused(client: Client, body: bytes, detail: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/glyphs", data=body, headers=headers)
    if "NaN" in detail:
        assert answer.status_code == 422
    else:
        assert_problem(answer, 422, detail)


@pytest.mark.parametrize("size", [0, 783, 785, 784 * (limits.MAX_GLYPHS + 1)])
def test_bytes_that_are_no_whole_glyphs_or_too_many_are_refused(client: Client, size: int) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post("/v1/glyphs", data=bytes(size), headers=headers)
    assert_problem(answer, 422, f"found {size:,} bytes")


def test_glyphs_of_an_unknown_type_are_refused(client: Client) -> None:
    answer = client.post("/v1/glyphs", data=b"1", headers={"Content-Type": "text/csv"})
    assert_problem(answer, 415, "found text/csv")


def test_what_is_not_there_and_what_can_t_be_done_are_problems(client: Client) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "Not Found")
    answer = client.get("/v1/read")
    assert_problem(answer, 405, "Method Not Allowed")
    assert answer.headers["Allow"] == "POST"


def test_the_server_says_how_it_is_and_what_reads(client: Client, reader: Reader) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/v1/network").json() == {
        "parameters": 155466,
        "test_accuracy": 0.9966,
        "threshold": reader.threshold,
    }


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
        for address in ("/", "/page/style.css", "/page/nothing", "/a/b/c"):
            client.get(address)
        counts = samples(client)
    assert counts["digits_requests_total", "/v1/read", "200"] == 1
    assert counts["digits_requests_total", "/v1/read", "422"] == 1
    assert counts["digits_request_seconds_count", "/v1/read"] == 2
    assert counts["digits_batch_glyphs_sum",] == 3
    # Whatever addresses are tried, there are no more labels than routes.
    assert counts["digits_requests_total", "/", "404"] == 2
    assert counts["digits_requests_total", "/", "200"] == 2
    assert counts["digits_requests_running",] == 1  # this one


class SlowReader(Reader):
    """Reads when it is let."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.network)
        self.is_reading, self.may_read = threading.Semaphore(0), threading.Event()
        self.batches: list[int] = []

    def read(self, source: Any, *, rotate: bool = True) -> Any:
        self.is_reading.release()
        assert self.may_read.wait(30)
        return super().read(source, rotate=rotate)

    def classify(self, glyphs: Any) -> Any:
        self.batches.append(len(glyphs))
        self.is_reading.release()
        assert self.may_read.wait(30)
        return super().classify(glyphs)


class Asked(threading.Thread):
    """A request under way."""

    def __init__(self, client: Client, address: str, **body: Any) -> None:
        super().__init__()
        self.client, self.address, self.body = Client(client.port), address, body
        self.start()

    def run(self) -> None:
        with self.client:
            self.answer = self.client.post(self.address, **self.body)

    def wait(self) -> requests.Response:
        self.join(60)
        return self.answer


def test_more_requests_than_there_are_places_are_told_to_come_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_REQUESTS", 1)
    slow = SlowReader(reader)
    with serving(slow) as client:
        first = Asked(client, "/v1/read", data=PICTURE)
        assert slow.is_reading.acquire(timeout=30)
        for answer in (client.post("/v1/read", data=PICTURE), client.get("/readyz")):
            assert_problem(answer, 503, "")
            assert answer.headers["Retry-After"] == "1"
        assert client.get("/healthz").status_code == 200  # the loop is free meanwhile
        slow.may_read.set()
        assert first.wait().json()["text"] == "1995"
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"


def test_more_bytes_than_there_is_room_for_are_told_to_come_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_AT_ONCE", len(PICTURE) + 10)
    slow = SlowReader(reader)
    with serving(slow) as client:
        first = Asked(client, "/v1/read", data=PICTURE)
        assert slow.is_reading.acquire(timeout=30)
        assert_problem(client.post("/v1/read", data=PICTURE), 503, "Too many large pictures")
        slow.may_read.set()
        assert first.wait().status_code == 200
        assert client.post("/v1/read", data=PICTURE).status_code == 200


def test_what_takes_too_long_is_given_up_and_its_place_is_free_again(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READING_SECONDS", 0.05)
    slow = SlowReader(reader)
    with serving(slow) as client:
        glyphs = {"glyphs": [GLYPH]}
        for _ in range(2):
            assert_problem(client.post("/v1/read", data=PICTURE), 503, "longer than 0.05 seconds")
        assert_problem(client.post("/v1/glyphs", json=glyphs), 503, "longer than 0.05 seconds")
        slow.may_read.set()
        monkeypatch.setattr(limits, "READING_SECONDS", 30.0)
        assert client.post("/v1/read", data=PICTURE).json()["text"] == "1995"
        assert client.post("/v1/glyphs", json=glyphs).status_code == 200


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released by each request for glyphs as it comes to the desk."""
    arrived, classify = threading.Semaphore(0), MicroBatcher.classify

    async def noted(self: MicroBatcher, glyphs: Any) -> Any:
        arrived.release()
        return await classify(self, glyphs)

    monkeypatch.setattr(MicroBatcher, "classify", noted)
    return arrived


def test_glyphs_that_arrive_together_are_read_together(
    reader: Reader, arrivals: threading.Semaphore
) -> None:
    slow = SlowReader(reader)
    digits = "3141592653"
    glyphs = glyphs_of(reader, digits)
    with serving(slow) as client:
        asked = [Asked(client, "/v1/glyphs", json={"glyphs": [glyphs[0].tolist()]})]
        assert slow.is_reading.acquire(timeout=30)
        asked += [Asked(client, "/v1/glyphs", json={"glyphs": [g.tolist()]}) for g in glyphs[1:]]
        assert all(arrivals.acquire(timeout=30) for _ in asked)
        slow.may_read.set()
        labels = [request.wait().json()["digits"][0]["label"] for request in asked]
    assert labels == [int(digit) for digit in digits]
    assert slow.batches == [1, 9]


def test_no_batch_is_larger_than_the_largest_request(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, arrivals: threading.Semaphore
) -> None:
    monkeypatch.setattr(limits, "MAX_GLYPHS", 4)
    slow = SlowReader(reader)
    with serving(slow) as client:
        asked = [Asked(client, "/v1/glyphs", json={"glyphs": [GLYPH] * 3}) for _ in range(5)]
        assert all(arrivals.acquire(timeout=30) for _ in asked)
        slow.may_read.set()
        assert [len(request.wait().json()["digits"]) for request in asked] == [3] * 5
    assert slow.batches == [3] * 5


def test_a_failure_in_a_batch_is_told_to_all_in_it_and_ends_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Reader):
        fails = True

        def classify(self, glyphs: Any) -> Any:
            if self.fails:
                raise RuntimeError("no")
            return super().classify(glyphs)

    failing = Failing(reader.network)
    with serving(failing) as client:
        answer = client.post("/v1/glyphs", json={"glyphs": [GLYPH]})
        assert_problem(answer, 500, "An internal error")
        failing.fails = False
        assert client.post("/v1/glyphs", json={"glyphs": [GLYPH]}).status_code == 200


def test_of_a_million_faults_the_first_is_told(client: Client) -> None:
    body = json.dumps({"glyphs": [[[""] * 28] * 28] * limits.MAX_GLYPHS}).encode()
    answer = client.post("/v1/glyphs", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "glyphs[0][0][0]: Input should be a valid number")


def test_more_glyphs_than_may_come_are_refused_before_they_are_parsed(client: Client) -> None:
    body = b"[" * (limits.MAX_GLYPHS_BYTES + 1)
    with Client(client.port) as one:
        answer = one.post("/v1/glyphs", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "at most 6,000,000 bytes")


def test_bodies_past_the_limit_are_refused_told_or_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 1000)
    for body in (bytes(1001), iter([bytes(600)] * 2)):  # with their length, and in chunks
        with Client(client.port) as one:
            assert_problem(one.post("/v1/read", data=body), 413, "at most 1,000 bytes")


def test_a_body_that_does_not_come_is_not_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.05)
    head = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    status, body = heard(client.port, head + b"a")
    assert status == b"HTTP/1.1 408 Request Timeout"
    assert "within 0.05 seconds" in json.loads(body)["detail"]


def heard(port: int, sent: bytes) -> tuple[bytes, bytes]:
    """First line and body of the answer to some bytes, after which the connection is ended."""
    with socket.create_connection(("localhost", port), timeout=30) as asking:
        asking.sendall(sent)
        answer = b""
        while chunk := asking.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


def test_a_head_that_is_too_long_is_refused_as_it_comes(client: Client) -> None:
    status, body = heard(client.port, b"GET / HTTP/1.1\r\nX: " + b"a" * limits.MAX_HEAD_BYTES)
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert (
        json.loads(body)["detail"] == "Expected at most 64,000 bytes before the body, found more."
    )


def send_for_ever(asking: socket.socket) -> None:
    for _ in range(1000):
        asking.sendall(b"a" * 10_000)


def test_what_follows_a_body_is_limited_like_what_comes_before(client: Client) -> None:
    head = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("localhost", client.port), timeout=30) as asking:
        asking.sendall(head + b"1\r\na\r\n0\r\nX: ")
        with pytest.raises(ConnectionError):
            send_for_ever(asking)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: local", b"G", b""])
def test_a_head_that_does_not_end_is_not_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(limits, "UPLOAD_SECONDS", 0.05)
    status, body = heard(client.port, sent)
    if sent:
        assert status == b"HTTP/1.1 408 Request Timeout"
        assert "within 0.05 seconds" in json.loads(body)["detail"]
    else:
        assert (status, body) == (b"", b"")


def test_what_is_no_http_is_a_problem_too(client: Client) -> None:
    status, body = heard(client.port, b"\x00\r\n\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["status"] == 400


def test_the_documentation_tells_the_limits() -> None:
    document = (SERVER.parents[2] / "docs" / "serving.md").read_text()
    for name in limits.__all__:
        value = getattr(limits, name)
        shown = "cores" if name == "NUM_READERS" else f"{value:,.0f}"
        row = next(line for line in document.splitlines() if f"`{name}`" in line)
        assert shown in row
