"""The folder where MNIST is kept, in torchvision's layout: `<root>/MNIST/raw/<name>`."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from digits.data.progress import say
from digits.data.published import DataFile, WrongBytes
from digits.errors import DigitsError

ROOT_VARIABLE = "DIGITS_DATA"
LOCK_SECONDS = 1800.0
"""The longest wait for another process that fetches the same files."""
PIECE_BYTES = 1 << 20


def data_root() -> Path:
    """The folder of the data: `DIGITS_DATA`, or the user's cache folder on this system."""
    root = Path(os.environ.get(ROOT_VARIABLE) or user_cache_dir("digits"))
    try:
        return root.expanduser()
    except RuntimeError as error:  # a "~" without a home
        raise DigitsError(f"Expected a folder for data, found {root}: {error}") from error


def path_in(root: Path, file: DataFile) -> Path:
    """Where torchvision, given the same root, looks for `file` too."""
    return root / "MNIST" / "raw" / file.name


def read_files(
    root: Path, files: Sequence[DataFile]
) -> tuple[dict[str, memoryview], dict[str, str | None]]:
    """Read and check files; never trust a file because it was right the last time.

    Returns:
        The content of each good file by its name, writable and owned by the caller; and of each
        other file what is wrong with it, None if it is just not there.
    """
    contents: dict[str, memoryview] = {}
    problems: dict[str, str | None] = {}

    def read(file: DataFile) -> None:
        try:
            contents[file.name] = _read_checked(path_in(root, file), file)
        except FileNotFoundError:
            problems[file.name] = None
        except (WrongBytes, OSError) as error:
            problems[file.name] = str(error)

    # Reading and hashing let go of the interpreter, so the small files cost no time of their own.
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(read, files))
    return contents, problems


def _read_checked(path: Path, file: DataFile) -> memoryview:
    digest = hashlib.sha256()
    with path.open("rb") as stream, ThreadPoolExecutor(1) as hasher:
        found = os.fstat(stream.fileno()).st_size
        if found != file.size:
            raise WrongBytes(f"{file.name}: expected {file.size:,} bytes, found {found:,}")
        # NumPy's memory comes in huge pages where the system has them: 20 ms less than a bytearray.
        content = np.empty(file.size, np.uint8).data
        # Each piece is hashed while the next is read: another 10 ms less.
        for start in range(0, file.size, PIECE_BYTES):
            piece = content[start : start + PIECE_BYTES]
            stream.readinto(piece)
            hasher.submit(digest.update, piece)
    file.check_sum(digest.hexdigest())
    return content


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep other processes from fetching into `root` meanwhile; make its folders.

    Raises:
        DigitsError: If `root` can't be written to, or another process holds on to it.
    """
    try:
        (root / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".digits.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"Waiting for another process that fetches into {root}.")
            lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise DigitsError(
            f"Expected {root} to be free within {LOCK_SECONDS:g} s, "
            "but another process still fetches into it; stop that process and try again."
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise DigitsError(
            f"MNIST is not whole in {root}, and nothing can be written there "
            f"({getattr(error, 'strerror', None) or error}); "
            f"set {ROOT_VARIABLE} to a folder of your own."
        ) from error
    try:
        yield
    finally:
        lock.release()
