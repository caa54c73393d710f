"""The page beside `digits train --watch`, as the process that trains sees it.

Another process serves it, so that training has nothing to do with who watches, or how many do.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from digits.children import start_child
from digits.errors import DigitsError

END_SECONDS = 5.0
"""Time in which the other process must have ended after it was told to; then it is killed."""


class WatchPage:
    """The page, which shows one run.

    Args:
        process: The process that serves it.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.is_following = False
        """Whether it shows a run."""

    def expect_url(self) -> str:
        """Wait until the page is served; gives its address.

        Raises:
            DigitsError: If it can't be served.
        """
        assert self._process.stdout is not None
        said = self._process.stdout.readline().decode().strip()
        if not said.startswith("http"):
            raise DigitsError(f"--watch: the page can't be served. {said}".strip())
        return said

    def follow(self, path: Path) -> None:
        """Show the events of a run.

        Args:
            path: Their file.
        """
        self.is_following = True
        self._send(events=str(path.absolute()))

    def fail(self, reason: str) -> None:
        """Say why there is no more to show.

        Args:
            reason: In one line.
        """
        self._send(outcome=reason)

    def _send(self, **order: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the page is gone; training goes on
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until Ctrl-C."""
        with suppress(KeyboardInterrupt):
            self._process.wait()


@contextmanager
def serving_page() -> Iterator[WatchPage]:
    """Serve the page until the block ends; it begins at once, while this process does other things.

    If this process is killed, those who watch are told so.
    """
    with start_child("digits.server.watch_process", "serve_for_parent") as process:
        try:
            yield WatchPage(process)
        finally:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
