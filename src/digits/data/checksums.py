"""Checksums of data sets' files: what the content of each must be.

The names are torchvision's, so that both can share one copy.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO

from digits.errors import DigitsError

GZIP_MAGIC = b"\x1f\x8b"

MAX_UNKNOWN_BYTES = 32_000_000
"""Largest size of a file whose size was not published."""


class CorruptFileError(DigitsError):
    """The content of a file differs from what was published."""


class SourceError(DigitsError):
    """A source failed to deliver a file; the message is a single line without a full stop."""


@dataclass(frozen=True)
class DataFile:
    """A file with a known checksum: of its content, or of the form in which it was published."""

    name: str
    """File name, as in torchvision."""
    size: int | None
    """Size in bytes; uncompressed for an IDX file. None if it was not published."""
    sha256: str | None = None
    """SHA-256 of the content, in hexadecimal."""
    md5: str | None = None
    """MD5 of the published file, in hexadecimal, for a file of which no SHA-256 was published."""
    suffix: str = ".gz"
    """What the name of the published file has besides: none if it is kept as it was published."""

    @property
    def published_name(self) -> str:
        """Name of the file where it was published."""
        return self.name + self.suffix

    @property
    def max_size(self) -> int:
        """Largest size of the content in bytes."""
        return MAX_UNKNOWN_BYTES if self.size is None else self.size

    @property
    def max_compressed_size(self) -> int:
        """Largest gzipped size in bytes; incompressible data grows by less than 0.1 %."""
        return self.max_size + self.max_size // 1000 + 1024

    def check(self, content: bytes | memoryview) -> None:
        """Verify the size and the checksum of the file's content.

        Args:
            content: The whole file, uncompressed.

        Raises:
            CorruptFileError: If size or checksum differ from the published ones, or only the
                published file has a checksum.
        """
        self.check_size(len(content))
        if self.sha256 is not None:
            self.check_digest(hashlib.sha256(content).hexdigest())
        elif self.suffix:
            raise CorruptFileError(
                f"{self.name}: expected {self.published_name}, as only of that a sum is known"
            )
        else:
            self._check_md5(content)

    def check_size(self, found: int) -> None:
        """Verify the size of the file's content, or that it is none too large to be it.

        Args:
            found: Number of bytes.

        Raises:
            CorruptFileError: If it differs.
        """
        if self.size is not None and found != self.size:
            raise CorruptFileError(f"{self.name}: expected {self.size:,} bytes, found {found:,}")
        if found > self.max_size:
            raise CorruptFileError(
                f"{self.name}: expected at most {self.max_size:,} bytes, found {found:,}"
            )

    def check_digest(self, found: str, expected: str | None = None) -> None:
        """Verify the checksum of the file's content.

        Args:
            found: SHA-256 of the content, in hexadecimal.
            expected: The one that was recorded, for a file of which none was published.

        Raises:
            CorruptFileError: If it differs.
        """
        wanted = self.sha256 or expected or ""
        if found != wanted:
            raise CorruptFileError(
                f"{self.name}: expected SHA-256 {wanted[:12]}…, found {found[:12]}…"
            )

    def decompress(self, content: bytes) -> bytes:
        """Verify the file, as it was published or uncompressed, and decompress it.

        Args:
            content: The whole file, plain or gzipped.

        Returns:
            The verified content, uncompressed.

        Raises:
            CorruptFileError: If the gzip stream is broken, or size or checksum differ.
        """
        is_packed = bool(self.suffix) and content.startswith(GZIP_MAGIC)
        if is_packed and self.sha256 is None:
            self._check_md5(content)
        if is_packed:
            try:
                # Reading one byte beyond the size detects excess, and stops a gzip bomb.
                content = gzip.GzipFile(fileobj=BytesIO(content)).read(self.max_size + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise CorruptFileError(
                    f"{self.name}: expected a whole gzip file, found: {error}"
                ) from error
        if is_packed and self.sha256 is None:
            self.check_size(len(content))
        else:
            self.check(content)
        return content

    def _check_md5(self, content: bytes | memoryview) -> None:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != self.md5:
            wanted = self.md5 or ""
            raise CorruptFileError(
                f"{self.published_name}: expected MD5 {wanted[:12]}…, found {found[:12]}…"
            )
