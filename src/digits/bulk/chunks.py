"""Chunks: some of the files to read, which one worker reads, and whose rows are one file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from digits.bulk.places import key_of
from digits.bulk.sources import Source
from digits.bulk.stores import Store, is_picture, is_stored
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted

T = TypeVar("T")

FILES_A_CHUNK = 200
"""Most files of a chunk, 1 or more: as many are read again where a worker dies."""

CHUNKS = 64
"""Chunks that fewer files are cut into, one file at least in each: so that a few pages are read by
many workers. It depends on the files alone, so that the same command cuts them alike anywhere."""

CONTENT = "bytes"
"""The column of a table of pictures that has a file's bytes."""

NAMES = ("path", "name", "file")
"""Columns that may have its name; the first of them that is there has."""

ROWS_TOGETHER = 32
"""Limit on memory: number of pictures of a table that a worker holds at once."""


@runtime_checkable
class Chunk(Protocol):
    """Some of the files to read. It is pickled, to be read on another machine."""

    @property
    def names(self) -> Iterable[str]:
        """What tells it from others."""

    @property
    def num_files(self) -> int:
        """Number of the files."""

    def sources(self) -> Iterator[Source]:
        """The files, with their bytes where these are not in a file of the worker's machine."""


@dataclass(frozen=True)
class FilesChunk:
    """Files that every machine finds at the same place."""

    files: tuple[Source, ...]

    @property
    def names(self) -> list[str]:
        """The names of the files."""
        return [source.name for source in self.files]

    @property
    def num_files(self) -> int:
        """Number of the files."""
        return len(self.files)

    def sources(self) -> Iterator[Source]:
        """The files as they are."""
        return iter(self.files)


@dataclass(frozen=True)
class StoredChunk:
    """Files of an object store."""

    address: str
    """The address of their folder, or of the only one."""
    files: tuple[str, ...]
    """Their paths in the folder; nothing for the file at the address itself."""

    @property
    def names(self) -> list[str]:
        """Their addresses."""
        return [f"{self.address}/{file}" if file else self.address for file in self.files]

    @property
    def num_files(self) -> int:
        """Number of the files."""
        return len(self.files)

    def sources(self) -> Iterator[Source]:
        """The files with their bytes, each fetched when it is taken."""
        store = Store(self.address)
        for name, file in zip(self.names, self.files, strict=True):
            yield _fetched(name, partial(store.read, file))


@dataclass(frozen=True)
class TableChunk:
    """A row group of a Parquet file that has pictures in a column."""

    address: str
    """The path or address of the table."""
    row_group: int
    """The number of the row group, from 0."""
    num_files: int
    """Number of pictures in it."""

    @property
    def names(self) -> list[str]:
        """The name of the row group."""
        return [f"{self.address}#{self.row_group} ({self.num_files})"]

    def sources(self) -> Iterator[Source]:
        """The pictures, a few at a time.

        Raises:
            DigitsError: If the table can't be read.
        """
        table = Store(self.address).open_table()
        column = _name_column(table.schema_arrow.names)
        for batch in table.iter_batches(
            ROWS_TOGETHER, row_groups=[self.row_group], columns=[column, CONTENT]
        ):
            for name, content in zip(
                batch.column(column).to_pylist(), batch.column(CONTENT).to_pylist(), strict=True
            ):
                yield Source(str(name), content if content is not None else b"")


FindFiles = Callable[[list[str]], Iterable[Source]]
"""Function from arguments that name files and folders of this machine to the files."""


def find_chunks(
    arguments: Iterable[str], find_files: FindFiles, *, recursive: bool = False
) -> list[Chunk]:
    """Find what there is to read, each file once, and cut it into chunks, the same for the same.

    Args:
        arguments: Files and folders; addresses of files and folders in object stores; tables of
            pictures (`.parquet`), or folders of them in object stores.
        find_files: Finds files of this machine.
        recursive: Whether subfolders in object stores are listed, too.

    Raises:
        InvalidInput: If a table has no pictures.
        DigitsError: If a folder can't be listed, or a table not be opened.
    """
    chunks: list[Chunk] = []
    seen: set[str] = set()
    for argument in dict.fromkeys(arguments):
        if argument.lower().endswith(".parquet"):
            place = argument if is_stored(argument) else key_of(Path(argument))
            chunks += _chunks_of_table(argument) if _is_new(place, seen) else ()
        elif is_stored(argument):
            chunks += _chunks_of_store(argument, seen, recursive)
        else:
            found = map(_from_anywhere, find_files([argument]))
            files = [source for source in found if _is_new(_place_of(source), seen)]
            chunks += [FilesChunk(part) for part in _cut(files)]
    return chunks


def _from_anywhere(source: Source) -> Source:
    """The source as a process in another folder finds it, under the same name."""
    content = source.content
    return replace(source, content=content.absolute()) if isinstance(content, Path) else source


def _place_of(source: Source) -> str:
    """What two names of the same file have in common."""
    return key_of(source.content) if isinstance(source.content, Path) else source.name


def _cut(files: Sequence[T]) -> Iterator[tuple[T, ...]]:
    size = max(1, min(FILES_A_CHUNK, len(files) // CHUNKS))
    for start in range(0, len(files), size):
        yield tuple(files[start : start + size])


def _is_new(name: str, seen: set[str]) -> bool:
    is_new = name not in seen
    seen.add(name)
    return is_new


def _chunks_of_store(address: str, seen: set[str], recursive: bool) -> Iterator[Chunk]:
    store = Store(address)
    if store.holds_a_file():
        if _is_new(address, seen):
            yield StoredChunk(address, ("",))
        return
    names = store.file_names(recursive=recursive)
    pictures = [
        name for name in names if is_picture(name) and _is_new(f"{store.address}/{name}", seen)
    ]
    yield from (StoredChunk(store.address, part) for part in _cut(pictures))
    for name in names:
        if name.endswith(".parquet") and _is_new(f"{store.address}/{name}", seen):
            yield from _chunks_of_table(f"{store.address}/{name}")


def _chunks_of_table(address: str) -> Iterator[Chunk]:
    table = Store(address).open_table()
    columns = table.schema_arrow.names
    if CONTENT not in columns or _name_column(columns) not in columns:
        raise InvalidInput(
            f"{quoted(address)}: expected a column {CONTENT}, and one of {', '.join(NAMES)}, found "
            f"{', '.join(columns)}."
        )
    from pyarrow import types

    kind = table.schema_arrow.field(CONTENT).type
    if not (types.is_binary(kind) or types.is_large_binary(kind)):  # a text would be a path here
        raise InvalidInput(
            f"{quoted(address)}: expected bytes in the column {CONTENT}, found {kind}."
        )
    for number in range(table.num_row_groups):
        yield TableChunk(address, number, table.metadata.row_group(number).num_rows)


def _name_column(columns: Iterable[str]) -> str:
    return next((name for name in NAMES if name in columns), NAMES[0])


def _fetched(name: str, fetch: Callable[[], bytes]) -> Source:
    try:
        return Source(name, fetch())
    except DigitsError as error:
        return Source(name, error)
