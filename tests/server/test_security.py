"""Security: trusted hosts and origins, security headers, and a page without foreign content."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from digits.assets import PAGE
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.security import SECURITY_HEADERS
from tests.server.conftest import Client, assert_problem, serving

FILES = sorted(
    file for file in PAGE.rglob("*.*") if file.suffix in {".js", ".css", ".html", ".svg"}
)


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/healthz", "/nothing", "/v1/read"])
def test_each_response_has_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers


@pytest.mark.parametrize("header", [{"Host": "example.org"}, {"Origin": "https://example.org"}])
def test_refusals_have_security_headers_and_are_counted(
    client: Client, header: dict[str, str]
) -> None:
    def count() -> float:
        found = re.findall(
            r'^digits_requests_total{route="/",status="4(?:03|21)"} (\S+)',
            client.get("/metrics").text,
            re.MULTILINE,
        )
        return sum(map(float, found))

    before = count()
    response = client.get("/healthz", headers=header)
    assert response.status_code in (403, 421)
    assert response.headers.items() >= SECURITY_HEADERS.items()
    assert response.headers["Cache-Control"] == "no-store"
    assert count() == before + 1


def test_readings_are_not_cached_and_the_page_is_revalidated(client: Client) -> None:
    assert client.get("/healthz").headers["Cache-Control"] == "no-store"
    page = client.get("/page/main.js")
    assert page.headers["Cache-Control"] == "no-cache"
    again = client.get("/page/main.js", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80"])
def test_requests_to_loopback_are_answered(client: Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "", "[", "127.0.0.2"])
def test_requests_to_other_hosts_are_refused_on_loopback(client: Client, host: str) -> None:
    response = client.get("/healthz", headers={"Host": host})
    assert_problem(response, 421, "Expected localhost or 127.0.0.1 as the host.")


def test_requests_to_any_host_are_answered_on_other_addresses(reader: Reader) -> None:
    with serving(reader, loopback_only=False) as client:
        assert client.get("/healthz", headers={"Host": "digits.lan"}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "null",
        "http://localhost:1",
        "x",
        "file://localhost:{port}",
        "ftp://localhost:{port}",
    ],
)
def test_requests_from_other_sites_are_refused(client: Client, origin: str) -> None:
    response = client.post(
        "/v1/read", data=b"", headers={"Origin": origin.format(port=client.port)}
    )
    assert_problem(response, 403, "--allow-origin")
    assert "Access-Control-Allow-Origin" not in response.headers


def test_requests_from_the_page_itself_are_answered(client: Client) -> None:
    for scheme in ("http", "https"):  # a proxy may have taken TLS off
        own = f"{scheme}://localhost:{client.port}"
        assert client.get("/healthz", headers={"Origin": own}).status_code == 200


def test_requests_from_allowed_sites_are_answered(reader: Reader) -> None:
    origin = "https://example.org"
    with serving(reader, origins=(origin,)) as client:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = client.options("/v1/read", headers=headers)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert "Content-Security-Policy" in preflight.headers
        response = client.get("/healthz", headers={"Origin": origin})
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == origin
        other = client.get("/healthz", headers={"Origin": "https://example.com"})
        assert other.status_code == 403
        assert "Access-Control-Allow-Origin" not in other.headers


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_has_no_inline_script_or_style() -> None:
    parser = _Tags()
    parser.feed((PAGE / "index.html").read_text())
    assert "style" not in [tag for tag, _ in parser.tags]
    assert all("src" in attributes for tag, attributes in parser.tags if tag == "script")
    names = {name for _, attributes in parser.tags for name in attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_page_loads_nothing_from_elsewhere(file: Path) -> None:
    urls = re.findall(r"(?:https?:)?//[\w.]+", re.sub(r"(?m)(^|\s)//.*", "", file.read_text()))
    assert set(urls) <= {"http://www.w3.org"}  # SVG's namespace, which is not fetched


def test_the_page_answers_head_requests(client: Client) -> None:
    response = client.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) == len(client.get("/").content)


def test_the_page_is_small_as_it_is_sent(client: Client) -> None:
    sent = 0
    served = [file for file in FILES if "offline" not in file.parts]
    for file in served:
        path = f"/page/{file.relative_to(PAGE).as_posix()}"
        with client.get(path, headers={"Accept-Encoding": "gzip"}, stream=True) as response:
            content = response.raw.read(decode_content=False)
        is_compressed = response.headers.get("Content-Encoding") == "gzip"
        assert (gzip.decompress(content) if is_compressed else content) == file.read_bytes()
        sent += len(content)
    assert sent < 150_000


def test_the_page_knows_the_server_s_limit() -> None:
    assert f"MAX_BODY_BYTES = {limits.MAX_BODY_BYTES:_};" in (PAGE / "main.js").read_text()
