"""Learning from corrections, by a command in a process of its own, beside what the server reads."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from digits.errors import DigitsError
from digits.files import escaped, write_atomic
from digits.reading.reader import Reader
from digits.server import limits
from digits.server.corrections import Corrections, new_name
from digits.server.workers import Workers

COMMAND = (sys.executable, "-P", "-m", "digits", "learn")
"""The command that learns; it needs the extra `train`, which the server does not. -P: no module in
the folder that the server was started in is taken for one of the command's."""

NICE = 19
"""The lowest of POSIX's priorities: learning takes what time reading leaves."""

MAX_LINE = 500
"""Characters of a line that the command wrote which are shown."""

Prepared = TypeVar("Prepared")

OpenReader = Callable[[str], Reader]
"""Opens what the command made."""


class Outcome(NamedTuple):
    """What the command made of the corrections."""

    model: str
    """A path for a `Reader`."""
    summary: str
    """What came of it, in one line."""


class State(NamedTuple):
    """What a folder holds."""

    num_corrections: int
    learned: Outcome | None
    """The last network that was learned in it, by whatever server."""


class LearningCommand:
    """Keeps corrections in a folder, and learns from them, one attempt at a time.

    The command is called as `COMMAND FOLDER --out FOLDER/.learned/NAME --json`. With exit status 0
    it has printed a JSON object with at least `model` and `summary`; with any other, the last line
    of its standard error says why. What it made is remembered in FOLDER/.learned/NAME.json, for a
    server that starts again.

    Args:
        folder: The folder for corrections.
        open_reader: Opens what the command made.
        command: The command and its first arguments.
    """

    def __init__(
        self, folder: Path, open_reader: OpenReader, *, command: Sequence[str] = COMMAND
    ) -> None:
        self.corrections = Corrections(folder.resolve())
        self.is_learning = False
        self.message = ""
        """What the last attempt came to, or its latest line; empty if there was none."""
        self._open_reader, self._command = open_reader, tuple(command)
        self._outcomes = self.corrections.folder / ".learned"
        self._disk, self._thread = Workers(1, "corrections"), Workers(1, "learning")
        self._looking: asyncio.Future[State] | None = None
        self._attempt: asyncio.Task[None] | None = None  # the event loop itself would forget it
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_closed = False

    def prepare(self) -> None:
        """Make the folder, and look at what it holds.

        Raises:
            DigitsError: If it can't be made or written to, or what was learned not be understood.
        """
        self.corrections.prepare()
        for path in self._paths()[-1:]:
            _parse(path.read_bytes(), str(path))

    async def keep(self, picture: bytes, label: str) -> None:
        """Keep a correction; raises as `Corrections.keep` does."""
        await self._disk.submit(lambda: self.corrections.keep(picture, label))

    async def state(self) -> State:
        """Look at what the folder holds; all who ask meanwhile get the same answer.

        Raises:
            DigitsError: If what was learned can't be understood.
        """
        if self._looking is None or self._looking.done():
            self._looking = self._disk.submit(self._look)
        return await asyncio.shield(self._looking)

    async def open(self, learned: Outcome, prepare: Callable[[Reader], Prepared]) -> Prepared:
        """Open what was learned, and prepare its reader.

        Raises:
            DigitsError: If it can't be used, or is not there any more.
        """
        return await self._disk.submit(lambda: prepare(self._open_reader(learned.model)))

    def start(
        self, prepare: Callable[[Reader], Prepared], adopt: Callable[[Prepared], None]
    ) -> None:
        """Begin to learn from all corrections; at the end, prepare the new reader and adopt it.

        If the attempt fails, `message` says why.

        Args:
            prepare: Prepares the reader; runs in a thread.
            adopt: Takes what `prepare` made; runs in the event loop's thread.
        """
        self.is_learning, self.message = True, ""
        self._attempt = asyncio.create_task(self._learn_and_adopt(prepare, adopt))

    def close(self) -> None:
        """End the command, and whatever it started, at once; it may be called again."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                _kill(self._process)
        for workers in (self._disk, self._thread):
            workers.close()

    async def _learn_and_adopt(
        self, prepare: Callable[[Reader], Prepared], adopt: Callable[[Prepared], None]
    ) -> None:
        try:
            prepared = await self._thread.submit(lambda: self._learn(prepare))
            if prepared is not None:
                adopt(prepared)
        finally:
            self.is_learning = False

    def _look(self) -> State:
        found = (_find_outcome(path) for path in reversed(self._paths()))
        learned = next((outcome for outcome in found if outcome is not None), None)
        return State(self.corrections.kept().num_corrections, learned)

    def _paths(self) -> list[Path]:
        """What says what was learned, in the order of time."""
        return sorted(self._outcomes.glob("[!.]*.json"))

    def _learn(self, prepare: Callable[[Reader], Prepared]) -> Prepared | None:
        out = self._outcomes / new_name()
        try:
            if len(self._paths()) >= limits.MAX_LEARNED:
                raise DigitsError(
                    f"The server is full, with {limits.MAX_LEARNED} learned networks; "
                    "remove some of them there."
                )
            learned = self._run(out)
            prepared = prepare(self._open_reader(learned.model))
            write_atomic(out.with_suffix(".json"), json.dumps(learned._asdict()).encode())
        except (DigitsError, OSError) as error:  # such as a full disk
            self.message = _in_a_line(str(error))
            shutil.rmtree(out, ignore_errors=True)
            return None
        self.message = learned.summary
        return prepared

    def _run(self, out: Path) -> Outcome:
        """Run the command to its end.

        Raises:
            DigitsError: If it refuses or fails, in the words of its last line.
        """
        command = [*self._command, str(self.corrections.folder), "--out", str(out), "--json"]
        with tempfile.TemporaryFile() as output:  # a pipe that nobody reads would fill
            process = self._start(command, output)
            with process:
                assert process.stderr is not None
                for line in process.stderr:
                    self.message = _in_a_line(line.removeprefix("digits: ")) or self.message
            if process.returncode:
                ended = f"Learning ended with status {process.returncode}."
                raise DigitsError(self.message or ended)
            output.seek(0)
            return _parse(output.read(), "Learning")

    def _start(self, command: list[str], output: IO[bytes]) -> "subprocess.Popen[str]":
        with self._lock:
            if self._is_closed:
                raise DigitsError("The server is shutting down.")
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,  # it and all that it starts are killed together
                    creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
                )
            except OSError as error:
                raise DigitsError(f"Can't run {command[0]}: {error.strerror or error}.") from error
            if hasattr(os, "setpriority"):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
            return self._process


def _find_outcome(path: Path) -> Outcome | None:
    """Find what was learned; None if what says so is damaged, or the networks were removed."""
    try:
        outcome = _parse(path.read_bytes(), str(path))
    except (DigitsError, OSError):
        return None
    beside = path.with_suffix("")  # where it is, also after the whole folder was moved
    if beside.exists():
        return outcome._replace(model=str(beside))
    return outcome if Path(outcome.model).exists() else None


def _parse(content: bytes, source: str) -> Outcome:
    """Parse what the command printed.

    Raises:
        DigitsError: If it is anything else.
    """
    try:
        document = json.loads(content)
        model, summary = document["model"], document["summary"]
        if not (isinstance(model, str) and isinstance(summary, str)):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise DigitsError(f"{source}: expected JSON with a model and a summary.") from error
    return Outcome(model, _in_a_line(summary))


def _in_a_line(text: str) -> str:
    return escaped(" ".join(text.split()))[:MAX_LINE]


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kill a process, and all that it started."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):  # it ended just now
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
