"""Atomic file writes: to a temporary name, flushed, then renamed; a file is whole or absent."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from digits.errors import DigitsError


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    The folder is created if it is missing. The bytes are on the disk when this returns.

    Raises:
        DigitsError: If the file can't be written (read-only, disk full, no permission).
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DigitsError(f"Can't write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # renamed, or its folder could not be made
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power cut, where the system can do so."""
    with suppress(OSError):  # Windows can't open folders; some network file systems can't sync them
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
