"""Tables of what was read: sure rows in one, doubtful ones in another and on a page to review them.

All is read to a journal first (`journal.py`), of which the files are made when nothing is missing.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from io import BufferedRandom
from itertools import chain
from pathlib import Path
from typing import Any

from digits.bulk.formats import FORMATS, Write, expect_format, open_csv
from digits.bulk.journal import Entry, Journal, key_in, open_journal
from digits.bulk.records import Record
from digits.bulk.review import MOST_SHOWN, Review, cutouts_of
from digits.bulk.rows import By, Row, rows_of
from digits.bulk.sources import Source
from digits.errors import DigitsError, InvalidInput
from digits.files import open_atomic, quoted

ROWS_TOGETHER = 20_000
"""Limit on memory: number of rows that are held to be written at once; in Parquet, a row group."""

REFUSED_ALONE = 1e-9
"""Confidence below which nothing is read: cut-outs are of what was refused or left out alone."""


@dataclass(frozen=True)
class Outputs:
    """Files that are made of what was read, and what they are to hold."""

    table: Path
    """The table, in the format that its name ends in."""
    by: By = "line"
    """What a row stands for."""
    sure: float | None = None
    """Confidence, 0 to 1, from which on a row is in the table; others are in `review`. Without it,
    all are in the table."""
    report: Path | None = None
    """A page of HTML to review what is doubtful; none if not given."""

    def __post_init__(self) -> None:
        if self.sure is not None and not 0 <= self.sure <= 1:
            raise InvalidInput(f"--sure: expected 0 to 1, found {self.sure:g}.")
        expect_format(self.table)
        others = (self.table, self.review, self.journal)
        if self.report is not None and self.report.absolute() in (
            path.absolute() for path in others if path is not None
        ):
            raise InvalidInput(
                f"--report: expected another file than the table's, found {quoted(self.report)}."
            )

    @property
    def review(self) -> Path | None:
        """The table of the rows that are not sure, if they are parted."""
        return None if self.sure is None else self.table.with_name(f"{self.table.stem}.review.csv")

    @property
    def journal(self) -> Path:
        """The journal of all that was read."""
        return self.table.with_name(f"{self.table.name}.journal")

    @property
    def cutouts_below(self) -> float:
        """Confidence below which `read_source` is to make cut-outs, for the page; 0 for none."""
        return 0.0 if self.report is None else self.sure or REFUSED_ALONE

    @property
    def paths(self) -> list[Path]:
        """All files that are made, the table first."""
        return [path for path in (self.table, self.review, self.report) if path is not None]


@dataclass
class Tally:
    """How much was read, and how much of it is sure."""

    files: int = 0
    """Number of files in the tables."""
    new: int = 0
    """Number of those that were read by this command."""
    pages_failed: int = 0
    """Number of pages that can't be read."""
    rows: int = 0
    """Number of rows in the table."""
    to_review: int = 0
    """Number of rows that are not sure: in the other table, if they are parted, and on the page."""

    def to_dict(self) -> dict[str, int]:
        """Plain data, for JSON."""
        return asdict(self)


def write_tables(
    outputs: Outputs,
    sources: Iterable[Source],
    read: Callable[[Iterator[Source], int], Generator[Record, None, None]],
    settings: Mapping[str, Any],
) -> Tally:
    """Read the files that are not in a table yet, and make it of all that were read for it.

    Args:
        outputs: The files to make; those that another process, or a person, made are left alone.
        sources: The files to read. One that was read is not read again, whatever it holds now; one
            that could not be read is tried again.
        read: Function from files to their records, in the same order, and the number of those that
            were read before; closed when it was stopped.
        settings: What else decides the rows, as JSON has it: threshold, model.

    Returns:
        The numbers of files and rows in the tables.

    Raises:
        InvalidInput: If the table was begun with other settings, or is not ours.
        DigitsError: If another process writes it, a file can't be written, or Ctrl-C stopped it.
    """
    if not outputs.journal.exists():
        _expect_ours(outputs, set())
    decisive = {
        "digits": version("digits"),
        "by": outputs.by,
        "sure": outputs.sure,
        "report": outputs.report is not None,
        **settings,
    }
    num_new = 0
    with open_journal(outputs.journal, decisive) as journal:
        _expect_ours(outputs, journal.sums)
        _remove_leftovers(outputs)
        try:
            keys: deque[str] = deque()
            missing = _missing(sources, journal, keys)
            with closing(read(missing, len(journal.keys))) as records:
                for record in records:
                    has_room = journal.num_shown < MOST_SHOWN
                    entry = _entry(record, keys.popleft(), outputs, has_room=has_room)
                    journal.append(entry)
                    num_new += 1
            tally = _write_all(outputs, journal)
        except KeyboardInterrupt:
            journal.sync()
            raise DigitsError(
                f"Stopped; what was read of {num_new:,} more files is kept in "
                f"{quoted(outputs.journal)}. The same command goes on."
            ) from None
    tally.new = num_new
    return tally


def _missing(sources: Iterable[Source], journal: Journal, given: deque[str]) -> Iterator[Source]:
    """Leave out what was read, and what is named twice; notes the keys of what is given."""
    folder = journal.path.parent.absolute()
    for source in sources:
        key = key_in(folder, source)
        if key not in journal.keys:
            journal.keys.add(key)
            given.append(key)
            yield source


def _entry(record: Record, key: str, outputs: Outputs, *, has_room: bool) -> Entry:
    """What the journal keeps of a record; its cut-outs only where the page has room for more."""
    cutouts: dict[str, str] = {}
    for page in record.pages if has_room else ():
        named = chain(
            [(f"{page['page']}", page)],
            (
                (f"{page['page']} {n}", line)
                for n, line in enumerate(page.get("lines", ()), start=1)
            ),
        )
        cutouts |= {name: part["cutout"] for name, part in named if "cutout" in part}
    rows = tuple(rows_of(record, outputs.by))
    doubtful = [row for row in rows if not row.is_sure(outputs.sure or 0.0)]
    shown = {name for row in doubtful for name in cutouts_of(row, cutouts)}
    kept = {name: cutouts[name] for name in cutouts if name in shown}
    return Entry(record.name, key, rows, kept)


def _expect_ours(outputs: Outputs, sums: set[str]) -> None:
    """Expect that files which are there were made of this journal, and are as they were made."""
    for path in outputs.paths:
        if not path.exists():
            continue
        with path.open("rb") as file:
            is_ours = hashlib.file_digest(file, "sha256").hexdigest() in sums
        if not is_ours:
            raise InvalidInput(
                f"{quoted(path)} exists, and digits did not write it as it is; move it away, or "
                "name another."
            )


def _remove_leftovers(outputs: Outputs) -> None:
    """Remove files that a process which was killed had not finished."""
    for path in outputs.paths:
        leftover = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{32}")
        for other in path.parent.iterdir() if path.parent.is_dir() else ():
            if leftover.fullmatch(other.name):
                other.unlink(missing_ok=True)


def _write_all(outputs: Outputs, journal: Journal) -> Tally:
    """Make all files anew, which take their places together when the last one is whole."""
    with ExitStack() as stack:
        files = {path: stack.enter_context(open_atomic(path)) for path in outputs.paths}
        tally = _fill(outputs, journal.entries(), files)
        journal.will_write([_sum(file) for file in files.values()])
    return tally


def _sum(file: BufferedRandom) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _fill(
    outputs: Outputs, entries: Iterator[Entry], files: Mapping[Path, BufferedRandom]
) -> Tally:
    tally, review = Tally(), Review()
    with ExitStack() as stack:
        open_table = FORMATS[outputs.table.suffix]
        sure = _Block(stack.enter_context(open_table(files[outputs.table], outputs.by)))
        doubtful = sure
        if outputs.review is not None:
            doubtful = _Block(stack.enter_context(open_csv(files[outputs.review], outputs.by)))
        for entry in entries:
            tally.files += 1
            for row in entry.rows:
                tally.pages_failed += row.has_failed
                if row.is_sure(outputs.sure or 0.0):
                    sure.add(row)
                    continue
                doubtful.add(row)
                tally.to_review += 1
                review.add(row, entry.cutouts)
        tally.rows = sure.num_rows
        for block in (sure, doubtful):
            block.flush()
    if outputs.report is not None:
        num_rows = tally.rows if doubtful is sure else tally.rows + tally.to_review
        page = review.page(num_files=tally.files, num_rows=num_rows, num_doubtful=tally.to_review)
        files[outputs.report].write(page)
    return tally


class _Block:
    """Rows that are written together."""

    def __init__(self, write: Write) -> None:
        self.num_rows = 0
        self._write = write
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self.num_rows += 1
        self._rows.append(row)
        if len(self._rows) >= ROWS_TOGETHER:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._write(self._rows)
        self._rows = []
