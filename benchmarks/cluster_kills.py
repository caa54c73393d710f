"""Kill what reads on a cluster at random, and start the command again: the rows stay the same.

    python benchmarks/cluster_kills.py
    python benchmarks/cluster_kills.py --rounds 2 --out FILE     # a trial

A local cluster of Ray's has two machines of a processor each. In each round, `digits read PICTURES
--ray ADDRESS --out FOLDER` reads some hundred small pictures, and three to nine times something is
killed (SIGKILL) at a random moment: a worker of Ray's, the process that reads for it, a machine, or
the command. A machine is replaced at once, or when the command has ended; a command that was killed
is started again, until it ends by itself. Then the rows must be, one by one, those of one process
without Ray, and nothing of a command may run. Writes results/cluster_kills.json after each round.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from composed_rows import SPACINGS, compose_rows
from findings import MAX_LISTED, Faults
from kills import temporary_files
from local_cluster import a_machine, two_machines
from PIL import Image

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

RESULT = Path(__file__).parent / "results" / "cluster_kills.json"

NUM_PICTURES = 200
"""Rows of digits, three to a chunk; one file is no picture."""

KINDS = {"command": 4, "worker": 2, "reading process": 2, "machine": 1}
"""What is killed, and how often among the others: a machine takes seconds to replace."""

AT_THE_START, AT_A_WRITE = 0.25, 0.25
"""Part of the kills of a command that come before it reads, and while it writes its first file."""

PARTS_BETWEEN = 8
"""Most parts, of 67, that are written between two kills."""

END_SECONDS, ORPHANS_SECONDS = 300.0, 60.0
"""Time in which a command ends, and in which the cluster ends what it had begun."""

READS = "digits.bulk.workers"
"""What the command line of a process that reads has in it."""


def write_pictures(folder: Path) -> None:
    """Write small pictures of a row of digits each; one is none."""
    folder.mkdir()
    for place, row in enumerate(compose_rows(SPACINGS["clean"], NUM_PICTURES)):
        Image.fromarray(row.picture).save(folder / f"{place}.png")
    (folder / "7.png").write_bytes(b"no picture")


def rows_in(table: Path) -> list[dict[str, Any]]:
    """Read the rows of a table, or of a folder of parts."""
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(table).to_pylist()
    return rows


def processes_at(folder: Path) -> list[psutil.Process]:
    """List the other processes that work in a folder, as all do that are started from there."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process)
    return found


def is_reading(process: psutil.Process) -> bool:
    """Whether it is a process that reads for a worker of Ray's."""
    with suppress(psutil.Error):
        return READS in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
    return False


def kill(process: psutil.Process | None) -> bool:
    """Kill a process; tells whether there was one."""
    with suppress(psutil.NoSuchProcess):
        if process is not None:
            process.kill()
            return True
    return False


class Rounds:
    """Reads on a cluster, kills what does, and compares the rows.

    Args:
        folder: Where everything is, and this process works.
        cluster: The cluster, of two machines.
        faults: Where faults go.
    """

    def __init__(self, folder: Path, cluster: Any, faults: Faults) -> None:
        self.counts = Counter[str]()
        self._folder, self._cluster, self._faults = folder, cluster, faults
        write_pictures(folder / "pictures")
        whole = folder / "whole.parquet"
        status, said = self._end(self._start("--out", str(whole), log="whole"), "whole")
        assert status == 1, said  # one is no picture
        self._whole = rows_in(whole)
        self.seconds_to_read = self.seconds = 0.0  # not disturbed
        self.read_undisturbed()

    def read_undisturbed(self) -> None:
        """Read once on the cluster, to know how long it takes."""
        started, out = time.monotonic(), self._folder / "undisturbed"
        command = self._start_on_cluster(out)
        self._await(command, lambda: bool(self._parts(out)))
        self.seconds_to_read = time.monotonic() - started
        self._expect_end(command, out)
        self.counts.clear()
        self.seconds = time.monotonic() - started

    def _start(self, *flags: str, log: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-m", "digits", "read", "pictures", *flags]
        with (self._folder / f"{log}.log").open("wb") as file:
            return subprocess.Popen(arguments, cwd=self._folder, stdout=file, stderr=file)

    def _start_on_cluster(self, out: Path) -> subprocess.Popen[bytes]:
        self.counts["commands"] += 1
        return self._start("--ray", self._cluster.address, "--out", out.name, log=out.name)

    def _end(self, command: subprocess.Popen[bytes], name: str) -> tuple[int, str]:
        """Wait for a command; gives its status, and what it said."""
        try:
            status = command.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            command.kill()
            status = command.wait()
        return status, (self._folder / f"{name}.log").read_text()

    def _await(self, command: subprocess.Popen[bytes], has_come: Callable[[], bool]) -> bool:
        """Wait until something has come, or the command has ended; tells whether it has not."""
        limit = time.monotonic() + END_SECONDS
        while command.poll() is None and not has_come():
            if time.monotonic() > limit:
                return True
            time.sleep(0.001)
        return command.poll() is None

    @staticmethod
    def _parts(out: Path) -> list[Path]:
        return list(out.glob("part-*"))

    def kill_and_compare(self, name: str, rng: random.Random) -> None:
        """Have a folder read and something killed three to nine times; compare the rows."""
        out = self._folder / name
        command = self._start_on_cluster(out)
        for _ in range(rng.randint(3, 9)):
            (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
            if not self._await_moment(command, out, kind, rng):
                break
            if kind == "command":
                command.kill()
                command.wait()
                self._count(kind, out)
                command = self._start_on_cluster(out)
            elif kind == "machine":
                self._kill_machine(rng.random() < 0.5)
                self._count(kind, out)
            else:
                self._count(kind, out, was_there=kill(self._find(kind, rng)))
        self._expect_end(command, out)
        self._expect_machines()

    def _await_moment(
        self, command: subprocess.Popen[bytes], out: Path, kind: str, rng: random.Random
    ) -> bool:
        """Wait for the moment of a kill; tells whether the command still runs then."""
        if kind == "command" and rng.random() < AT_THE_START:
            moment = time.monotonic() + rng.uniform(0, self.seconds_to_read)
            return self._await(command, lambda: time.monotonic() > moment)
        if kind == "command" and not out.exists() and rng.random() < AT_A_WRITE:
            return self._await(command, lambda: any(temporary_files(out)))
        num = len(self._parts(out)) + rng.randint(1, PARTS_BETWEEN)
        if not self._await(command, lambda: len(self._parts(out)) >= num):
            return False
        moment = time.monotonic() + rng.uniform(0, 0.3)
        return self._await(command, lambda: time.monotonic() > moment)

    def _find(self, kind: str, rng: random.Random) -> psutil.Process | None:
        """Find a process that reads, or the worker of Ray's that it reads for."""
        there = processes_at(self._folder)
        found = [each for each in there if is_reading(each)]
        with suppress(psutil.Error):  # one has just ended
            if kind == "worker":  # not who takes the process of one that has died already
                parents = {each.ppid() for each in found}
                found = [each for each in there if each.pid in parents and "ray::" in each.name()]
            return rng.choice(found) if found else None
        return None

    def _kill_machine(self, is_replaced_at_once: bool) -> None:
        (machine,) = self._cluster.worker_nodes or {self._cluster.add_node(**a_machine())}
        self._cluster.remove_node(machine, allow_graceful=False)
        if is_replaced_at_once:
            self._cluster.add_node(**a_machine())

    def _count(self, kind: str, out: Path, *, was_there: bool = True) -> None:
        if not was_there:
            self.counts["kills that found no process"] += 1
            return
        self.counts[f"kills: {kind}"] += 1
        num = len(self._parts(out))
        when = "before it read" if num == 0 else "while it read"
        self.counts[f"{kind}: {when}"] += 1

    def _expect_end(self, command: subprocess.Popen[bytes], out: Path) -> None:
        """Expect that a command ends with the rows of one process, and leaves nothing."""
        name = out.name
        status, said = self._end(command, name)
        for _ in range(2):
            if status == 1 and "the same command goes on" in said:
                self.counts["commands that said they were to be started again"] += 1
                status, said = self._end(self._start_on_cluster(out), name)
        self._faults.expect(status == 1, f"{name}: ended with {status}: {said[-400:]}")
        self._faults.expect("Traceback" not in said, f"{name}: traced back: {said[-400:]}")
        is_same = bool(self._parts(out)) and rows_in(out) == self._whole
        self._faults.expect(is_same, f"{name}: other rows; said: {said[-400:]}")
        left = [path.name for path in temporary_files(out)]
        self._faults.expect(not left, f"{name}: left {left}")
        limit = time.monotonic() + ORPHANS_SECONDS
        while reading := [each for each in processes_at(self._folder) if is_reading(each)]:
            if time.monotonic() > limit:
                self._faults.expect(False, f"{name}: left {reading}")
                break
            time.sleep(0.1)
        self.counts["folders"] += 1
        self.counts["folders with the rows of one process"] += is_same

    def _expect_machines(self) -> None:
        """Have two machines again for the next round."""
        if not self._cluster.worker_nodes:
            self._cluster.add_node(**a_machine())


def expect_none_left(folder: Path, faults: Faults) -> None:
    """Expect that all processes end once the cluster was shut down; end those that do not."""
    limit = time.monotonic() + ORPHANS_SECONDS
    while (left := processes_at(folder)) and time.monotonic() < limit:
        time.sleep(0.2)
    faults.expect(not left, f"left after the cluster: {left}")
    for process in left:
        kill(process)


def main() -> None:
    """Kill as often as was asked for, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    out, began, faults = arguments.out.absolute(), time.monotonic(), Faults()
    facts = {
        "seed": arguments.seed,
        "pictures": NUM_PICTURES,
        "machine": describe_machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": describe_versions() | {"ray": version("ray")},
        "commit": find_commit(),
    }

    def note(rounds: Rounds) -> None:
        found: dict[str, Any] = {
            **dict(sorted(rounds.counts.items())),
            "faults": len(faults),
            "first_faults": faults[:MAX_LISTED],
            "undisturbed_seconds": round(rounds.seconds, 1),
            "of_these_before_it_reads": round(rounds.seconds_to_read, 1),
            "seconds": round(time.monotonic() - began),
            **facts,
        }
        write_atomic(out, (json.dumps(found, indent=2) + "\n").encode())

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        os.chdir(folder)
        with two_machines() as cluster:
            rounds = Rounds(folder, cluster, faults)
            note(rounds)
            for index in range(arguments.rounds):
                rng = random.Random(f"{arguments.seed} {index}")
                rounds.kill_and_compare(f"round-{arguments.seed}-{index}", rng)
                note(rounds)
                print(f"{index + 1} rounds: {json.dumps(rounds.counts)}", flush=True)
        expect_none_left(folder, faults)
        note(rounds)
        os.chdir("/")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
