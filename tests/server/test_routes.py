"""The routes: what they accept, what they return, and what they refuse."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from digits.reading.line_reader import LineReader
from digits.reading.reader import Reader
from digits.server import limits, schemas
from tests.server.conftest import GLYPH, PICTURE, Client, assert_problem, png

SERVER = Path(schemas.__file__).parent


def glyphs_of(reader: Reader, text: str) -> np.ndarray:
    return np.stack([digit.glyph for digit in reader.read(png(text)).digits])


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", None])
def test_a_picture_is_read_as_the_reader_reads_it(
    client: Client, reader: Reader, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = client.post("/v1/read", data=PICTURE, headers=headers)
    assert response.status_code == 200
    document = response.json()
    schemas.PictureReading.model_validate(document)
    reading = reader.read(PICTURE)
    assert document["text"] == reading.text == "1995"
    assert document["lines"] == json.loads(json.dumps([line.to_dict() for line in reading.lines]))
    assert [line["text"] for line in document["lines"]] == ["1995"]
    assert document["left_out"] == []
    for found, digit in zip(document["digits"], reading.digits, strict=True):
        glyph = np.frombuffer(base64.b64decode(found.pop("glyph")), np.uint8)
        np.testing.assert_array_equal(glyph.reshape(28, 28), digit.glyph)
        assert found == json.loads(json.dumps(digit.to_dict()))


def test_lines_have_their_separators_and_marks_are_left_out(client: Client) -> None:
    document = client.post("/v1/read", data=png("12,5")).json()
    reading = schemas.PictureReading.model_validate(document)
    (line,) = reading.lines
    assert (reading.text, line.text, line.written) == ("125", "125", "12,5")
    (comma,) = reading.left_out
    assert (comma.kind, comma.text) == ("separator", ",")
    assert reading.digits[1].box[0] < comma.box[0] < reading.digits[2].box[0]


def white(format: str) -> bytes:
    """A picture of 16 bits that is white everywhere."""
    file = io.BytesIO()
    Image.fromarray(np.full((60, 90), 65_535, np.uint16)).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(
    "picture", [png(""), white("PNG"), white("TIFF")], ids=["PNG", "16-bit PNG", "16-bit TIFF"]
)
def test_a_blank_picture_has_no_digits(client: Client, picture: bytes) -> None:
    response = client.post("/v1/read", data=picture)
    assert response.status_code == 200
    assert response.json() == {
        "text": "",
        "turned": 0,
        "lines": [],
        "digits": [],
        "left_out": [],
    }


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "an empty file"),
        (b"no picture", "Expected a picture"),
        (PICTURE[:300], "damaged or cut off"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "found SVG: save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "found HEIC: save it as PNG or JPEG"),
    ],
)
def test_a_body_that_is_not_a_picture_is_refused_with_the_reason(
    client: Client, body: bytes, detail: str
) -> None:
    assert_problem(client.post("/v1/read", data=body), 422, detail)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(client: Client) -> None:
    file = io.BytesIO()
    Image.new("1", (10_000, limits.MAX_PIXELS // 10_000 + 1)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    assert_problem(client.post("/v1/read", data=file.getvalue()), 422, f"{limits.MAX_PIXELS:,}")


def test_glyphs_as_json_and_as_bytes_are_read_alike(client: Client, reader: Reader) -> None:
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


def test_layers_are_the_network_s_activations_for_one_glyph(client: Client, reader: Reader) -> None:
    (glyph,) = glyphs_of(reader, "3")
    response = client.post("/v1/layers", json={"glyphs": [glyph.tolist()]})
    assert response.status_code == 200
    schemas.LayerReadings.model_validate(response.json())
    layers = response.json()["layers"]
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
def test_malformed_glyphs_are_refused(client: Client, body: bytes, detail: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/v1/glyphs", data=body, headers=headers)
    if "NaN" in detail:
        assert response.status_code == 422
    else:
        assert_problem(response, 422, detail)


def test_of_a_million_faults_only_the_first_is_reported(client: Client) -> None:
    body = json.dumps({"glyphs": [[[""] * 28] * 28] * limits.MAX_GLYPHS}).encode()
    response = client.post("/v1/glyphs", data=body, headers={"Content-Type": "application/json"})
    assert_problem(response, 422, "glyphs[0][0][0]: Input should be a valid number")


@pytest.mark.parametrize("size", [0, 783, 785, 784 * (limits.MAX_GLYPHS + 1)])
def test_bytes_of_broken_or_too_many_glyphs_are_refused(client: Client, size: int) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    response = client.post("/v1/glyphs", data=bytes(size), headers=headers)
    assert_problem(response, 422, f"found {size:,} bytes")


def test_glyphs_of_an_unknown_type_are_refused(client: Client) -> None:
    response = client.post("/v1/glyphs", data=b"1", headers={"Content-Type": "text/csv"})
    assert_problem(response, 415, "found text/csv")


def fail_with(error: Exception) -> Callable[..., NoReturn]:
    """A function that fails, whatever it is given."""

    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def test_a_defect_that_a_picture_shows_is_one_line_in_the_log(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(LineReader, "read", fail_with(ZeroDivisionError("of\nsomething")))
    refused = client.post("/v1/read", data=PICTURE)
    assert_problem(refused, 500, "This picture can't be read, which is a defect; see the server's")
    (record,) = caplog.records
    assert record.getMessage() == (
        "The picture can't be read, which is a defect of digits; please report it: "
        "ZeroDivisionError: of something"
    )
    assert record.exc_info is None


def test_any_other_defect_is_in_the_log_with_its_traceback(
    client: Client,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(reader.network, "probabilities", fail_with(ZeroDivisionError()))
    refused = client.post("/v1/glyphs", json={"glyphs": [GLYPH]})
    assert_problem(refused, 500, "An internal error occurred; see the server's log.")
    (record,) = caplog.records
    assert record.exc_info


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc")], ids=repr)
def test_want_of_memory_is_an_overload_and_no_defect(
    client: Client,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    monkeypatch.setattr(LineReader, "read", fail_with(error))
    monkeypatch.setattr(reader.network, "probabilities", fail_with(error))
    for response in (
        client.post("/v1/read", data=PICTURE),
        client.post("/v1/glyphs", json={"glyphs": [GLYPH]}),
    ):
        assert_problem(response, 503, "There is not enough memory; try again in 1 s.")
        assert response.headers["Retry-After"] == "1"
    assert caplog.text == ""


def test_unknown_paths_and_methods_are_answered_with_problem_details(client: Client) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "Not Found")
    response = client.get("/v1/read")
    assert_problem(response, 405, "Method Not Allowed")
    assert response.headers["Allow"] == "POST"


def test_the_server_describes_its_state_and_its_network(client: Client, reader: Reader) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/v1/network").json() == {
        "parameters": 155466,
        "test_accuracy": 0.9966,
        "threshold": reader.threshold,
        "names_digits": False,
        "learning": None,
    }


def test_the_network_s_file_is_sent_once(client: Client, reader: Reader) -> None:
    response = client.get("/v1/network/onnx")
    assert response.content == reader.network.content
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    again = client.get("/v1/network/onnx", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_documentation_lists_the_limits() -> None:
    document = (SERVER.parents[2] / "docs" / "guides" / "serving.md").read_text()
    for name in limits.__all__:
        value = getattr(limits, name)
        shown = "cores" if name == "NUM_READERS" else f"{value:,.0f}"
        row = next(line for line in document.splitlines() if f"`{name}`" in line)
        assert shown in row
