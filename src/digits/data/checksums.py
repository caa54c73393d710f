"""Checksums of MNIST's four files: the published names, sizes and SHA-256 sums.

The names are torchvision's, so that both can share one copy.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO

from digits.errors import DigitsError

GZIP_MAGIC = b"\x1f\x8b"


class CorruptFileError(DigitsError):
    """The content of a file differs from what was published."""


class SourceError(DigitsError):
    """A source failed to deliver a file; the message is a single line without a full stop."""


@dataclass(frozen=True)
class DataFile:
    """A file with a known size and checksum."""

    name: str
    """File name, as in torchvision."""
    size: int
    """Size in bytes; uncompressed for an IDX file."""
    sha256: str
    """SHA-256 of the content, in hexadecimal."""

    @property
    def max_compressed_size(self) -> int:
        """Largest gzipped size in bytes; incompressible data grows by less than 0.1 %."""
        return self.size + self.size // 1000 + 1024

    def check(self, content: bytes | memoryview) -> None:
        """Verify the size and the checksum of the file's content.

        Args:
            content: The whole file, uncompressed.

        Raises:
            CorruptFileError: If size or checksum differ from the published ones.
        """
        if len(content) != self.size:
            raise CorruptFileError(
                f"{self.name}: expected {self.size:,} bytes, found {len(content):,}"
            )
        self.check_digest(hashlib.sha256(content).hexdigest())

    def check_digest(self, found: str) -> None:
        """Verify the checksum of the file's content.

        Args:
            found: SHA-256 of the content, in hexadecimal.

        Raises:
            CorruptFileError: If it differs from the published one.
        """
        if found != self.sha256:
            raise CorruptFileError(
                f"{self.name}: expected SHA-256 {self.sha256[:12]}…, found {found[:12]}…"
            )

    def decompress(self, content: bytes) -> bytes:
        """Decompress the content if it is gzipped, and verify it.

        Args:
            content: The whole file, plain or gzipped.

        Returns:
            The verified content, uncompressed.

        Raises:
            CorruptFileError: If the gzip stream is broken, or size or checksum differ.
        """
        if content.startswith(GZIP_MAGIC):
            try:
                # Reading one byte beyond the size detects excess, and stops a gzip bomb.
                content = gzip.GzipFile(fileobj=BytesIO(content)).read(self.size + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise CorruptFileError(
                    f"{self.name}: expected a whole gzip file, found: {error}"
                ) from error
        self.check(content)
        return content


TRAIN_IMAGES = DataFile(
    "train-images-idx3-ubyte",
    47_040_016,
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
)
TRAIN_LABELS = DataFile(
    "train-labels-idx1-ubyte",
    60_008,
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
)
TEST_IMAGES = DataFile(
    "t10k-images-idx3-ubyte",
    7_840_016,
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
TEST_LABELS = DataFile(
    "t10k-labels-idx1-ubyte",
    10_008,
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
MNIST = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
