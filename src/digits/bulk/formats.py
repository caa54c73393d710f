"""Formats of tables: CSV, JSON Lines and Parquet, each written a block of rows at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from digits.bulk.rows import COLUMNS, By, Row
from digits.errors import InvalidInput
from digits.extras import optional_imports
from digits.files import quoted

Write = Callable[[Sequence[Row]], None]
"""Function that writes rows behind those that are there."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet computes, rather than shows."""

WHOLE_NUMBERS, NUMBERS = (
    ("page", "line", "position"),
    ("confidence", "left", "top", "width", "height"),
)
"""Columns that hold no text."""


@contextmanager
def open_csv(file: BinaryIO, by: By) -> Iterator[Write]:
    """Begin a table in CSV: in UTF-8, parted by commas, the first line names the columns.

    A name that a spreadsheet would compute has "./" before it, and so names the same file.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS[by])

    def write(rows: Sequence[Row]) -> None:
        for row in rows:
            named = row._replace(file=plain_cell(row.file))
            writer.writerow([getattr(named, name) for name in COLUMNS[by]])

    try:
        yield write
        text.flush()
    finally:
        text.detach()  # the file stays open


def plain_cell(name: str) -> str:
    """The name of a file as a cell that no spreadsheet takes for a formula.

    >>> plain_cell("=1+1.png"), plain_cell("scans/1.png")
    ('./=1+1.png', 'scans/1.png')
    """
    return f"./{name}" if name.startswith(FORMULA) and name != "-" else name


@contextmanager
def open_jsonl(file: BinaryIO, by: By) -> Iterator[Write]:
    """Begin a table in JSON Lines: a row is an object on a line."""

    def write(rows: Sequence[Row]) -> None:
        for row in rows:
            document = {name: getattr(row, name) for name in COLUMNS[by]}
            file.write(json.dumps(document).encode() + b"\n")

    yield write


@contextmanager
def open_parquet(file: BinaryIO, by: By) -> Iterator[Write]:
    """Begin a table in Parquet; each block of rows becomes a row group.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    kinds = dict.fromkeys(WHOLE_NUMBERS, pyarrow.int32()) | dict.fromkeys(
        NUMBERS, pyarrow.float64()
    )
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS[by]])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:

        def write(rows: Sequence[Row]) -> None:
            columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS[by]}
            writer.write_table(pyarrow.table(columns, schema=schema))

        yield write


def _pyarrow() -> tuple[Any, Any]:
    with optional_imports("A table in Parquet"):
        import pyarrow
        from pyarrow import parquet
    return pyarrow, parquet


FORMATS: dict[str, Callable[[BinaryIO, By], AbstractContextManager[Write]]] = {
    ".csv": open_csv,
    ".jsonl": open_jsonl,
    ".parquet": open_parquet,
}
"""How a table is begun, by the ending of its name."""


def expect_format(path: Path) -> None:
    """Expect that a table can be written, by the ending of its name.

    Raises:
        InvalidInput: If no format has the ending.
        MissingExtraError: If a package is missing that writes it.
    """
    if path.suffix not in FORMATS:
        raise InvalidInput(
            f"--out: expected a name that ends in {', '.join(FORMATS)}, found {quoted(path)}."
        )
    if path.suffix == ".parquet":
        _pyarrow()
