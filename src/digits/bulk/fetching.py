"""Fetching: files from servers of the internet, and from no machine that is nearer.

An address may come from someone who wants to know what this machine can reach. So each name is
resolved once, and the socket is connected to a number that was looked at; a redirect is an address
like any other. Proxies of the environment are not used, as they would connect to what they like.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import h11

from digits.errors import DigitsError

FETCH_SECONDS = 60.0
"""Limit on time: from the first connection to the last byte, redirects included. What the system
takes to resolve a name comes on top."""

CONNECT_SECONDS = 10.0
"""Limit on time: until a machine answers, of which a server may have several."""

MAX_REDIRECTS = 5
"""Limit on time: addresses that an address leads to, one after the other."""

CHUNK_BYTES = 1 << 16
"""Bytes that are taken from a connection at once."""

PORTS = {"http": 80, "https": 443}

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses of answers that name another address; source: RFC 9110, section 15.4."""

URL_CHARACTERS = "%/:?#[]@!$&'()*+,;="
"""Characters that mean something in an address, or are escaped there already; source: RFC 3986."""

UNTOUCHED = ("", "identity")
"""Encodings of a body that are none."""

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Where the addresses of machines are; source: IANA, IPv6 address space."""

NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that stand for those of IPv4, in their last 32 bits; source: RFC 6052."""

IPAddress = IPv4Address | IPv6Address


def is_public(address: IPAddress) -> bool:
    """Whether a machine is one of the internet: not this one, nor one of a network around it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in GLOBAL_UNICAST or address.sixtofour or address.teredo:
            return False
    return address.is_global and not address.is_multicast


def fetch(
    url: str,
    *,
    max_bytes: int,
    seconds: float = FETCH_SECONDS,
    may_connect: Callable[[IPAddress], bool] = is_public,
) -> bytes:
    """Fetch a file, as it is.

    Args:
        url: Its address, of http or https.
        max_bytes: Largest size.
        seconds: Longest time.
        may_connect: Whether to connect to a machine.

    Raises:
        DigitsError: If it can't be had within these limits; says why in one line.
    """
    deadline = time.monotonic() + seconds
    with _told_in_a_line(seconds):
        for _ in range(MAX_REDIRECTS + 1):
            with _connected(urlsplit(url), deadline, may_connect) as connection:
                found = _ask(connection, urlsplit(url), deadline, max_bytes)
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
    raise DigitsError(f"Expected a file, found more than {MAX_REDIRECTS} redirects.")


@contextmanager
def _told_in_a_line(seconds: float) -> Iterator[None]:
    """Turn what is raised between here and a server into an error of one line."""
    try:
        yield
    except DigitsError:
        raise
    except TimeoutError as error:
        limits = f"at most {CONNECT_SECONDS:g} s to connect, {seconds:g} s in all"
        raise DigitsError(f"Can't be fetched: it takes too long ({limits}).") from error
    except ssl.SSLCertVerificationError as error:
        reason = f"the server's certificate is not valid: {error.verify_message}"
        raise DigitsError(f"Can't be fetched: {reason}.") from error
    except h11.RemoteProtocolError as error:
        reason = "the connection broke off, or the server does not speak HTTP"
        raise DigitsError(f"Can't be fetched: {reason}.") from error
    except (OSError, ValueError, h11.LocalProtocolError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DigitsError(f"Can't be fetched: {reason}.") from error


def _connected(
    url: SplitResult, deadline: float, may_connect: Callable[[IPAddress], bool]
) -> socket.socket:
    """Connect to the server of an address, if it is where one may connect to."""
    if url.scheme not in PORTS:
        raise DigitsError(f"Expected an address of http or https, found {url.scheme}.")
    if not url.hostname or url.username is not None:
        raise DigitsError("Expected an address with a host, and without a user's name.")
    host = url.hostname.encode("idna").decode()
    refused: list[str] = []
    failure: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(
        host, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM
    ):
        if not may_connect(ip_address(where[0])):
            refused.append(str(where[0]))
            continue
        connection: socket.socket | None = None
        try:
            connection = socket.socket(family, kind, protocol)  # fails where there is no IPv6
            connection.settimeout(min(CONNECT_SECONDS, _seconds_until(deadline)))
            connection.connect(where)
            if url.scheme == "http":
                return connection
            connection.settimeout(_seconds_until(deadline))
            context = ssl.create_default_context()
            return context.wrap_socket(connection, server_hostname=host)
        except OSError as error:
            if connection is not None:
                connection.close()
            failure = error
    if failure is None:
        raise DigitsError(
            f"Expected a server of the internet, found {host} at {', '.join(refused)}, which is "
            "this machine or in its own network; give the file itself."
        )
    raise failure


def _ask(
    connection: socket.socket, url: SplitResult, deadline: float, max_bytes: int
) -> bytes | str:
    """Ask a server for a file: for its bytes, or for the address that it is at instead."""
    client = h11.Connection(h11.CLIENT)
    _send(connection, client.send(_request(url)), deadline)
    _send(connection, client.send(h11.EndOfMessage()), deadline)
    body = bytearray()
    while True:
        answer = client.next_event()
        if answer is h11.NEED_DATA:
            # What has arrived is taken, so that the deadline also holds for bytes that drip.
            connection.settimeout(_seconds_until(deadline))
            client.receive_data(connection.recv(CHUNK_BYTES))
        elif isinstance(answer, h11.Response):
            headers = {name.decode(): text.decode("latin-1") for name, text in answer.headers}
            if answer.status_code in REDIRECTS and "location" in headers:
                return headers["location"]
            _check(answer, headers, max_bytes)
        elif isinstance(answer, h11.Data):
            body += answer.data
            if len(body) > max_bytes:
                raise DigitsError(_too_large(max_bytes, "more"))
        elif isinstance(answer, h11.EndOfMessage):
            return bytes(body)


def _request(url: SplitResult) -> h11.Request:
    target = quote(url.path or "/", safe=URL_CHARACTERS)
    if url.query:
        target += "?" + quote(url.query, safe=URL_CHARACTERS)
    headers = {
        "Host": url.netloc.encode("idna").decode(),
        "User-Agent": f"digits/{version('digits')}",  # some servers answer no one without a name
        "Accept-Encoding": "identity",  # else a few bytes may become any number of them
        "Connection": "close",
    }
    return h11.Request(method="GET", target=target, headers=list(headers.items()))


def _send(connection: socket.socket, content: bytes | None, deadline: float) -> None:
    connection.settimeout(_seconds_until(deadline))
    connection.sendall(content or b"")


def _check(answer: h11.Response, headers: dict[str, str], max_bytes: int) -> None:
    """Refuse what is no file, before any of it is taken."""
    if answer.status_code != 200:
        found = f"HTTP {answer.status_code} {answer.reason.decode('latin-1')}".strip()
        raise DigitsError(f"Expected a file, found {found}.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":  # what else a type says is often wrong
        raise DigitsError(f"Expected a picture, found {kind}.")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in UNTOUCHED:
        raise DigitsError(f"Expected a file as it is, found it encoded: {encoding}.")
    length = int(headers.get("content-length", 0))  # h11 takes nothing but a number
    if length > max_bytes:
        raise DigitsError(_too_large(max_bytes, f"{length:,}"))


def _too_large(max_bytes: int, found: str) -> str:
    return f"Expected at most {max_bytes:,} bytes, found {found}."


def _seconds_until(deadline: float) -> float:
    """The time that is left, above 0.

    Raises:
        TimeoutError: If there is none.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
