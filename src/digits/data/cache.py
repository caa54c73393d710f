"""The atomic cache of MNIST's files, in torchvision's layout: `<root>/MNIST/raw/<name>`."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from digits.data.checksums import CorruptFileError, DataFile
from digits.data.progress import print_status
from digits.errors import DigitsError
from digits.files import make_folder

ROOT_VARIABLE = "DIGITS_DATA"
LOCK_SECONDS = 1800.0
"""Longest wait for another process that fetches the same files, in seconds."""
CHUNK_BYTES = 1 << 20
"""Bytes that are read, and then hashed, at once."""


def data_root() -> Path:
    """Return the root folder of the cache.

    Returns:
        The value of the environment variable `DIGITS_DATA`, or the user's cache folder.

    Raises:
        DigitsError: If the value begins with a `~` that cannot be resolved.
    """
    root = Path(os.environ.get(ROOT_VARIABLE) or user_cache_dir("digits"))
    try:
        return root.expanduser()
    except RuntimeError as error:  # a "~" without a home
        raise DigitsError(f"{ROOT_VARIABLE}: expected a folder, found {root} ({error}).") from error


def path_in(root: Path, file: DataFile) -> Path:
    """Return the path of a file in the cache, the same as torchvision's.

    Args:
        root: The root folder of the cache.
        file: The file to look for.

    Returns:
        The path; nothing needs to exist there.
    """
    return root / "MNIST" / "raw" / file.name


def read_files(
    root: Path, files: Sequence[DataFile]
) -> tuple[dict[str, memoryview], dict[str, str | None]]:
    """Read files from the cache and verify the checksum of each, every time.

    Args:
        root: The root folder of the cache.
        files: The files to read.

    Returns:
        Two dictionaries by file name: the contents of the intact files, writable and owned by the
        caller, and the problems of the others; the problem of a missing file is None.
    """
    contents: dict[str, memoryview] = {}
    problems: dict[str, str | None] = {}

    def read(file: DataFile) -> None:
        try:
            contents[file.name] = _read_checked(path_in(root, file), file)
        except FileNotFoundError:
            problems[file.name] = None
        except (CorruptFileError, OSError) as error:
            problems[file.name] = str(error)

    # Reading and hashing release the GIL, so the small files take no time beside the large one.
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(read, files))
    return contents, problems


def _read_checked(path: Path, file: DataFile) -> memoryview:
    digest = hashlib.sha256()
    with path.open("rb") as stream, ThreadPoolExecutor(1) as hasher:
        found = os.fstat(stream.fileno()).st_size
        if found != file.size:
            raise CorruptFileError(f"{file.name}: expected {file.size:,} bytes, found {found:,}")
        # NumPy allocates huge pages where the system has them: 20 ms faster than a bytearray.
        content = np.empty(file.size, np.uint8).data
        # Each chunk is hashed while the next is read: another 10 ms faster.
        for start in range(0, file.size, CHUNK_BYTES):
            chunk = content[start : start + CHUNK_BYTES]
            stream.readinto(chunk)
            hasher.submit(digest.update, chunk)
    file.check_digest(digest.hexdigest())
    return content


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock of the cache, so that one process at a time fetches; create its folders.

    Args:
        root: The root folder of the cache.

    Raises:
        DigitsError: If `root` is not writable, or another process keeps the lock.
    """
    try:
        make_folder(root / "MNIST" / "raw")
        lock = FileLock(root / ".digits.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print_status(f"Waiting for another process that fetches MNIST into {root}.")
            lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise DigitsError(
            f"Expected {root} to be free within {LOCK_SECONDS:g} s, "
            "but another process still fetches into it; stop that process and try again."
        ) from error
    except (
        OSError,
        NotImplementedError,
    ) as error:  # NotImplementedError: a file system without locks
        raise DigitsError(
            f"MNIST is incomplete in {root}, and nothing can be written there "
            f"({getattr(error, 'strerror', None) or error}); "
            f"set {ROOT_VARIABLE} to a folder of your own."
        ) from error
    try:
        yield
    finally:
        lock.release()
