"""Kills: trainings, exports and imports of data, ended at random moments and begun again.

Each is a process of its own that runs the whole command. It is forked from one that has imported
torch already, which would take longer than the training.
"""

import hashlib
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from findings import Findings

from digits.data.cache import data_root
from digits.run import Run

AMOUNTS = {"train": 220, "export": 20, "data": 20, "train lines": 10}
"""How many commands of each kind are killed, one or more times each."""

NUM_AT_ONCE = 2
PRELOADED = ("digits.cli", "digits.training", "digits.export", "digits.data", "torch", "onnx")
TRAIN = ("train", "--recipe", "fast", "--epochs", "3", "--validation-size", "50000")
"""Trains on the 10,000 images that are left."""

TRAIN_LINES = ("train", "--recipe", "lines", "--validation-size", "50000")
"""Has processes of its own, which compose lines."""

LINES_SECONDS = 8.0
"""Time in which the training of lines is killed: it has begun by then, and is far from its end."""

AT_A_WRITE = 0.3
"""Part of the kills that come while a file is being written, for which they wait."""

SIGNALS = (*7 * (signal.SIGKILL,), *2 * (signal.SIGTERM,), signal.SIGINT)
"""What the processes are killed with, at random."""

STOPPED = {0, 1, 130, *(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT))}
"""Exit statuses of processes that were killed, or had ended before."""

END_SECONDS = 120.0
ORPHANS_SECONDS = 5.0
"""Time after which no process may be left of a command that was killed."""

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")
"""Names of files that are being written."""


def run_command(arguments: tuple[str, ...], folder: Path, log: Path) -> None:
    """Run the command, in a session of its own, so that what it leaves behind can be found."""
    from digits.cli import main

    os.setsid()
    os.chdir(folder)
    os.environ["DIGITS_DATA"] = str(folder / "data" if arguments[0] == "data" else data_root())
    sys.argv = ["digits", *arguments]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is not the command's must not trace back
    with log.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        log.with_suffix(".peak").write_text(str(1024 * kilobytes))


def processes_of(session: int) -> list[int]:
    """List the processes of a session, which outlive the one that began it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(after_name[3]) == session and after_name[0] != "Z":
            found.append(int(path.parent.name))
    return found


class Commands:
    """Starts commands, by forking a process that has imported everything.

    Args:
        folder: Where all commands work, each in a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = {"train lines": LINES_SECONDS}
        """Time of each kind of command when nothing disturbs it."""
        self.most_bytes = 0
        """Most memory that any of those held that were not killed."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*PRELOADED])

    def _start(self, arguments: tuple[str, ...], folder: Path) -> BaseProcess:
        log = folder / "log"
        log.unlink(missing_ok=True)
        process = self._context.Process(target=run_command, args=(arguments, folder, log))
        process.start()
        while not log.exists() and process.is_alive():
            time.sleep(0.001)
        return process

    def finish(self, arguments: tuple[str, ...], folder: Path) -> tuple[int, str, float]:
        """Run a command to its end; returns its status, what it said, and its time."""
        log, started = folder / "log", time.monotonic()
        process = self._start(arguments, folder)
        process.join(END_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        seconds = time.monotonic() - started
        peak = log.with_suffix(".peak")
        if peak.exists():
            self.most_bytes = max(self.most_bytes, int(peak.read_text()))
        return process.exitcode or 0, log.read_text(), seconds

    def kill(
        self, arguments: tuple[str, ...], folder: Path, rng: random.Random, within: float
    ) -> str:
        """Start a command and end it by a signal at a random moment; returns what is wrong then."""
        log = folder / "log"
        process = self._start(arguments, folder)
        assert process.pid is not None
        number, moment = rng.choice(SIGNALS), time.monotonic() + rng.uniform(0, within)
        at_a_write = rng.random() < AT_A_WRITE
        while time.monotonic() < moment and process.is_alive():
            time.sleep(0.005)
        if at_a_write:
            while process.is_alive() and not any(temporary_files(folder)):
                time.sleep(0.0002)
            time.sleep(rng.uniform(0, 0.003))
        if process.is_alive():
            os.kill(process.pid, number)
        process.join(END_SECONDS)
        if process.exitcode is None:
            process.kill()
            return f"did not end within {END_SECONDS:g} s of {number.name}"
        if process.exitcode not in STOPPED:
            return f"ended with {process.exitcode} after {number.name}: {log.read_text()[-300:]}"
        if "Traceback" in log.read_text():
            return f"traced back after {number.name}: {log.read_text()[-300:]}"
        limit = time.monotonic() + ORPHANS_SECONDS
        while left := processes_of(process.pid):
            if time.monotonic() > limit:
                return f"left processes {left} after {number.name}"
            time.sleep(0.05)
        return ""


def temporary_files(folder: Path) -> Iterator[Path]:
    """List files that are being written, or were when their process was killed."""
    for parent, folders, names in os.walk(folder):  # a run that is being made is a folder
        yield from (Path(parent, name) for name in folders + names if TEMPORARY.fullmatch(name))


def kill_and_resume(
    commands: Commands,
    kind: str,
    begin: tuple[str, ...],
    go_on: Callable[[Path], tuple[str, ...]],
    folder: Path,
    rng: random.Random,
) -> str:
    """Kill a command one to three times, then let it end; returns what is wrong."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        if fault := commands.kill(go_on(folder) or begin, folder, rng, commands.seconds[kind]):
            return fault
    status, said, _ = commands.finish(go_on(folder) or begin, folder)
    return f"ended with {status}: {said[-300:]}" if status else ""


def resume_if_there(folder: Path) -> tuple[str, ...]:
    return ("train", "--resume", "run") if (folder / "run").exists() else ()


def kill_training(commands: Commands, folder: Path, rng: random.Random) -> str:
    """Kill a training, resume it, and compare it with the one that nothing disturbed."""
    begin = (*TRAIN, "--out", "run")
    if fault := kill_and_resume(commands, "train", begin, resume_if_there, folder, rng):
        return fault
    run, whole = Run(folder / "run"), Run(commands.folder / "train" / "run")
    if run.model_path.read_bytes() != whole.model_path.read_bytes():
        return "ended with other weights"
    if run.summary["test"] != whole.summary["test"] or len(run.history) != len(whole.history):
        return "ended with another summary or history"
    for line in (run.folder / "SHA256SUMS").read_text().splitlines():
        found, name = line.split("  ")
        if hashlib.sha256((run.folder / name).read_bytes()).hexdigest() != found:
            return f"{name} has another sum"
    if left := [path.name for path in temporary_files(run.folder)]:
        return f"left {left} in the run"
    return ""


def kill_export(commands: Commands, folder: Path, rng: random.Random) -> str:
    """Kill an export: the file is whole or absent, and the next one makes the same."""
    whole = (commands.folder / "export" / "network.onnx").read_bytes()
    export = ("export", str(commands.folder / "train" / "run"), "--out", "network.onnx")

    def is_wrong() -> bool:
        path = folder / "network.onnx"
        return path.exists() and path.read_bytes() != whole

    if fault := commands.kill(export, folder, rng, commands.seconds["export"]):
        return fault
    if is_wrong():
        return "left a file that is not whole"
    status, said, _ = commands.finish(export, folder)
    if status:
        return f"ended with {status}: {said[-300:]}"
    return "made another network" if is_wrong() else ""


def kill_import(commands: Commands, folder: Path, rng: random.Random) -> str:
    """Kill an import of MNIST into a new cache; the next one ends with the same files."""
    source = data_root() / "MNIST" / "raw"
    command = ("data", "--from", str(source))
    if fault := kill_and_resume(commands, "data", command, lambda folder: (), folder, rng):
        return fault
    for path in source.glob("*-ubyte"):
        if (folder / "data" / "MNIST" / "raw" / path.name).read_bytes() != path.read_bytes():
            return f"{path.name} is another"
    return ""


def kill_training_of_lines(commands: Commands, folder: Path, rng: random.Random) -> str:
    """Kill a training that has processes of its own: none of them is left."""
    return commands.kill(
        (*TRAIN_LINES, "--out", "run"), folder, rng, commands.seconds["train lines"]
    )


KINDS: dict[str, Callable[[Commands, Path, random.Random], str]] = {
    "train": kill_training,
    "export": kill_export,
    "data": kill_import,
    "train lines": kill_training_of_lines,
}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that are started compute with one thread each, as two run at once."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def run_undisturbed(commands: Commands) -> None:
    """Run each command to its end: what the others are compared with, and how long it takes."""
    run = str(commands.folder / "train" / "run")
    whole = {
        "train": (*TRAIN, "--out", "run"),
        "export": ("export", run, "--out", "network.onnx"),
        "data": ("data", "--from", str(data_root() / "MNIST" / "raw")),
    }
    for kind, command in whole.items():
        folder = commands.folder / kind
        folder.mkdir()
        commands.finish(("recipes",), folder)  # the first one waits for the imports
        status, said, commands.seconds[kind] = commands.finish(command, folder)
        if status:
            sys.exit(f"digits {' '.join(command)} ended with {status}: {said}")


def attack(part: float, seed: int, kept: Path) -> Findings:
    """Kill a part of the commands; folders in which a fault was found are kept."""
    findings = Findings()
    amounts = {kind: max(1, round(part * amount)) for kind, amount in AMOUNTS.items()}
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        commands = Commands(Path(scratch))
        run_undisturbed(commands)

        def run(job: tuple[str, int]) -> tuple[str, float, str]:
            kind, index = job
            name = f"{kind.replace(' ', '-')}-{seed}-{index}"
            folder, started = commands.folder / name, time.monotonic()
            folder.mkdir()
            fault = KINDS[kind](commands, folder, random.Random(f"{seed} {kind} {index}"))
            seconds = time.monotonic() - started
            if fault:
                shutil.copytree(folder, kept / name, dirs_exist_ok=True)
            shutil.rmtree(folder)
            return name, seconds, fault

        jobs = [(kind, index) for kind, amount in amounts.items() for index in range(amount)]
        with ThreadPoolExecutor(NUM_AT_ONCE) as threads:
            for name, seconds, fault in threads.map(run, jobs):
                findings.add(name, seconds, 0)
                findings.faults.expect(not fault, f"{name}: {fault}")
    findings.largest_bytes, findings.largest = commands.most_bytes, "a command"
    findings.details = {
        "of_each": amounts,
        "undisturbed_seconds": {kind: round(each, 2) for kind, each in commands.seconds.items()},
    }
    return findings
