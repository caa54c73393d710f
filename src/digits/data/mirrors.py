"""Web folders that hold the published files, gzipped."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits.data.progress import Report
from digits.data.published import DataFile, SourceFailed, WrongBytes

if TYPE_CHECKING:
    import requests

# A server may be absent, slow, broken or lying; none of it may hold us up for ever.
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
"""The longest silence in the middle of an answer."""
FILE_SECONDS = 600.0
"""The longest that one file may take: train-images at 17 kB/s."""
ATTEMPTS = 3
BACK_OFF_SECONDS = 0.5
"""Before the second attempt; doubles for each further one. Up to as much again is random."""
CHUNK_BYTES = 1 << 16


class _Passing(SourceFailed):
    """A failure that another attempt may mend."""


@dataclass(frozen=True)
class Mirror:
    """A web folder with `<name>.gz` for each file."""

    url: str
    """Ends in a slash."""

    @property
    def name(self) -> str:
        """What people are told."""
        return self.url

    def fetch(self, files: Sequence[DataFile], report: Report) -> Iterator[tuple[DataFile, bytes]]:
        """Yield each file with its content, uncompressed and checked.

        Raises:
            SourceFailed: If a file can't be had, after retries where these may help.
        """
        # Imported here because a set that is already in the cache needs no network.
        import requests
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_exponential,
            wait_random,
        )

        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(BACK_OFF_SECONDS) + wait_random(0, BACK_OFF_SECONDS),
            reraise=True,
        )
        with requests.Session() as session:
            for file in files:
                yield file, retrying(self._attempt, session, file, report)

    def _attempt(self, session: "requests.Session", file: DataFile, report: Report) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        try:
            with session.get(
                f"{self.url}{file.name}.gz",
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                # Or a server may gzip the .gz once more for the journey.
                headers={"Accept-Encoding": "identity"},
            ) as response:
                if response.status_code != 200:
                    raise _refusal(response)
                return file.unpack(_read_body(response, file, report))
        except WrongBytes as error:
            raise _Passing(str(error)) from error
        except (requests.RequestException, HTTPError) as error:
            raise _failure(error) from error


def _read_body(response: "requests.Response", file: DataFile, report: Report) -> bytes:
    """Read what the server sends, but no more, and for no longer, than the file can need."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    deadline = time.monotonic() + FILE_SECONDS
    body = bytearray()
    # Whatever is there is taken, so that a server that trickles meets the deadline too.
    while chunk := response.raw.read1(CHUNK_BYTES):
        body += chunk
        report(file.name, len(body), total)
        if len(body) > file.max_packed_size:
            raise SourceFailed(
                f"{file.name}: expected at most {file.max_packed_size:,} bytes, found more"
            )
        if time.monotonic() > deadline:
            raise SourceFailed(f"{file.name}: not here after {FILE_SECONDS:g} s")
    return bytes(body)


def _refusal(response: "requests.Response") -> SourceFailed:
    """Tell "not now" (busy, broken) from "no" (forbidden, not there)."""
    answer = f"HTTP {response.status_code} {response.reason}".rstrip()
    not_now = response.status_code == 429 or response.status_code >= 500
    return _Passing(answer) if not_now else SourceFailed(answer)


def _failure(error: Exception) -> SourceFailed:
    """Tell what may pass (silence, a broken line) from what won't (no such host, certificate)."""
    import requests
    from urllib3.exceptions import ProtocolError, ReadTimeoutError

    # In the head of an answer requests wraps urllib3's errors, in the body they come as they are.
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else error
    if isinstance(error, requests.ConnectTimeout):
        return _Passing(f"no connection within {CONNECT_SECONDS:g} s")
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return _Passing(f"nothing came for {READ_SECONDS:g} s")
    if isinstance(cause, ProtocolError):
        return _Passing("the connection broke off")
    # urllib3 puts the object that failed before the reason: "HTTPSConnection(host=…): Failed to …".
    reason = re.sub(r"^\w+\(.*?\): ", "", str(getattr(cause, "reason", error)))
    return SourceFailed(" ".join(reason.split()))
