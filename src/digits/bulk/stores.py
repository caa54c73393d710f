"""Stores: folders and object stores, by address; files go in and come out whole."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits.errors import DigitsError, InvalidInput
from digits.extras import optional_imports
from digits.files import UNFINISHED, quoted, write_atomic
from digits.reading.folder import natural_key
from digits.reading.ink.formats import OTHER_SUFFIXES, SUFFIXES


def is_stored(argument: str) -> bool:
    """Whether an argument is the address of a file or folder in an object store: `s3://…`.

    What is served to browsers is no store, as its files can't be listed.
    """
    scheme, mark, _ = argument.partition("://")
    return bool(mark) and scheme.lower() not in ("http", "https")


class Store:
    """A folder, on disks that all machines see, or in an object store.

    Args:
        address: A path, or what pyarrow takes for a file system: `s3://bucket/folder`, `gs://…`.
            Keys and regions are taken from where the store's own tools find them.

    Raises:
        InvalidInput: If there is no such kind of store, or no such address.
        MissingExtraError: If pyarrow is not installed.
    """

    def __init__(self, address: str) -> None:
        with optional_imports("Reading from a store"):
            from pyarrow import ArrowException
            from pyarrow.fs import FileSystem
        self.address = address.rstrip("/")
        uri = address if is_stored(address) else Path(address).absolute().as_uri()
        if uri.startswith("s3:"):  # a file of a few megabytes is one request, not three
            uri += ("&" if "?" in uri else "?") + "allow_delayed_open=true"
        try:
            self._files, self._folder = FileSystem.from_uri(uri)
        except (ArrowException, ValueError, OSError, ImportError) as error:
            raise InvalidInput(f"{quoted(address)} can't be opened: {_line(error)}") from error

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine, or one that is mounted here."""
        return bool(self._files.type_name == "local")

    def file_names(self, *, recursive: bool = False) -> list[str]:
        """List the files, in natural order, by their paths within; none where nothing is.

        Files that are still being written are left out.

        Raises:
            DigitsError: If they can't be listed.
        """
        from pyarrow.fs import FileSelector, FileType

        with _told(self.address):
            found = self._files.get_file_info(
                FileSelector(self._folder, allow_not_found=True, recursive=recursive)
            )
        names = (
            file.path.removeprefix(self._folder).lstrip("/")
            for file in found
            if file.type == FileType.File and not UNFINISHED.fullmatch(file.base_name)
        )
        return sorted(names, key=lambda name: [natural_key(part) for part in name.split("/")])

    def holds_a_file(self) -> bool:
        """Whether the address itself is that of a file.

        Raises:
            DigitsError: If this can't be told.
        """
        from pyarrow.fs import FileType

        with _told(self.address):
            return bool(self._files.get_file_info(self._folder).type == FileType.File)

    def read(self, name: str = "") -> bytes:
        """Read a file; without a name, the one at the address itself.

        Raises:
            DigitsError: If it can't be read.
        """
        with _told(self._address_of(name)), self._files.open_input_stream(self._path(name)) as file:
            return bytes(file.readall())

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which appears whole or not at all.

        Raises:
            DigitsError: If it can't be written.
        """
        if self.is_local:
            write_atomic(Path(self._path(name)), content)
            return
        # An object store shows a file when the last byte of it is there.
        with (
            _told(self._address_of(name)),
            self._files.open_output_stream(self._path(name)) as file,
        ):
            file.write(content)

    def remove_leftovers(self, names: Collection[str]) -> None:
        """Remove what processes that were killed had not finished of some files.

        Raises:
            DigitsError: If it can't be removed.
        """
        with _told(self.address):
            # An object store shows nothing of a file until it is whole.
            for path in Path(self._folder).glob(".*") if self.is_local else ():
                unfinished = UNFINISHED.fullmatch(path.name)
                if unfinished and unfinished["name"] in names:
                    path.unlink(missing_ok=True)

    def open_table(self, name: str = "") -> Any:
        """Open a Parquet file, without reading it.

        Raises:
            DigitsError: If it can't be opened.
        """
        from pyarrow.parquet import ParquetFile

        with _told(self._address_of(name)):
            return ParquetFile(self._path(name), filesystem=self._files)

    def open_tables(self, names: list[str]) -> Any:
        """Open Parquet files of the same columns as one data set, without reading them.

        Raises:
            DigitsError: If one can't be opened.
        """
        from pyarrow.dataset import dataset

        with _told(self.address):
            paths = [self._path(name) for name in names]
            return dataset(paths, filesystem=self._files, format="parquet")

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}" if name else self._folder

    def _address_of(self, name: str) -> str:
        return f"{self.address}/{name}" if name else self.address


def is_picture(name: str) -> bool:
    """Whether a file is taken for a picture by its name, as one in a folder is."""
    file = name.rpartition("/")[2]
    return not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES | OTHER_SUFFIXES


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Turn what pyarrow raises into an error of one line.

    Raises:
        DigitsError: If the file system or the file fails.
    """
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise DigitsError(f"{quoted(address)}: {_line(error)}") from error


def _line(error: Exception) -> str:
    if (
        isinstance(error, OSError) and error.errno
    ):  # pyarrow's text has paths and places in its code
        return f"{os.strerror(error.errno)}."
    text = str(error) or type(error).__name__
    return " ".join(text.split())[:300].rstrip(".") + "."
