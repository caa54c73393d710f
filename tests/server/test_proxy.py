"""The proxy that SECURITY.md shows, run by nginx in front of `digits serve`."""

import re
import shlex
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from digits.reading.reader import Reader
from digits.server import limits
from tests.server.conftest import PICTURE, serving
from tests.tools import needs

TEXT = (Path(__file__).parents[2] / "SECURITY.md").read_text()

NAME = "digits.example.org"

needs_nginx = needs("nginx", "openssl")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Proxy:
    """A client of the proxy, by a name that leads to this machine."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.context = ssl.create_default_context(cafile=str(certificate))

    def connect(self, name: str = NAME) -> ssl.SSLSocket:
        """Open a connection, and expect the certificate of a name."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return self.context.wrap_socket(plain, server_hostname=name)

    def ask(
        self, method: str, path: str, body: bytes = b"", *, name: str = NAME, **headers: str
    ) -> tuple[int, bytes]:
        """Send a request with the password, unless the headers have another."""
        login = {"Authorization": f"Basic {b64encode(b'ada:lovelace').decode()}"}
        connection = HTTPSConnection(name, self.port)
        connection.sock = self.connect(name)
        try:
            connection.request(method, path, body, login | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture
def proxy(reader: Reader, tmp_path: Path) -> Iterator[Proxy]:
    """The proxy as it is shown, but for its paths and ports."""
    certificate, key = tmp_path / "digits.crt", tmp_path / "digits.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-out", str(certificate), "-keyout", str(key)),
        ],
        capture_output=True,
        check=True,
    )
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "lovelace"], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "digits.users").write_text(f"ada:{hashed}")
    with serving(reader, origins=(f"https://{NAME}",)) as client:
        port = free_port()  # only now, or the server itself may be given it
        site = block("nginx").replace("/etc/nginx/", f"{tmp_path}/")
        site = site.replace("listen 443", f"listen 127.0.0.1:{port}")
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{client.port}")
        own = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(
            f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/log;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{own}{site}}}\n"
        )
        command = [
            "nginx",
            "-p",
            str(tmp_path),
            "-e",
            str(tmp_path / "log"),
            "-c",
            str(configuration),
        ]
        with subprocess.Popen(command) as running:
            try:
                wait_until_it_listens(port, running)
                yield Proxy(port, certificate)
            finally:
                running.terminate()


def wait_until_it_listens(port: int, running: subprocess.Popen[bytes]) -> None:
    while running.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            time.sleep(0.01)
        else:
            return
    pytest.fail("nginx refuses the configuration")


@needs_nginx
def test_nobody_gets_in_without_a_password(proxy: Proxy) -> None:
    for path in ("/", "/healthz", "/v1/network"):
        assert proxy.ask("GET", path, Authorization="")[0] == 401
    wrong = b64encode(b"ada:byron").decode()
    assert proxy.ask("POST", "/v1/read", PICTURE, Authorization=f"Basic {wrong}")[0] == 401


@needs_nginx
def test_the_page_and_programs_read_through_it(proxy: Proxy) -> None:
    assert b"<title>digits" in proxy.ask("GET", "/")[1]
    for headers in ({}, {"Origin": f"https://{NAME}"}):
        status, answer = proxy.ask("POST", "/v1/read", PICTURE, **headers)
        assert status == 200
        assert b'"text":"1995"' in answer


@needs_nginx
def test_other_sites_and_other_names_are_refused_and_metrics_are_hidden(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/v1/network", Origin="https://example.com")[0] == 403
    refused, reason = proxy.ask("POST", "/v1/read", bytes(10**7), Origin="https://example.com")
    assert (refused, b"--allow-origin" in reason) == (403, True), "it is refused before it is taken"
    assert proxy.ask("GET", "/metrics")[0] == 404
    with pytest.raises(ssl.SSLError):
        proxy.ask("GET", "/", name="example.org")


@needs_nginx
def test_a_body_may_be_as_large_as_the_server_allows(proxy: Proxy) -> None:
    assert proxy.ask("POST", "/v1/read", bytes(limits.MAX_BODY_BYTES - 1))[0] == 422
    assert proxy.ask("POST", "/v1/read", bytes(limits.MAX_BODY_BYTES + 1_000_000))[0] == 413


@needs_nginx
def test_a_client_that_asks_too_often_is_refused_and_so_cannot_try_passwords(proxy: Proxy) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n"
    with proxy.connect() as connection:
        connection.sendall(
            (f"{request}\r\n" * 199 + f"{request}Connection: close\r\n\r\n").encode()
        )
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    statuses = re.findall(rb"^HTTP/1.1 (\d+)", answers, flags=re.MULTILINE)
    assert len(statuses) == 200
    assert set(statuses) == {b"401", b"429"}


def test_what_it_says_of_the_server_is_so() -> None:
    assert f"client_max_body_size {limits.MAX_BODY_BYTES // 10**6}m;" in block("nginx")
    timeout = re.search(r"proxy_read_timeout +(\d+)s", block("nginx"))
    assert timeout is not None
    assert int(timeout[1]) > limits.READING_SECONDS
    commands = [shlex.split(line, comments=True) for line in block("sh").splitlines()]
    assert commands[0] == ["digits", "serve", "--allow-origin", f"https://{NAME}"]
