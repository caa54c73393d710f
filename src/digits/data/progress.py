"""What the data room tells people while it works. All of it goes to standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str, int, int | None], None]
"""Called with what is being fetched, the bytes that are here, and the bytes in all, if known."""


def say(line: str) -> None:
    """Write one line to standard error."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Show a bar for each thing reported; away from a terminal, nothing."""
    if not sys.stderr.isatty():
        yield lambda what, here, total: None
        return

    # rich is imported here because a set that is already in the cache shows no progress.
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

        def report(what: str, here: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=here, total=total)

        yield report
