"""HTTP mirrors of MNIST: download of the gzipped files, with time limits and retries."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits.data.checksums import CorruptFileError, DataFile, SourceError
from digits.data.progress import ProgressCallback

if TYPE_CHECKING:
    import requests

# Every wait has a limit, because a server may be absent, slow, or never finish.
CONNECT_SECONDS = 5.0
"""Longest wait for a connection."""
READ_SECONDS = 10.0
"""Longest wait for the next bytes of a response."""
FILE_SECONDS = 600.0
"""Longest download of one file: train-images at 17 kB/s."""
ATTEMPTS = 3
"""Number of requests for one file before the mirror is given up."""
BACK_OFF_SECONDS = 0.5
"""Wait before the second attempt; it doubles for each further one, plus as much jitter at most."""
CHUNK_BYTES = 1 << 16
"""Most bytes that are read from a response at once."""


class _TransientError(SourceError):
    """A transient failure, for which another attempt may succeed."""


@dataclass(frozen=True)
class Mirror:
    """A web folder that holds `<name>.gz` for each file."""

    url: str
    """Address of the folder, with a slash at the end."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return self.url

    def fetch(
        self, files: Sequence[DataFile], on_progress: ProgressCallback
    ) -> Iterator[tuple[DataFile, bytes]]:
        """Download files, with retries after transient failures.

        Args:
            files: The files to download.
            on_progress: Called after each chunk.

        Yields:
            Each file with its verified content, uncompressed.

        Raises:
            SourceError: If a file cannot be downloaded.
        """
        # Imported here because a data set in the cache needs no network.
        import requests
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_exponential,
            wait_random,
        )

        retrying = Retrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(BACK_OFF_SECONDS) + wait_random(0, BACK_OFF_SECONDS),
            reraise=True,
        )
        with requests.Session() as session:
            for file in files:
                yield file, retrying(self._attempt, session, file, on_progress)

    def _attempt(
        self, session: "requests.Session", file: DataFile, on_progress: ProgressCallback
    ) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        try:
            with session.get(
                f"{self.url}{file.name}.gz",
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                # Otherwise a server may gzip the .gz file once more.
                headers={"Accept-Encoding": "identity"},
            ) as response:
                if response.status_code != 200:
                    raise _status_error(response)
                return file.decompress(_read_body(response, file, on_progress))
        except CorruptFileError as error:
            raise _TransientError(str(error)) from error
        except (requests.RequestException, HTTPError) as error:
            raise _connection_error(error) from error


def _read_body(
    response: "requests.Response", file: DataFile, on_progress: ProgressCallback
) -> bytes:
    """Read the body of a response, limited in size and time to what the file can need."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    deadline = time.monotonic() + FILE_SECONDS
    body = bytearray()
    # read1 returns what has arrived, so that the deadline also holds for a server that trickles.
    while chunk := response.raw.read1(CHUNK_BYTES):
        body += chunk
        on_progress(file.name, len(body), total)
        if len(body) > file.max_compressed_size:
            raise SourceError(
                f"{file.name}: expected at most {file.max_compressed_size:,} bytes, found more"
            )
        if time.monotonic() > deadline:
            raise SourceError(f"{file.name}: not complete after {FILE_SECONDS:g} s")
    return bytes(body)


def _status_error(response: "requests.Response") -> SourceError:
    """Convert an HTTP status to an error: transient for 429 and 5xx, permanent otherwise."""
    answer = f"HTTP {response.status_code} {response.reason}".rstrip()
    is_transient = response.status_code == 429 or response.status_code >= 500
    return _TransientError(answer) if is_transient else SourceError(answer)


def _connection_error(error: Exception) -> SourceError:
    """Convert a failed request to an error: transient for timeouts and broken connections."""
    import requests
    from urllib3.exceptions import ProtocolError, ProxyError, ReadTimeoutError

    # requests wraps urllib3's errors while it reads the headers, but not in the body.
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else error
    if isinstance(error, requests.ConnectTimeout):
        return _TransientError(f"no connection within {CONNECT_SECONDS:g} s")
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return _TransientError(f"no data for {READ_SECONDS:g} s")
    if isinstance(cause, ProtocolError):
        return _TransientError("the connection broke off")
    reason = getattr(cause, "reason", error)
    if isinstance(reason, ProxyError):
        proxy = _proxy_of(error)
        why = _in_words(reason.original_error)
        return SourceError(f"no connection through the proxy {proxy}; check HTTPS_PROXY: {why}")
    return SourceError(_in_words(reason))


def _in_words(error: object) -> str:
    """Take the reason out of an error: urllib3 puts its object before, "HTTPConnection(…): "."""
    return " ".join(re.sub(r"^\w+\(.*?\): ", "", str(error)).split())


def _proxy_of(error: Exception) -> str:
    """Host and port of the proxy that a failed request went to, without a password in its URL."""
    from requests.utils import get_environ_proxies, select_proxy
    from urllib3.util import parse_url

    url = getattr(getattr(error, "request", None), "url", None) or ""
    return parse_url(select_proxy(url, get_environ_proxies(url)) or "").netloc or "of this system"
