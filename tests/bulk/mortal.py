"""Functions to read files with that do to their process what a file may do to it."""

import os
import signal
import time
from pathlib import Path

from digits.bulk.records import Record
from digits.bulk.sources import Source


def read_name(source: Source) -> Record:
    """Take the file's name for what stands on it."""
    return Record(source.name, ({"page": 1, "text": source.name},))


def die(folder: Path, source: Source) -> Record:
    """Die of a file named `mortal`, and the first time of one named `mortal once`."""
    is_first_time = source.name == "mortal once" and not (folder / "tried").exists()
    if is_first_time:
        (folder / "tried").touch()
    if is_first_time or source.name == "mortal":
        os.kill(os.getpid(), signal.SIGKILL)
    return read_name(source)


def print_it(source: Source) -> Record:
    """Print the name, as a library written in C may, past Python's standard output."""
    os.write(1, source.name.encode())
    return read_name(source)


def read_forever(folder: Path, source: Source) -> Record:
    """Read without end, and leave the process's number in a folder."""
    (folder / "written").write_text(str(os.getpid()))
    (folder / "written").rename(folder / "pid")
    while True:
        time.sleep(60)


class Unborn:
    """What can't come to life in another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)

    def __call__(self, source: Source) -> Record:
        raise AssertionError
