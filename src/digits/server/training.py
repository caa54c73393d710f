"""Training that the page asks for, by a process of its own, beside what the server reads."""

import asyncio
import subprocess
import threading
from pathlib import Path

from digits.children import start_child
from digits.errors import DigitsError
from digits.events import NAME as EVENTS
from digits.files import escaped, make_folder
from digits.server import limits
from digits.server.corrections import new_name
from digits.server.streams import EventStreams
from digits.server.workers import Workers

RECIPE = "fast"
"""The recipe that is trained."""

CHILD = ("digits.server.train_process", "train_on_request")
"""What the process calls; it needs the extra `train`, which the server does not."""


class TrainingCommand:
    """Trains one network at a time, each in a run folder of its own, and lets it be watched.

    Args:
        folder: The folder for the runs.
        child: Module and function that a process of its own calls with recipe and run folder. What
            it prints says in one line why it failed.
    """

    def __init__(self, folder: Path, *, child: tuple[str, str] = CHILD) -> None:
        self.folder = folder.resolve()
        self.is_training = False
        self.message = ""
        """Why the last attempt failed; empty if it did not."""
        self._child, self._thread = child, Workers(1, "training")
        self._attempt: asyncio.Task[None] | None = None  # the event loop itself would forget it
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            DigitsError: If it can't be made.
        """
        try:
            make_folder(self.folder)
        except OSError as error:
            raise DigitsError(f"Can't write {self.folder}: {error.strerror}.") from error

    def start(self, streams: EventStreams) -> None:
        """Begin to train, and have the streams follow it.

        Raises:
            DigitsError: If the folder has as many runs as it may.
        """
        if len(list(self.folder.glob("[!.]*/"))) >= limits.MAX_TRAINED:
            raise DigitsError(
                f"The server keeps {limits.MAX_TRAINED} runs already; remove some of them there."
            )
        run = self.folder / new_name()
        self.is_training, self.message = True, ""
        streams.follow(run / EVENTS)
        self._attempt = asyncio.create_task(self._train(run, streams))

    def close(self) -> None:
        """End the process at once; it may be called again."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                self._process.kill()
        self._thread.close()

    async def _train(self, run: Path, streams: EventStreams) -> None:
        try:
            self.message = await self._thread.submit(lambda: self._run(run))
        except (DigitsError, OSError) as error:
            self.message = str(error)
        finally:
            self.is_training = False
            streams.end(self.message)

    def _run(self, run: Path) -> str:
        """Train to the end; tells why it failed, if it did."""
        with self._lock:
            if self._is_closed:
                raise DigitsError("The server is shutting down.")
            self._process = start_child(*self._child, RECIPE, str(run))
        with self._process as process:
            assert process.stdout is not None
            said = escaped(" ".join(process.stdout.read().decode(errors="replace").split()))[:500]
        if process.returncode == 0:
            return ""
        return said or f"Training ended with status {process.returncode}."
