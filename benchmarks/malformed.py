"""Malformed requests: broken HTTP, pictures, JSON and forms, generated from a seed (fuzzing)."""

import json
import random
import re
import socket
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from drawn_digit import encode, glyph

from digits.server import limits

ANSWER_SECONDS = 30
SILENCE_SECONDS = 0.3
"""Time after which a silent server is taken to wait for the rest of a request."""


class Malformed(NamedTuple):
    """Bytes to send. If the request is not whole, the server may rightly wait for more."""

    content: bytes
    is_whole: bool = True


def http_request(
    path: str = "/v1/read",
    body: bytes = b"",
    kind: str = "image/png",
    *,
    method: str = "POST",
    **headers: str,
) -> bytes:
    """The bytes of a request; in names of headers, underscores stand for hyphens."""
    all_headers = {
        "Host": "localhost",
        "Connection": "close",
        "Content_Type": kind,
        "Content_Length": str(len(body)),
        **headers,
    }
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in all_headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def bad_first_line(rng: random.Random) -> Malformed:
    lines = [
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"get / http/1.1\r\n\r\n",
        b"POST /v1/read HTTP/9.9\r\n\r\n",
        b"POST  /v1/read  HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS ClientHello
        b"\r\n" * 100,
        b"GET /" + b"a" * rng.randrange(100_000) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        rng.randbytes(rng.randrange(1, 2000)),
    ]
    return Malformed(rng.choice(lines), is_whole=False)


def bad_header(rng: random.Random) -> Malformed:
    lines = [
        b"X: " + b"a" * rng.randrange(1_000_000),
        b"\r\n".join(b"X%d: a" % index for index in range(rng.randrange(5000))),
        b"no colon",
        b": no name",
        b"X: \x00\x01\x7f\xff",
        b"X\x00: a",
        b"X: a\r\n b",
        b"Content-Length: -1",
        b"Content-Length: 1e3",
        b"Content-Length: " + b"9" * 30,
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: rot13",
        b"Connection: upgrade\r\nUpgrade: websocket",
        b"Expect: 100-continue\r\nContent-Length: 5",
        b"Content-Type: " + rng.randbytes(20).hex().encode() * 100,
        b"Content-Type: multipart/form-data; boundary=\xff\xfe",
    ]
    start = rng.choice([b"POST /v1/read", b"POST /v1/glyphs", b"GET /healthz"])
    content = start + b" HTTP/1.1\r\nHost: localhost\r\n" + rng.choice(lines) + b"\r\n\r\n"
    return Malformed(content, is_whole=False)


def wrong_length(rng: random.Random) -> Malformed:
    body = encode(".png")
    content_length = rng.choice(
        [0, 1, 100, len(body) - 1, len(body) + 1, 10 * len(body), 19_999_999]
    )
    content = http_request(body=body, Content_Length=str(content_length), Connection="keep-alive")
    return Malformed(content, is_whole=content_length <= len(body))


def cut_off(rng: random.Random) -> Malformed:
    content = http_request(body=encode(".png"))
    return Malformed(content[: rng.randrange(1, len(content))], is_whole=False)


def bad_chunks(rng: random.Random) -> Malformed:
    start = http_request().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunks = [
        b"zz\r\nabc\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"5\r\nabc\r\n0\r\n\r\n",
        b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"f" * 17 + b"\r\nabc",
        b"5;" + b"a" * 10_000 + b"\r\nabcde\r\n0\r\n\r\n",
        b"5\r\nabcde\r\n0\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        rng.randbytes(100),
    ]
    return Malformed(start + rng.choice(chunks), is_whole=False)


def bad_picture(rng: random.Random) -> Malformed:
    content = bytearray(encode(rng.choice([".png", ".jpg", ".webp", ".bmp", ".tiff"])))
    fault = rng.randrange(5)
    if fault == 0:
        content = content[: rng.randrange(len(content))]
    elif fault == 1:
        for _ in range(rng.choice([1, 10, 100])):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif fault == 2:
        content = bytearray(rng.randbytes(rng.randrange(5000)))
    elif fault == 3:
        content[: rng.randrange(1, 100)] = encode(".png")[: rng.randrange(100)]
    else:
        content = bytearray(png_with_size(rng.choice([0, 1, 20_000, 2**31 - 1])))
    kind = rng.choice(["image/png", "image/jpeg", "text/html", "application/octet-stream", ""])
    return Malformed(http_request(body=bytes(content), kind=kind))


def png_with_size(side: int) -> bytes:
    """A small PNG whose header claims a side of so many pixels, with a correct checksum."""
    header = b"IHDR" + struct.pack(">II", side, side) + b"\x08\x00\x00\x00\x00"
    content = encode(".png")
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def bad_json(rng: random.Random) -> Malformed:
    rows = glyph()
    values = ["NaN", "Infinity", "-1", "256", "1e999", "1.5", '"0"', "null", "true", "9" * 5000]
    pixel = json.dumps({"glyphs": [rows]}).replace("0", rng.choice(values), 1)
    deep = rng.choice([100, 10_000, 1_000_000])
    bodies = [
        pixel,
        json.dumps({"glyphs": rows}),
        json.dumps({"glyphs": [rows[:27]]}),
        json.dumps({"glyphs": [[row[:27] for row in rows]]}),
        json.dumps({"glyphs": [[*rows, rows[0]]]}),
        json.dumps({"glyphs": [[]]}),
        json.dumps({"glyphs": []}),
        json.dumps({"glyphs": [[[0] * 28] * 28] * (limits.MAX_GLYPHS + 1)}),
        json.dumps({"glyphs": {"0": rows}}),
        json.dumps({"glyphs": [rows], "more": 1}),
        json.dumps([rows]),
        "[" * deep,
        '{"glyphs":' * deep,
        '{"glyphs": ' + "[" * deep + "]" * deep + "}",
        '{"glyphs": [[[0, 0',
        '"\ud800"',
        "\x00",
        "",
        "null",
    ]
    body = rng.choice(bodies).encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        body = body.decode("utf-8", "replace").encode("utf-16")
    path = rng.choice(["/v1/glyphs", "/v1/layers"])
    kind = rng.choice(["application/json"] * 8 + ["application/octet-stream", "text/plain"])
    return Malformed(http_request(path, body, kind))


def bad_form(rng: random.Random) -> Malformed:
    part = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    file = part % (b"picture", b'; filename="a.png"', encode(".png"))
    bodies = [
        b"",
        b"--b--\r\n",
        file,  # no end
        file[: rng.randrange(len(file))],
        part % (b"picture", b"", b"7") + b"--b--\r\n",
        part % (b"other", b'; filename="a.png"', b"7") + b"--b--\r\n",
        part % (b"picture", b'; filename="../../a\x00.png"', b"7") + b"--b--\r\n",
        file + file + b"--b--\r\n",
        (part % (b"x", b"", b"7")) * 1000 + b"--b--\r\n",
        b"--b\r\n\r\n\r\n--b--\r\n",
        b"--b\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n--b--\r\n",
        rng.randbytes(1000),
    ]
    kinds = ["; boundary=b"] * 6 + ["", "; boundary=", "; boundary=c", "; boundary=" + "b" * 1000]
    kind = "multipart/form-data" + rng.choice(kinds)
    return Malformed(http_request(body=rng.choice(bodies), kind=kind))


def too_large(rng: random.Random) -> Malformed:
    path = rng.choice(["/v1/read", "/v1/glyphs", "/v1/layers"])
    size = limits.MAX_BODY_BYTES + 1
    if rng.random() < 0.05:
        return Malformed(http_request(path, bytes(size)))
    if rng.random() < 0.05:
        start = http_request(path).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        return Malformed(start + (b"100000\r\n" + bytes(1 << 20) + b"\r\n") * 20 + b"0\r\n\r\n")
    content_length = rng.choice([size, 10 * size, 2**63, 10**25])
    return Malformed(
        http_request(path, bytes(1000), Content_Length=str(content_length)), is_whole=False
    )


def wrong_method(rng: random.Random) -> Malformed:
    methods = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "BREW", "%"]
    paths = ["/v1/read", "/v1/glyphs", "/v1/layers", "/metrics", "/healthz", "/", "*", "a:1"]
    return Malformed(http_request(rng.choice(paths), method=rng.choice(methods)))


def bad_path(rng: random.Random) -> Malformed:
    segments = [
        "..",
        "%2e%2e",
        "%00",
        "\x00",
        "etc",
        "passwd",
        "%ff",
        "\xff",
        "\\",
        "//",
        "?a=%",
        "#",
    ]
    segments += [" ", "a" * 300, "C:", "app.py", "~", "%2f", "v1", "read", "static", "page", ";"]
    path = "/" + "/".join(rng.choices(segments, k=rng.randrange(1, 8)))
    return Malformed(http_request(path, method=rng.choice(["GET", "HEAD", "POST"])))


def stranger(rng: random.Random) -> Malformed:
    body = encode(".png")
    hosts = ["example.org", "localhost.example.org", "", "[::1", "127.0.0.1@example.org", "\xff"]
    origins = ["https://example.org", "null", "", "http://localhost:1", "file://", "[", "\xff"]
    path = rng.choice(["/v1/read", "/healthz", "/metrics", "/"])
    if rng.random() < 0.5:
        return Malformed(http_request(path, body, Host=rng.choice(hosts)))
    return Malformed(http_request(path, body, Origin=rng.choice(origins)))


MAKERS: tuple[Callable[[random.Random], Malformed], ...] = (
    bad_first_line,
    bad_header,
    wrong_length,
    cut_off,
    bad_chunks,
    bad_picture,
    bad_json,
    bad_form,
    too_large,
    wrong_method,
    bad_path,
    stranger,
)


def send(address: tuple[str, int], request: Malformed) -> str:
    """Send a request; returns the status of the response, or what happened instead."""
    try:
        connection = socket.create_connection(address, timeout=ANSWER_SECONDS)
    except OSError:
        return "unreachable"
    with connection:
        with suppress(OSError):  # the server may respond and hang up before the end
            connection.sendall(request.content)
        try:
            line = receive(connection, hang_up=not request.is_whole)
        except TimeoutError:
            return "silent"
        except OSError:
            return "closed"
    found = re.match(rb"HTTP/1\.1 (\d{3})", line)
    return found[1].decode() if found else "closed"


def receive(connection: socket.socket, *, hang_up: bool) -> bytes:
    """The start of a response; if none comes for a while, half-close the connection first."""
    if hang_up:
        connection.settimeout(SILENCE_SECONDS)
        try:
            return connection.recv(20)
        except TimeoutError:
            connection.settimeout(ANSWER_SECONDS)
            connection.shutdown(socket.SHUT_WR)
    return connection.recv(20)
