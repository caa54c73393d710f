"""Damaged files: each is read in a process that may die of it, and which is watched."""

import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from findings import Findings
from targets import TARGETS, Target, count_pixels

from digits.errors import DigitsError
from digits.files import write_atomic

NUM_WORKERS = 2
CHUNK = 50
"""Files of a format that a process reads before it asks for more."""

LIMIT_SECONDS = 5.0
"""Processor time for any file."""

PICTURE_SECONDS = 2.0
"""Processor time for a picture of `PICTURE_PIXELS` or fewer, also if it can't be decoded."""

PICTURE_PIXELS = 4_000_000
"""Number of pixels of the largest pictures that are looked at unshrunk."""

LIMIT_BYTES = 1_000_000_000
"""Memory of a process that reads."""

STUCK_SECONDS = 120.0
"""Wall time after which a process is ended that says nothing."""


class Outcome(NamedTuple):
    """What came of reading a damaged file."""

    seconds: float
    """Processor time."""
    num_bytes: int
    """Most memory that the process has held so far."""
    is_refused: bool
    fault: str | None


class Job(NamedTuple):
    """Damaged files of a format, by their numbers."""

    target: str
    first: int
    last: int


def make(target: Target, samples: list[bytes], name: str, seed: int, index: int) -> bytes:
    """Make a damaged file; the same numbers make the same one."""
    return target.make(samples, random.Random(f"{seed} {name} {index}"))


def attempt(target: Target, content: bytes, folder: Path) -> Outcome:
    """Read a damaged file, and judge what comes of it."""
    started, fault, is_refused = time.process_time(), None, False
    try:
        target.read(content, folder)
    except DigitsError as error:
        is_refused, message = True, str(error)
        if not message or "\n" in message or "defect of digits" in message:
            fault = f"refused with {message!r}"
    except Exception as error:  # which is what is looked for
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    seconds = time.process_time() - started
    if seconds > limit_of(target, content):
        fault = fault or f"took {seconds:.1f} s"
    return Outcome(seconds, peak_bytes(), is_refused, fault)


def limit_of(target: Target, content: bytes) -> float:
    """Say how much processor time a file may take."""
    if target.is_picture and count_pixels(content) <= PICTURE_PIXELS:
        return PICTURE_SECONDS
    return LIMIT_SECONDS


def peak_bytes() -> int:
    """Most memory that this process has held; what its parent held does not count."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def silenced(folder: Path) -> Iterator[int]:
    """Keep what is printed in a file; what decoders write to standard error goes nowhere."""
    with tempfile.TemporaryFile(dir=folder) as printed, Path(os.devnull).open("wb") as nowhere:
        kept = os.dup(1), os.dup(2)
        os.dup2(printed.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield printed.fileno()
        finally:
            for number, descriptor in enumerate(kept, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)


def work(connection: Connection, targets: Mapping[str, Target], folder: Path, seed: int) -> None:
    """Read files until there are no more jobs.

    Args:
        connection: Jobs come in, an outcome for each file goes out.
        targets: What is attacked, by name.
        folder: The finished run.
        seed: Seed of all mutations.
    """
    samples = {name: target.samples(folder) for name, target in targets.items()}
    with silenced(folder.parent) as printed:
        while (job := connection.recv()) is not None:
            target = targets[job.target]
            for index in range(job.first, job.last):
                content = make(target, samples[job.target], job.target, seed, index)
                outcome = attempt(target, content, folder)
                sys.stdout.flush()
                if os.fstat(printed).st_size:
                    os.truncate(printed, 0)
                    outcome = outcome._replace(fault=outcome.fault or "something was printed")
                if outcome.num_bytes > LIMIT_BYTES:
                    held = f"{outcome.num_bytes / 1e6:,.0f} MB were held"
                    outcome = outcome._replace(fault=outcome.fault or held)
                connection.send(outcome)


class Worker:
    """A process that reads damaged files, and the next one when it has died."""

    def __init__(self, *facts: Any) -> None:
        self._facts = facts
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *self._facts), daemon=True)
        self._process.start()
        theirs.close()

    def read(self, job: Job) -> Iterator[Outcome]:
        """Have a job's files read; a file that the process dies of is a fault, too."""
        first = job.first
        while first < job.last:
            self._connection.send(job._replace(first=first))
            for index in range(first, job.last):
                first = index + 1
                outcome = self._receive()
                yield outcome
                if outcome.num_bytes > LIMIT_BYTES or not outcome.num_bytes:
                    self.end()
                    self._start()
                    break

    def _receive(self) -> Outcome:
        if not self._connection.poll(STUCK_SECONDS):
            return Outcome(STUCK_SECONDS, 0, False, "no end of it")
        try:
            outcome: Outcome = self._connection.recv()
        except EOFError:
            self._process.join()
            return Outcome(0.0, 0, False, f"the process died: {self._process.exitcode}")
        return outcome

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def attack_files(
    amounts: Mapping[str, int], targets: Mapping[str, Target], folder: Path, kept: Path, seed: int
) -> Findings:
    """Read damaged files of all formats.

    Args:
        amounts: How many of each.
        targets: What is attacked, by name.
        folder: A finished run and its export.
        kept: Where files are kept that show a fault.
        seed: Seed of all mutations.
    """
    findings = Findings()
    counts = {name: {"tries": 0, "refused": 0} for name in amounts}
    samples = {name: targets[name].samples(folder) for name in amounts}
    jobs = [
        Job(name, first, min(first + CHUNK, amount))
        for name, amount in amounts.items()
        for first in range(0, amount, CHUNK)
    ]
    random.Random(seed).shuffle(jobs)  # so that two processes finish together
    waiting, lock = iter(jobs), Lock()

    def record(job: Job, index: int, outcome: Outcome) -> None:
        name, target = job.target, targets[job.target]
        findings.add(f"{name} {index}", outcome.seconds, outcome.num_bytes)
        counts[name]["tries"] += 1
        counts[name]["refused"] += outcome.is_refused
        if outcome.fault:
            path = kept / f"{name.replace(' ', '-')}-{seed}-{index}{target.suffix}"
            write_atomic(path, make(target, samples[name], name, seed, index))
            findings.faults.expect(False, f"{path.name}: {outcome.fault}")

    def run(_: int) -> None:
        worker = Worker(targets, folder, seed)
        try:
            for job in waiting:
                for index, outcome in enumerate(worker.read(job), start=job.first):
                    with lock:
                        record(job, index, outcome)
        finally:
            worker.end()

    with ThreadPoolExecutor(NUM_WORKERS) as threads:
        list(threads.map(run, range(NUM_WORKERS)))
    findings.details = {"formats": counts}
    return findings


def make_run(folder: Path) -> Path:
    """Train a small network in no time, and export it."""
    digits = [sys.executable, "-c", "from digits.cli import main; main()"]
    train = ["train", "--recipe", "tiny", "--epochs", "1", "--validation-size", "50000"]
    run = folder / "run"
    for arguments in (
        [*train, "--out", str(run)],
        ["export", str(run), "--out", str(run / "network.onnx")],
    ):
        subprocess.run([*digits, *arguments], check=True, stdout=subprocess.DEVNULL)
    return run


def attack(part: float, seed: int, kept: Path) -> Findings:
    """Attack the readers of all formats, with a part of the files."""
    with tempfile.TemporaryDirectory() as folder:
        amounts = {name: max(1, round(part * target.amount)) for name, target in TARGETS.items()}
        return attack_files(amounts, TARGETS, make_run(Path(folder)), kept, seed)
