"""HTTP mirrors: download of files as they were published, with time limits and retries."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from digits.data.checksums import CorruptFileError, DataFile, SourceError
from digits.data.progress import ProgressCallback

if TYPE_CHECKING:
    import requests

Result = TypeVar("Result")

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


class TransientError(SourceError):
    """A transient failure, for which another attempt may succeed."""


@dataclass(frozen=True)
class Mirror:
    """A web folder that holds the files as they were published, most of them as `<name>.gz`."""

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

        with requests.Session() as session:
            for file in files:
                yield file, retrying(self._attempt, session, file, on_progress)

    def _attempt(
        self, session: "requests.Session", file: DataFile, on_progress: ProgressCallback
    ) -> bytes:
        body = bytearray()
        download(
            session,
            self.url + file.published_name,
            body.extend,
            on_progress,
            name=file.name,
            max_bytes=file.max_compressed_size,
            max_seconds=FILE_SECONDS,
        )
        try:
            return file.decompress(bytes(body))
        except CorruptFileError as error:
            raise TransientError(str(error)) from error


def retrying(attempt: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function, and again, after a pause, when a failure of it may be transient."""
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_exponential,
        wait_random,
    )

    attempts = Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(BACK_OFF_SECONDS) + wait_random(0, BACK_OFF_SECONDS),
        reraise=True,
    )
    return attempts(attempt, *arguments)


def download(
    session: "requests.Session",
    url: str,
    write: Callable[[bytes], object],
    on_progress: ProgressCallback,
    *,
    name: str,
    max_bytes: int,
    max_seconds: float,
) -> None:
    """Download a file, limited in size and time to what it can need.

    Args:
        session: The session to use.
        url: The address.
        write: Called with each part.
        on_progress: Called after each part.
        name: Name of the file in messages.
        max_bytes: Largest size.
        max_seconds: Longest time.

    Raises:
        TransientError: If another attempt may succeed.
        SourceError: If none will.
    """
    import requests
    from urllib3.exceptions import HTTPError

    try:
        with session.get(
            url,
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            # Otherwise a server may gzip a .gz file once more.
            headers={"Accept-Encoding": "identity"},
        ) as response:
            if response.status_code != 200:
                raise _status_error(response)
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            deadline = time.monotonic() + max_seconds
            received = 0
            # read1 returns what has arrived, so that the deadline also holds for a server that
            # trickles.
            while part := response.raw.read1(CHUNK_BYTES):
                write(part)
                received += len(part)
                on_progress(name, received, total)
                if received > max_bytes:
                    raise SourceError(f"{name}: expected at most {max_bytes:,} bytes, found more")
                if time.monotonic() > deadline:
                    raise SourceError(f"{name}: not complete after {max_seconds:g} s")
    except (requests.RequestException, HTTPError) as error:
        raise _connection_error(error) from error


def _status_error(response: "requests.Response") -> SourceError:
    """Convert an HTTP status to an error: transient for 429 and 5xx, permanent otherwise."""
    answer = f"HTTP {response.status_code} {response.reason}".rstrip()
    is_transient = response.status_code == 429 or response.status_code >= 500
    return TransientError(answer) if is_transient else SourceError(answer)


def _connection_error(error: Exception) -> SourceError:
    """Convert a failed request to an error: transient for timeouts and broken connections."""
    import requests
    from urllib3.exceptions import ProtocolError, ProxyError, ReadTimeoutError

    # requests wraps urllib3's errors while it reads the headers, but not in the body.
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else error
    if isinstance(error, requests.ConnectTimeout):
        return TransientError(f"no connection within {CONNECT_SECONDS:g} s")
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return TransientError(f"no data for {READ_SECONDS:g} s")
    if isinstance(cause, ProtocolError):
        return TransientError("the connection broke off")
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
