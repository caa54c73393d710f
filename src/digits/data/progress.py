"""Progress bars and status lines of a download, on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from digits.files import escaped

ProgressCallback = Callable[[str, int, int | None], None]
"""Function of the file name, the bytes received, and the bytes in total (None if unknown)."""


def print_status(line: str) -> None:
    """Write a status line to standard error.

    Args:
        line: The text, without a line break.
    """
    print(escaped(line), file=sys.stderr, flush=True)


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Show a progress bar for each file on a terminal, and nothing elsewhere.

    Yields:
        The function to call with the progress.
    """
    if not sys.stderr.isatty():
        yield lambda name, received, total: None
        return

    # Imported here because a data set in the cache shows no progress.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def on_progress(name: str, received: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name)
            progress.update(tasks[name], completed=received, total=total)

        yield on_progress
