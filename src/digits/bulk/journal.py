"""Journal of a table: all that was read for it, kept as it comes, so that nothing is read twice.

It lies beside the table, and stays there: it is what the table is made of, and says which files are
in it, and that the table is ours to replace. Its first line has the settings that decide the rows;
each other, a file's rows, or the sums of tables that are being written. Lines are only ever
appended, so whatever ends the process leaves whole lines, and one that is torn at the end.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from digits.bulk.places import STANDARD_INPUT
from digits.bulk.rows import Row, written_name
from digits.bulk.sources import Source
from digits.errors import DigitsError, InvalidInput
from digits.files import make_folder, quoted, sync_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FORMAT = 1
"""Number of the journal's format, which changes with the meaning of its lines."""

KINDS_OF_LINES = ({"journal"}, {"file", "rows"}, {"sums"})
"""What tells a line with settings, with a file's rows, and with sums of tables from damage."""

SYNC_SECONDS = 1.0
"""Most time of reading that a power cut undoes; a process that is killed loses a file's at most."""

FAR = 2**40
"""Place past the journal's end that is locked on Windows, where what is locked can't be read."""


@dataclass(frozen=True)
class Entry:
    """What was read of a file."""

    name: str
    """The name of its source."""
    key: str
    """What tells its file from others, whatever name it has: see `key_in`."""
    rows: tuple[Row, ...]
    """Its rows."""
    cutouts: dict[str, str]
    """Pictures of what is doubtful, PNG files in Base64, by page and line: "1 2"; "1" is a page."""

    @property
    def has_failed(self) -> bool:
        """Whether a page of it can't be read."""
        return any(row.has_failed for row in self.rows)


class Journal:
    """A table's journal, held by this process alone; `open_journal` opens one.

    Args:
        path: The file.
        file: The file, open to append.
        settings: All settings that decide the rows, as JSON has them.
    """

    def __init__(self, path: Path, file: FileIO, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.keys: set[str] = set()
        """Keys of the files that were read when it was opened, but for those that failed."""
        self.num_shown = 0
        """Number of files with cut-outs."""
        self.sums: set[str] = set()
        """SHA-256 of all tables that were ever written of it."""
        self._failed: set[str] = set()
        self._retried: set[str] = set()
        self._file = file
        self._synced = time.monotonic()
        self._go_on({"journal": FORMAT, **settings})

    def append(self, entry: Entry) -> None:
        """Keep what was read of a file.

        Raises:
            DigitsError: If it can't be written.
        """
        document: dict[str, Any] = {
            "file": entry.name,
            "key": entry.key,
            "rows": [row[1:] for row in entry.rows],
        }
        if entry.cutouts:
            document["cutouts"] = entry.cutouts
            self.num_shown += 1
        self._append(document)
        self._note(entry)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def will_write(self, sums: list[str]) -> None:
        """Note the SHA-256 of tables that take their place next; it is on the disk thereafter.

        Raises:
            DigitsError: If it can't be written.
        """
        self._append({"sums": sums})
        self.sync()
        self.sums.update(sums)

    def sync(self) -> None:
        """Have all of it on the disk.

        Raises:
            DigitsError: If it can't be written.
        """
        with _told(self.path):
            os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def entries(self) -> Iterator[Entry]:
        """Read what was kept, in the order in which it was read.

        Of a file that was tried again, what was read last stands where it was tried first: so the
        tables are those of a command that nothing disturbed.
        """
        last = {entry.key: entry for entry in self._all_entries() if entry.key in self._retried}
        for entry in self._all_entries():
            if entry.key not in self._retried:
                yield entry
            elif entry.key in last:
                yield last.pop(entry.key)

    def _all_entries(self) -> Iterator[Entry]:
        documents = (document for _, document in _documents(self.path))
        return (_entry_of(document) for document in documents if "file" in document)

    def _note(self, entry: Entry) -> None:
        """Note whether a file failed, and whether it did before."""
        if entry.key in self._failed:
            self._retried.add(entry.key)
        if entry.has_failed:
            self._failed.add(entry.key)

    def _append(self, document: dict[str, Any]) -> None:
        line = _line(document)
        with _told(self.path):
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]

    def _go_on(self, header: dict[str, Any]) -> None:
        """Take what is there, but for a torn end; begin with the header if there is nothing."""
        end, found = 0, None
        for place, document in _documents(self.path):
            end = place
            if found is None:
                found = document
            elif "file" in document:
                entry = _entry_of(document)
                self._note(entry)
                if not entry.has_failed:
                    self.keys.add(entry.key)
                self.num_shown += "cutouts" in document
            else:
                self.sums.update(document["sums"])
        if found is not None and found != header:
            _refuse(found, header, self.path)
        if found is None and not _is_begun(self.path, _line(header)):
            _refuse({}, header, self.path)
        with _told(self.path):
            self._file.truncate(end)
            if found is None:
                self._append(header)
                self.sync()
                sync_folder(self.path.parent)


@contextmanager
def open_journal(path: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """Open a journal to go on with, or begin one; no other process can until it is closed.

    Args:
        path: The file.
        settings: All settings that decide the rows, as JSON has them.

    Raises:
        InvalidInput: If it was begun with other settings, or is no journal.
        DigitsError: If another process holds it, or it can't be written.
    """
    with _told(path):
        make_folder(path.parent)
        file = path.open("ab", buffering=0)
    with file:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:  # the second on Windows
            raise DigitsError(
                f"{quoted(path)} is in use by another process; wait for it, or name another table "
                "with --out."
            ) from error
        except OSError as error:
            raise DigitsError(
                f"{quoted(path)} can't be locked ({error.strerror or error}); name a table on "
                "another disk with --out."
            ) from error
        yield Journal(path, file, settings)


def key_in(folder: Path, source: Source) -> str:
    """What tells a source's file from others, whatever name it has: where it is, or its content.

    Args:
        folder: The folder of the journal, absolute. A file is known by the way to it from there, so
            that both may move together.
        source: The source.
    """
    content = source.content
    if isinstance(content, Path):
        place = content.absolute()
        if ".." in place.parts:  # behind a link, it does not lead back
            place = place.resolve()
        try:
            return os.path.relpath(place, folder)
        except ValueError:  # on another drive, to which no way leads
            return str(place)
    if source.name == STANDARD_INPUT and isinstance(content, bytes):
        return f"{source.name} {hashlib.sha256(content).hexdigest()}"
    return source.name


def _entry_of(document: dict[str, Any]) -> Entry:
    file = document["file"]
    rows = tuple(Row(written_name(file), *row) for row in document["rows"])
    return Entry(file, document.get("key", file), rows, document.get("cutouts", {}))


def _lock(file: FileIO) -> None:
    """Lock a file until it is closed, or the process ends in any way."""
    if sys.platform == "win32":
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _is_begun(path: Path, header: bytes) -> bool:
    """Whether a file is empty, or holds a part of its first line."""
    with path.open("rb") as file:
        return header.startswith(file.read(len(header) + 1))


def _documents(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the lines of a journal up to the first that is torn, each with the place of its end."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            try:
                document = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                continue
            if isinstance(document, dict) and any(
                keys <= document.keys() for keys in KINDS_OF_LINES
            ):
                yield end, document


def _refuse(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    if "journal" not in found:
        raise InvalidInput(
            f"{quoted(path)} is no journal of digits; name another table with --out."
        )
    names = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    differs = "; ".join(
        f"{name}: {_shown(found.get(name))} then, {_shown(wanted.get(name))} now" for name in names
    )
    raise InvalidInput(
        f"{quoted(path.with_suffix(''))} was begun with other settings ({differs}). Give the same, "
        f"name another table with --out, or remove it with {quoted(path.name)} to begin anew."
    )


def _shown(value: Any) -> str:
    return str(value)[:12] if value is not None else "none"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DigitsError(f"Can't write {quoted(path)}: {error.strerror or error}.") from error
