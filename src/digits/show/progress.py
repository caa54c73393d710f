"""Progress of reading many files: a live line on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
)
from rich.text import Text


@contextmanager
def reading_progress(
    count: Callable[[], int | None], *, is_printed: bool
) -> Iterator[Callable[[], None]]:
    """Show how many files were read, how fast, and how long the others will take, on a terminal.

    Nothing is shown where standard error is no terminal, or where readings that are printed are
    seen on one.

    Args:
        count: Counts the files, if that is possible; called if there is something to show.
        is_printed: Whether the readings are printed on standard output.

    Yields:
        The function to call for each file that was read.
    """
    if not sys.stderr.isatty() or (is_printed and sys.stdout.isatty()):
        yield lambda: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(compact=True))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=count())
        yield lambda: progress.advance(task)


class _Rate(ProgressColumn):
    """The number of files read in a second, of late."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f} files/s")
