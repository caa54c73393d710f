"""Files: written so that each is whole or absent, and named so that no name deceives."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from uuid import uuid4

from digits.errors import DigitsError

CANNOT_SYNC = {
    errno.EACCES,  # Windows can't open folders
    errno.EPERM,
    errno.EINVAL,  # some file systems can't sync them
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
}
"""Errors by which a system says that it can't sync folders; any other says that the disk failed."""


UNFINISHED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}")
"""Names of files that `open_atomic` is writing, or was when its process was killed."""


@contextmanager
def open_atomic(path: Path) -> Iterator[BufferedRandom]:
    """Open a file to write, which takes its place whole when the `with` block ends, or not at all.

    The folder is created if it is missing. The bytes are on the disk afterwards, and so is the way
    to them.

    Yields:
        The new file, to write and read, under another name until then.

    Raises:
        DigitsError: If the file can't be written (read-only, disk full, no permission).
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        make_folder(path.parent)
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DigitsError(f"Can't write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # renamed, or its folder could not be made
            temporary.unlink()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    The folder is created if it is missing. The bytes are on the disk when this returns, and so is
    the way to them.

    Raises:
        DigitsError: If the file can't be written (read-only, disk full, no permission).
    """
    with open_atomic(path) as file:
        file.write(content)


def remove(path: Path) -> None:
    """Remove a file, if it is there; it does not come back after a power cut.

    Raises:
        DigitsError: If it can't be removed.
    """
    try:
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DigitsError(f"Can't remove {path}: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; all of them survive a power cut.

    Raises:
        OSError: If one can't be made, or the disk fails.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power cut, where the system can do so.

    Raises:
        OSError: If the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def escaped(text: object) -> str:
    r"""Text with an escape in place of each character that moves the cursor, or can't be seen.

    A file may be named so that its name forges a line, or paints the terminal.

    >>> print(escaped("a.png: 7\nb.png"))
    a.png: 7\nb.png
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def quoted(path: object) -> str:
    r"""A file's name as `ls` shows it on a terminal: in quotes, where characters are escaped.

    >>> print(quoted("a b.png"), quoted("a\nb.png"))
    a b.png $'a\nb.png'
    """
    text = str(path)
    if text.isprintable():
        return text
    return "$'" + escaped(text.replace("\\", "\\\\").replace("'", "\\'")) + "'"
