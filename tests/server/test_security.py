"""Who may ask, and what the page may do."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from digits.server.app import PAGE
from tests.server.conftest import Client, serving

FILES = sorted(PAGE.iterdir())


@pytest.mark.parametrize("address", ["/", "/page/main.js", "/healthz", "/nothing", "/v1/read"])
def test_each_answer_has_strict_headers(client: Client, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers


def test_readings_are_not_kept_and_the_page_is_asked_for_anew(client: Client) -> None:
    assert client.get("/healthz").headers["Cache-Control"] == "no-store"
    page = client.get("/page/main.js")
    assert page.headers["Cache-Control"] == "no-cache"
    again = client.get("/page/main.js", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80"])
def test_loopback_s_names_are_answered(client: Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "", "[", "127.0.0.2"])
def test_other_names_are_turned_away_on_loopback(client: Client, host: str) -> None:
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == 421
    assert "localhost" in answer.json()["detail"]


def test_any_name_is_answered_where_other_machines_may_ask(reader: Reader) -> None:
    with serving(reader, loopback_only=False) as client:
        assert client.get("/healthz", headers={"Host": "digits.lan"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://localhost:1", "x"])
def test_pages_of_other_sites_are_turned_away(client: Client, origin: str) -> None:
    answer = client.post("/v1/read", data=b"", headers={"Origin": origin})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_page_itself_may_ask(client: Client) -> None:
    own = f"http://localhost:{client.port}"
    assert client.get("/healthz", headers={"Origin": own}).status_code == 200


def test_pages_of_allowed_sites_may_ask(reader: Reader) -> None:
    origin = "https://example.org"
    with serving(reader, origins=(origin,)) as client:
        asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = client.options("/v1/read", headers=asking)
        assert before.status_code == 200
        assert before.headers["Access-Control-Allow-Origin"] == origin
        assert "Content-Security-Policy" in before.headers
        answer = client.get("/healthz", headers={"Origin": origin})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
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
    addresses = re.findall(r"(?:https?:)?//[\w.]+", re.sub(r"(?m)(^|\s)//.*", "", file.read_text()))
    assert set(addresses) <= {"http://www.w3.org"}  # the name of SVG, which nobody fetches


def test_the_page_can_be_asked_for_without_its_content(client: Client) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(client.get("/").content)


def test_the_page_is_small() -> None:
    assert sum(file.stat().st_size for file in FILES) < 60_000


def test_the_page_knows_what_the_server_takes() -> None:
    assert f"MAX_BODY_BYTES = {limits.MAX_BODY_BYTES:_};" in (PAGE / "main.js").read_text()
