"""Events of a run, for those who watch it: lines of JSON in a file that only grows.

Who reads the file knows how far by an offset in it, and loses nothing and gets nothing twice,
whenever it comes and whatever becomes of the process that writes. Each event has a `kind`:

| kind | holds |
| --- | --- |
| `began` | what is trained, and the digits that are watched: their images, labels and classes |
| `resumed` | the step from which the run went on; what was told of later ones is void |
| `point` | loss and accuracy of the latest steps; often filters, and how digits are read now |
| `epoch` | what came of an epoch |
| `finished` | what came of the run |
"""

import errno
import json
import os
from pathlib import Path
from typing import Any

from digits.errors import DigitsError

NAME = "events.jsonl"
"""Name of the file in a run folder."""

CHUNK_BYTES = 1 << 18
"""Most bytes that are read at once."""


class EventLog:
    """Writes the events of a run; what a killed process wrote in part is removed first.

    Args:
        path: The file, which is made if it is missing.

    Raises:
        DigitsError: If it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("a+b", buffering=0)
            self._file.seek(0)
            self._num_bytes = _whole_bytes(self._file.read())
            self._file.truncate(self._num_bytes)
        except OSError as error:
            raise DigitsError(f"Can't write {path}: {error.strerror or error}.") from error

    @property
    def is_empty(self) -> bool:
        """Whether there are no events yet."""
        return self._num_bytes == 0

    def write(self, event: dict[str, Any]) -> None:
        """Add an event.

        Raises:
            DigitsError: If it can't be written.
        """
        line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            # Not flushed to the disk: after a power cut, a run goes on from its checkpoint.
            num_written = self._file.write(line)
            if num_written != len(line):
                self._file.truncate(self._num_bytes)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise DigitsError(f"Can't write {self._path}: {error.strerror or error}.") from error
        self._num_bytes += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path, offset: int) -> list[bytes]:
    """Read whole lines from an offset on, some of them if they are many; none if there is no file.

    Args:
        path: The file of an `EventLog`.
        offset: Number of bytes before the first line.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(CHUNK_BYTES)
            while b"\n" not in content and (more := file.read(CHUNK_BYTES)):
                content += more
    except OSError:
        return []
    return content[: content.rfind(b"\n") + 1].splitlines(keepends=True)


def is_at_line(path: Path, offset: int) -> bool:
    """Whether a line begins, or would begin, at an offset."""
    if offset == 0:
        return True
    try:
        with path.open("rb") as file:
            file.seek(offset - 1)
            return file.read(1) == b"\n"
    except (OSError, OverflowError, ValueError):
        return False


def _whole_bytes(content: bytes) -> int:
    """Count the bytes up to the end of the last line before the first damaged one."""
    num_bytes = 0
    for line in content.splitlines(keepends=True):
        try:
            json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        num_bytes += len(line)
    return num_bytes
