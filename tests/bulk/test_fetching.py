"""What is fetched from servers, real ones of this machine, and what never is."""

import errno
import gzip
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits.bulk import fetching
from digits.bulk.fetching import MAX_REDIRECTS, fetch, is_public
from digits.errors import DigitsError
from tests.reading.drawings import draw

LOCAL = ip_address("127.0.0.1")

CONTENT = bytes(range(256)) * 1000


def is_this_machine(address: IPv4Address | IPv6Address) -> bool:
    """Whether to connect, where tests have their servers at one address of this machine."""
    return address == LOCAL


Answer = Callable[["Handler"], None]


def send(handler: "Handler", body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, text in headers.items():
        handler.send_header(name.replace("_", "-"), text)
    if "Transfer_Encoding" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_nothing(handler: "Handler") -> None:
    send(handler, b"", 404)


def redirect(to: str, status: int = 302) -> Answer:
    return lambda handler: send(handler, b"elsewhere", status, Location=to)


def send_in_chunks(handler: "Handler") -> None:
    half = len(CONTENT) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (half, part) for part in (CONTENT[:half], CONTENT[half:]))
    send(handler, chunks + b"0\r\n\r\n", Transfer_Encoding="chunked")


def send_without_end(handler: "Handler") -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(1 << 16))


def claim_much(handler: "Handler") -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000000000")
    handler.end_headers()
    handler.server.closing.wait()


def drip(handler: "Handler", byte: bytes) -> None:
    while not handler.server.closing.wait(0.01):
        handler.wfile.write(byte)
        handler.wfile.flush()


def drip_a_head(handler: "Handler") -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Name: ")
    drip(handler, b"x")


def drip_a_body(handler: "Handler") -> None:
    handler.send_response(200)
    handler.end_headers()
    drip(handler, b"x")


def say_nothing(handler: "Handler") -> None:
    handler.server.closing.wait()


def break_off(handler: "Handler") -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"some")


def send_endless_head(handler: "Handler") -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.closing.is_set():
        handler.wfile.write(b"X-Name: text\r\n" * 100)


def speak_otherwise(handler: "Handler") -> None:
    handler.wfile.write(b"220 mail.invalid ESMTP\r\n")


def send_a_gzip_bomb(handler: "Handler") -> None:
    assert handler.headers["Accept-Encoding"] == "identity"
    send(handler, gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")


class Server(ThreadingHTTPServer):
    """A server whose paths answer as a test says, and that knows what it was asked."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        self.num_connections = 0

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.num_connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.close_connection = True
        self.server.answers.get(self.path, send_nothing)(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


def running(server: Server) -> Iterator[Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from running(Server())


def fetch_here(url: str, *, max_bytes: int = 1_000_000, seconds: float = 20) -> bytes:
    return fetch(url, max_bytes=max_bytes, seconds=seconds, may_connect=is_this_machine)


def test_a_file_is_fetched_as_it_is(server: Server) -> None:
    server.answers["/a%20b/%C3%A9.png?c=%22d%22&e"] = lambda handler: send(handler, CONTENT)
    server.answers["/"] = send_in_chunks
    assert fetch_here(f'{server.url}/a b/é.png?c="d"&e#fragment') == CONTENT
    assert fetch_here(server.url) == CONTENT
    assert fetch_here(server.url.replace("http", "HTTP")) == CONTENT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Server, status: int) -> None:
    server.answers["/old/a.png"] = redirect("../new.png", status)
    server.answers["/new.png"] = redirect(f"{server.url}/newer.png", status)
    server.answers["/newer.png"] = lambda handler: send(handler, CONTENT)
    assert fetch_here(f"{server.url}/old/a.png") == CONTENT


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (send_without_end, r"Expected at most 1,000,000 bytes, found more\."),
        (claim_much, r"Expected at most 1,000,000 bytes, found 1,000,000,000,000\."),
        (break_off, r"Can't be fetched: the connection broke off, or .*\."),
        (speak_otherwise, r"Can't be fetched: the connection broke off, or .*\."),
        (send_endless_head, r"Can't be fetched: the connection broke off, or .*\."),
        (send_nothing, r"Expected a file, found HTTP 404 Not Found\."),
        (lambda handler: send(handler, b"", 503), r"found HTTP 503 Service Unavailable\."),
        (lambda handler: send(handler, b"", 204), r"found HTTP 204 No Content\."),
        (lambda handler: send(handler, b"", 302), r"found HTTP 302 Found\."),
        (
            lambda handler: send(handler, b"<html>", Content_Type="Text/HTML; charset=utf-8"),
            r"Expected a picture, found text/html\.",
        ),
        (send_a_gzip_bomb, r"Expected a file as it is, found it encoded: gzip\."),
        (redirect("file:///etc/passwd"), r"Expected an address of http or https, found file\."),
        (redirect("ftp://digits.invalid/"), r"an address of http or https, found ftp\."),
        (redirect("http://:80/a.png"), r"Expected an address with a host"),
        (redirect("http://127.0.0.1:99999/"), r"Can't be fetched: .*[Pp]ort"),
        (redirect("http://[::1"), r"Can't be fetched: .*"),
        (redirect("/loop"), rf"Expected a file, found more than {MAX_REDIRECTS} redirects\."),
    ],
    ids=range(17),
)
def test_what_can_t_be_fetched_is_a_line(server: Server, answer: Answer, message: str) -> None:
    server.answers["/loop"] = answer
    with pytest.raises(DigitsError, match=rf"^.*{message}") as told:
        fetch_here(f"{server.url}/loop")
    assert str(told.value).isprintable()
    assert len(server.asked) <= MAX_REDIRECTS + 1


@pytest.mark.parametrize("answer", [say_nothing, drip_a_head, drip_a_body])
def test_a_server_that_takes_its_time_is_given_up(server: Server, answer: Answer) -> None:
    server.answers["/"] = answer
    with pytest.raises(DigitsError, match=r"it takes too long .*, 0\.3 s in all"):
        fetch_here(server.url, seconds=0.3)


@pytest.mark.parametrize(
    "inner",
    ["127.0.0.2", "localhost.", "0.0.0.0", "2130706434", "0x7f.2", "[::1]", "[::ffff:127.0.0.2]"],
)
def test_no_redirect_leads_to_another_machine_that_is_not_of_the_internet(
    server: Server, inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test allows one address of this machine; the command allows none."""
    server.answers["/"] = redirect(f"http://{inner}:{server.server_address[1]}/secret")
    find = socket.getaddrinfo

    def name_no_server(host: str, port: int, **settings: Any) -> Any:
        return find("::1" if host == "localhost." else host, port, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", name_no_server)
    with pytest.raises(DigitsError, match=r"Expected a server of the internet, found .* at "):
        fetch_here(server.url)
    assert server.asked == ["/"]


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no second such address")
def test_a_forbidden_server_sees_no_connection(server: Server) -> None:
    for forbidden in running(Server("127.0.0.2")):
        server.answers["/"] = redirect(f"{forbidden.url}/secret")
        with pytest.raises(DigitsError, match=r"found 127\.0\.0\.2 at 127\.0\.0\.2, which is this"):
            fetch_here(server.url)
        assert forbidden.num_connections == 0


def test_a_name_is_resolved_once_so_that_no_second_answer_leads_elsewhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/"] = lambda handler: send(handler, CONTENT)
    port = server.server_address[1]
    asked: list[str] = []

    def answer_in_turn(host: str, port: int, **settings: Any) -> Any:
        asked.append(host)
        where = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer_in_turn)
    assert fetch_here(f"http://rebinding.invalid:{port}/") == CONTENT
    assert asked == ["rebinding.invalid"]
    with pytest.raises(DigitsError, match=r"found rebinding\.invalid at 127\.0\.0\.2"):
        fetch_here(f"http://rebinding.invalid:{port}/")


def test_an_allowed_address_is_tried_where_another_of_the_server_is_not_or_does_not_answer(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/"] = lambda handler: send(handler, CONTENT)
    right = server.server_address[1]

    def answer(host: str, port: int, **settings: Any) -> Any:
        found = [("127.0.0.2", right), ("127.0.0.1", port), ("127.0.0.1", right)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert fetch_here("http://several.invalid:1/") == CONTENT


def test_where_there_is_no_ipv6_the_other_address_of_a_server_is_connected_to(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/"] = lambda handler: send(handler, CONTENT)
    real, port = socket.socket, server.server_address[1]

    def without_ipv6(family: int, *args: Any, **settings: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *args, **settings)

    def answer(host: str, port: int, **settings: Any) -> Any:
        found = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
        return [(family, socket.SOCK_STREAM, 6, "", where) for family, where in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(socket, "socket", without_ipv6)
    url = f"http://both.invalid:{port}/"
    assert fetch(url, max_bytes=1_000_000, may_connect=lambda address: True) == CONTENT


PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")

NOT_PUBLIC = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"),
    *("172.16.0.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_servers_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_nothing_of_this_machine_is_fetched_unless_a_test_says_so(server: Server) -> None:
    with pytest.raises(DigitsError, match=r"found 127\.0\.0\.1 at 127\.0\.0\.1, which is this"):
        fetch(server.url, max_bytes=1000)
    assert server.num_connections == 0


def test_the_proxy_of_the_environment_is_not_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/"] = lambda handler: send(handler, CONTENT)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch_here(server.url) == CONTENT


def test_a_server_that_is_not_there_is_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DigitsError, match=r"^Can't be fetched: Connection refused\.$"):
        fetch_here(f"http://127.0.0.1:{port}/")
    with pytest.raises(DigitsError, match=r"^Can't be fetched: .+\.$"):
        fetch_here(f"http://{'x' * 64}.invalid/")
    with pytest.raises(DigitsError, match="without a user's name"):
        fetch_here("http://anna:secret@127.0.0.1/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")
def test_a_certificate_must_be_one_that_this_machine_trusts(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=digits", "-keyout", str(key)]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers["/"] = lambda handler: send(handler, CONTENT)
    url = server.url.replace("http:", "https:")
    with pytest.raises(DigitsError, match=r"certificate is not valid: self-signed certificate\."):
        fetch_here(url)
    assert server.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch_here(url) == CONTENT


def test_a_server_that_does_not_speak_tls_is_a_line_and_one_that_waits_is_given_up(
    server: Server,
) -> None:
    server.answers["/"] = say_nothing
    with pytest.raises(DigitsError, match=r"^Can't be fetched: .+\.$"):
        fetch_here(server.url.replace("http:", "https:"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DigitsError, match="takes too long"):
            fetch_here(f"https://127.0.0.1:{port}/", seconds=0.3)


def test_the_command_reads_what_it_fetches(
    server: Server,
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.fromarray(draw("1995")).save(tmp_path / "photo.jpg")
    content = (tmp_path / "photo.jpg").read_bytes()
    server.answers["/photo.jpg"] = lambda handler: send(handler, content)
    monkeypatch.setattr(fetching, "fetch", partial(fetch, may_connect=is_this_machine))
    assert call("read", f"{server.url}/photo.jpg", "--fetch") == (0, "1995\n", "")
    status, output, errors = call("read", f"{server.url}/photo.jpg", f"{server.url}/no", "--fetch")
    assert (status, output) == (1, f"{server.url}/photo.jpg: 1995\n")
    assert errors == f"digits: {server.url}/no: Expected a file, found HTTP 404 Not Found.\n"
