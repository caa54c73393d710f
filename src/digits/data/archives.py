"""ZIP archives on the web in which a data set's files were published.

One is kept in the cache once it is there, as other sets may be in it, too; torchvision keeps it at
the same place.
"""

import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from digits.data.catalog import Archive
from digits.data.checksums import CorruptFileError, DataFile, SourceError
from digits.data.mirrors import TransientError, download, retrying
from digits.data.progress import ProgressCallback
from digits.files import sync_folder

SLOWEST_BYTES_PER_SECOND = 100_000
"""Rate below which a download is given up: EMNIST's would take longer than an hour and a half."""
CHUNK_BYTES = 1 << 20
"""Bytes that are read, and then hashed, at once."""


@dataclass(frozen=True)
class ZipSource:
    """An archive, in the cache or on the web."""

    archive: Archive
    path: Path
    """Where it is kept, whole, or nothing."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        return self.archive.url

    def fetch(
        self, files: Sequence[DataFile], on_progress: ProgressCallback
    ) -> Iterator[tuple[DataFile, bytes]]:
        """Take files out of the archive, after downloading it if it is not there whole.

        Args:
            files: The files to take.
            on_progress: Called after each part of a download.

        Yields:
            Each file with its content, uncompressed; it is what was published, as the archive is.

        Raises:
            SourceError: If the archive can't be downloaded, or a file is not in it.
        """
        try:
            if not self.is_whole:
                self._download(on_progress)
            yield from self.take(files)
        except (CorruptFileError, OSError) as error:
            raise SourceError(str(error)) from error

    @property
    def is_whole(self) -> bool:
        """Whether the archive is there, as it was published."""
        if not self.path.is_file() or self.path.stat().st_size != self.archive.size:
            return False
        with self.path.open("rb") as stream:
            return md5_of(stream) == self.archive.md5

    def take(self, files: Sequence[DataFile]) -> Iterator[tuple[DataFile, bytes]]:
        """Take files out of the archive, which is whole.

        Raises:
            CorruptFileError: If one is not in it, or not what it should be.
        """
        with zipfile.ZipFile(self.path) as opened:
            for file in files:
                yield file, _take(opened, self.archive, file)

    def _download(self, on_progress: ProgressCallback) -> None:
        import requests

        with requests.Session() as session:
            retrying(self._attempt, session, on_progress)

    def _attempt(self, session: object, on_progress: ProgressCallback) -> None:
        """Download into a file of its own, which gets its name once its sum is right."""
        temporary = self.path.with_name(f".{self.path.name}.{uuid4().hex}")
        try:
            with temporary.open("x+b") as stream:
                download(
                    session,  # type: ignore[arg-type]
                    self.archive.url,
                    stream.write,
                    on_progress,
                    name=self.path.name,
                    max_bytes=self.archive.size,
                    max_seconds=self.archive.size / SLOWEST_BYTES_PER_SECOND,
                )
                stream.flush()
                os.fsync(stream.fileno())
                stream.seek(0)
                found = md5_of(stream)
            if found != self.archive.md5:
                raise TransientError(
                    f"{self.path.name}: expected MD5 {self.archive.md5[:12]}…, found {found[:12]}…"
                )
            temporary.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def md5_of(stream: IO[bytes]) -> str:
    """Compute the MD5 of what follows in a stream, in hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _take(opened: zipfile.ZipFile, archive: Archive, file: DataFile) -> bytes:
    """Take a gzipped file out of an archive, and decompress it.

    Raises:
        CorruptFileError: If it is not there, or not what it should be.
    """
    try:
        with (
            opened.open(archive.folder + file.published_name) as packed,
            gzip.open(packed) as plain,
        ):
            # Reading one byte beyond the size detects excess, and stops a gzip bomb.
            content: bytes = plain.read(file.max_size + 1)
    except KeyError as error:
        raise CorruptFileError(f"{file.name}: not in the archive") from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise CorruptFileError(
            f"{file.name}: expected a whole gzip file, found: {error}"
        ) from error
    file.check_size(len(content))
    return content
