"""Connections: proxies and certificates that downloads go by, and the port of the page.

A connection is tried to a proxy on this machine alone; to any other, nothing is sent.
"""

import errno
import os
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import proxy_bypass

from digits.doctor.faults import (
    DEAD_PROXY,
    LOCALHOST_BY_PROXY,
    MALFORMED_PROXY,
    NO_CERTIFICATES,
    PORT_TAKEN,
    SOCKS_PROXY,
    Finding,
    setting,
)
from digits.doctor.part import Part

PORT = 8000
"""Port that `digits serve` listens at by itself."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Variables that name a proxy, in small letters as well."""
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name a file of certificates."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine."""
CONNECT_SECONDS = 0.5
"""Longest time that a proxy on this machine may take to answer."""


def examine_connections() -> Part:
    """Examine settings of proxies and certificates, and whether the page's port is free."""
    findings: list[Finding] = []
    proxies: dict[str, str] = {}
    for name, value in os.environ.items():
        if name.upper() in PROXIES and value:
            proxies[name], found = _examine_proxy(name, value)
            findings += found
    by_http = [name for name in proxies if not name.lower().startswith("https")]
    if by_http and not proxy_bypass("127.0.0.1"):
        allowed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        name = "no_proxy" if "no_proxy" in os.environ else "NO_PROXY"
        command = setting(name, ",".join(filter(None, (allowed, "localhost,127.0.0.1"))))
        findings.append(
            LOCALHOST_BY_PROXY.found(variable=by_http[0], value=allowed, command=command)
        )
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path and not Path(path).exists():
            command = setting(name, None)
            findings.append(NO_CERTIFICATES.found(variable=name, value=path, command=command))
    is_free = _is_free(PORT)
    if not is_free:
        findings.append(PORT_TAKEN.found(port=PORT))
    facts = {"proxies": proxies, f"port {PORT}": "free" if is_free else "taken"}
    return Part("connections", facts, tuple(findings))


def _examine_proxy(variable: str, value: str) -> tuple[str, list[Finding]]:
    """Examine a proxy's address; returns it without a password, and what is wrong with it."""
    url = _parse(value)
    if url is None:
        shown = value.rpartition("@")[2]
        command = setting(variable, None)
        return shown, [MALFORMED_PROXY.found(variable=variable, value=shown, command=command)]
    address = url.netloc.rpartition("@")[2]
    if url.scheme.startswith("socks") and find_spec("socks") is None:
        return address, [SOCKS_PROXY.found(variable=variable)]
    if url.hostname in LOOPBACK:
        port = url.port or {"https": 443}.get(url.scheme, 1080 if "socks" in url.scheme else 80)
        try:
            socket.create_connection((url.hostname, port), CONNECT_SECONDS).close()
        except OSError as error:
            reason = error.strerror or str(error)
            command = setting(variable, None)
            found = DEAD_PROXY.found(
                address=address, variable=variable, reason=reason, command=command
            )
            return address, [found]
    return address, []


def _parse(value: str) -> SplitResult | None:
    """Parse a proxy's address as requests does, with or without a scheme; None if it is none."""
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        is_whole = url.hostname and (url.port or True)  # reading a port checks it
    except ValueError:
        return None
    return url if is_whole and " " not in value else None


def _is_free(port: int) -> bool:
    """Whether a server can listen at this port of this machine."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True
