"""MNIST's four files as they were published: the names, sizes and sums that every source must meet.

The names and the folder are torchvision's, so that both can share one copy.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO

from digits.errors import DigitsError

GZIP_MAGIC = b"\x1f\x8b"


class WrongBytes(DigitsError):  # noqa: N818 - it names the state of what was found
    """These are not the bytes that were published."""


class SourceFailed(DigitsError):  # noqa: N818 - it says what happened
    """A source can't deliver; the message is its answer, short enough for a list."""


@dataclass(frozen=True)
class DataFile:
    """A file of which every byte is known beforehand."""

    name: str
    size: int
    """In bytes; for an IDX file, uncompressed."""
    sha256: str
    """In hexadecimal."""

    @property
    def max_packed_size(self) -> int:
        """The most bytes that gzip can need for it: what it can't shrink grows by under 0.1 %."""
        return self.size + self.size // 1000 + 1024

    def check(self, content: bytes | memoryview) -> None:
        """Pass only the bytes that were published.

        Raises:
            WrongBytes: If length or sum differ.
        """
        if len(content) != self.size:
            raise WrongBytes(f"{self.name}: expected {self.size:,} bytes, found {len(content):,}")
        self.check_sum(hashlib.sha256(content).hexdigest())

    def check_sum(self, found: str) -> None:
        """Pass only the SHA-256, in hexadecimal, of the bytes that were published.

        Raises:
            WrongBytes: If it differs.
        """
        if found != self.sha256:
            raise WrongBytes(
                f"{self.name}: expected SHA-256 {self.sha256[:12]}…, found {found[:12]}…"
            )

    def unpack(self, content: bytes) -> bytes:
        """Undo gzip, if `content` is gzipped, and check what comes out.

        Raises:
            WrongBytes: If gzip is broken, or the bytes are not those that were published.
        """
        if content.startswith(GZIP_MAGIC):
            try:
                # One byte more than expected shows what is too long, and no gzip bomb goes off.
                content = gzip.GzipFile(fileobj=BytesIO(content)).read(self.size + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise WrongBytes(
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
