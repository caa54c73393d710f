"""Kill processes that train a network together at random, and start another number of them.

    python benchmarks/process_kills.py

Each run is trained by 1, 2 or 4 processes of `digits train --out RUN`, started as torchrun starts
them. At a random moment one of them is killed (SIGKILL); the others must end, with status 1 and
without a traceback: by themselves or, where they had not all met yet, by the SIGTERM that torchrun
sends. Then another number of them goes on, and after one to
five kills the run is left to end. Its weights must be those of a run that one process trained
undisturbed, and so must its history be, but for the seconds. The processes are forked from one that
has imported torch already, which would take longer than the training. Writes
results/process_kills.json; takes five minutes.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from findings import Faults

from digits.data import DataSet, Split
from digits.hardware import describe_machine, find_commit
from digits.recipe import Recipe
from digits.run import Run

RESULTS = Path(__file__).parent / "results" / "process_kills.json"
TRAIN = (
    *("train", "--recipe", "fast", "--shards", "4", "--epochs", "12", "--batch-size", "128"),
    *("--validation-size", "256", "--average-weights", "0.9", "--hard-fraction", "0.5"),
    *("--out", "run"),
)
"""Trains in 4 shards, on images drawn at random, which take no time to load."""

NUMBERS = (1, 2, 4)
"""Numbers of processes, of which a run has one or more in turn."""

PRELOADED = ("digits.cli", "digits.training", "digits.data", "torch")
ALONE_SECONDS, END_SECONDS = 15.0, 60.0
"""Time in which the others end when one was killed: by themselves, and once they were told to."""


def draw_set(recipe: Recipe) -> DataSet:
    """Draw the images that training takes for MNIST."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2560, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.arange(2560) % 10
    train, test = Split("train", images, labels), Split("test", images[:256], labels[:256])
    return DataSet(name="mnist", train=train, test=test, source="drawn at random")


def run_command(folder: Path, rank: int, num: int, port: int, log: Path) -> None:
    """Run the command as one of the processes that torchrun starts."""
    from digits.cli import main

    os.chdir(folder)
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(num),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "kills",
    }
    sys.argv = ["digits", *TRAIN]
    with log.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    with (
        patch("digits.training.loop.load_set", draw_set),
        patch("digits.training.following.load_set", draw_set),
    ):
        main()


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


class Runs:
    """Starts processes, kills them, and compares what they trained with the undisturbed run.

    Args:
        folder: Where the runs are, each in a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.faults, self.counts = Faults(), Counter[str]()
        self._folder = folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*PRELOADED])
        self._train(folder / "warm", 1)  # waits for the imports
        started = time.monotonic()
        self._train(folder / "whole", 1)
        self.seconds = time.monotonic() - started
        self._whole = Run(folder / "whole" / "run")

    def _start(self, folder: Path, num: int) -> list[BaseProcess]:
        folder.mkdir(exist_ok=True)
        port = free_port()
        processes: list[BaseProcess] = [
            self._context.Process(
                target=run_command, args=(folder, rank, num, port, folder / f"log-{rank}")
            )
            for rank in range(num)
        ]
        for process in processes:
            process.start()
        return processes

    def _train(self, folder: Path, num: int) -> None:
        processes = self._start(folder, num)
        for process in processes:
            process.join()
        statuses = [process.exitcode for process in processes]
        said = (folder / "log-0").read_text()
        self.faults.expect(not any(statuses), f"{folder.name}: ended with {statuses}: {said}")

    def _kill(self, folder: Path, num: int, rng: random.Random) -> bool:
        """Start processes and kill one, unless they end before; tells whether it was killed."""
        processes = self._start(folder, num)
        wait([process.sentinel for process in processes], rng.uniform(0.1, 1) * self.seconds)
        rank = rng.randrange(num)
        victim = processes.pop(rank)
        victim.kill()
        victim.join()
        name = f"{folder.name}, process {rank} of {num}"
        if not self._end(processes):
            self.faults.expect(False, f"{name}: others did not end")
        if victim.exitcode != -signal.SIGKILL:
            return False
        statuses = {process.exitcode for process in processes}
        is_stopped = statuses <= {0, 1, -signal.SIGTERM}
        self.faults.expect(is_stopped, f"{name}: the others ended with {statuses}")
        logs = {other: folder / f"log-{other}" for other in range(num) if other != rank}
        said = {other: log.read_text() for other, log in logs.items() if log.exists()}
        self.faults.expect("Traceback" not in str(said), f"{name}: {said}")
        followers = "".join(text for other, text in said.items() if other)
        self.faults.expect(not followers, f"{name}: {followers}")
        self.counts[f"killed of {num}"] += 1
        self.counts["killed first" if rank == 0 else "killed another"] += 1
        self.counts["killed before the run began"] += not (folder / "run").exists()
        return True

    def _end(self, processes: list[BaseProcess]) -> bool:
        """Wait for processes to end, and tell them to; tells whether they did."""
        limit = time.monotonic() + ALONE_SECONDS
        for process in processes:
            process.join(max(0, limit - time.monotonic()))
        left = [process for process in processes if process.exitcode is None]
        self.counts["kills after which others had to be told to end"] += bool(left)
        for process in left:
            process.terminate()
        for process in left:
            process.join(END_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join()
        return all(process.exitcode != -signal.SIGKILL for process in processes)

    def kill_and_compare(self, name: str, rng: random.Random) -> int:
        """Train a run that is killed one to five times; returns how many kills it took."""
        folder, num_kills, num = self._folder / name, 0, 0
        for _ in range(rng.randint(1, 5)):
            num = rng.choice([other for other in NUMBERS if other != num])
            num_kills += self._kill(folder, num, rng)
        self._train(folder, rng.choice([other for other in NUMBERS if other != num]))
        run = Run(folder / "run")
        is_same = run.model_path.read_bytes() == self._whole.model_path.read_bytes()
        self.faults.expect(is_same, f"{name}: other weights after {num_kills} kills")
        histories = [
            [vars(r) | {"seconds": 0} for r in each.history] for each in (run, self._whole)
        ]
        self.faults.expect(histories[0] == histories[1], f"{name}: another history")
        self.counts["runs"] += 1
        self.counts["runs with the same weights"] += is_same
        return num_kills


def main() -> None:
    """Kill as often as was asked for, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="at least so many (default: 50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # as torchrun sets it
    rng, num_kills, began = random.Random(arguments.seed), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        runs = Runs(Path(scratch))
        while num_kills < arguments.kills:
            num_kills += runs.kill_and_compare(f"run-{runs.counts['runs']}", rng)
            print(f"{num_kills} kills, {runs.counts['runs']} runs", flush=True)
    results: dict[str, Any] = {
        "kills": num_kills,
        **dict(sorted(runs.counts.items())),
        "faults": runs.faults,
        "undisturbed_seconds": round(runs.seconds, 1),
        "seconds": round(time.monotonic() - began),
        "command": " ".join(TRAIN),
        "seed": arguments.seed,
        "commit": find_commit(),
        "machine": describe_machine(),
    }
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    sys.exit(bool(runs.faults))


if __name__ == "__main__":
    main()
