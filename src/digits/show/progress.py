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
def reading_progress(num_files: int | None = None) -> Iterator[Callable[[], None]]:
    """Show how many files were read, how fast, and how long the others will take.

    Nothing is shown where standard error is no terminal, or standard output is one: there, the
    readings themselves show it.

    Args:
        num_files: Number of files in all, if it is known.

    Yields:
        The function to call for each file that was read.
    """
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(compact=True))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=num_files)
        yield lambda: progress.advance(task)


class _Rate(ProgressColumn):
    """The number of files read in a second, of late."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f} files/s")
