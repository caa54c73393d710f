"""Files that are whole or absent: written aside, flushed, renamed."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from digits.errors import DigitsError


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a part.

    The folder is made if it is missing. The bytes are on the disk when this returns.

    Raises:
        DigitsError: If the folder or disk refuses (read-only, full, no permission).
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
        with suppress(OSError):  # gone after the rename; its folder may never have been
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last through a power cut, where the system has a call for that."""
    with suppress(OSError):  # Windows opens no folders; some network file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
