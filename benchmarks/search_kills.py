"""Searches of settings, ended at random moments and begun again: they come to the same trials.

Some are killed alone, one to three times, and compared with one that nothing disturbed. At others,
two processes are at once, one of which is killed: all trials are there once, and none is left open.

    .venv/bin/python benchmarks/search_kills.py --searches 12
"""

import argparse
import csv
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import kills
import numpy as np
from findings import Findings
from kills import Commands, one_thread

from digits.data import load
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.search.loop import DATABASE
from digits.search.places import PLACE, open_storage

RESULT = Path(__file__).parent / "results" / "search-kills.json"

NUM_IMAGES, NUM_TRIALS = 1200, 6

RECIPE = """
network = "fast"
epochs = 3
batch_size = 100

[search]
learning_rate = { low = 1e-4, high = 0.1, log = true }
batch_size = { low = 50, high = 200 }
optimizer = ["adam", "sgd"]
"""

TWO_AT_ONCE = 0.3
"""Part of the searches that two processes are at."""


def search_in(folder: Path) -> tuple[str, ...]:
    """Give the command that searches in a folder, wherever it is started."""
    where = {name: str(folder / name) for name in ("quick.toml", "set.npz", "found")}
    settings = ("--trials", str(NUM_TRIALS), "--seeds", "2", "--device", "cpu")
    return ("search", where["quick.toml"], "--data", where["set.npz"], *settings, "--out",
            where["found"])  # fmt: skip


def prepare(folder: Path, num_images: int = NUM_IMAGES) -> None:
    """Write the recipe, and a set of training images that is quick to train on."""
    folder.mkdir(parents=True, exist_ok=True)
    train = load("mnist").train
    images, labels = train.images[:num_images].numpy(), train.labels[:num_images].numpy()
    np.savez(folder / "set.npz", images=images, labels=labels)
    (folder / "quick.toml").write_text(RECIPE)


def outcome(folder: Path) -> tuple[list[dict[str, str]], bytes]:
    """Read the table of trials, without their times, and the best recipe."""
    found = folder / "found"
    with (found / "trials.csv").open() as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    best = (found / "best.toml").read_bytes()
    return rows, best.replace(str(folder).encode(), b"")  # it names its data set


def faults_in(folder: Path) -> str:
    """Check what every search holds in the end, however it came to it."""
    studies = open_storage(folder / "found" / DATABASE)
    for study in studies.get_all_studies():
        trials = studies.get_all_trials(study._study_id, deepcopy=False)
        states = {trial.state.name for trial in trials}
        if not states <= {"COMPLETE", "PRUNED", "FAIL"}:
            return f"left trials {states} in {study.study_name}"
        places = [t.user_attrs[PLACE] for t in trials if t.state.name in ("COMPLETE", "PRUNED")]
        expected = NUM_TRIALS if study.study_name == "settings" else 2
        if sorted(places) != [*range(expected)]:
            return f"filled the places {sorted(places)} in {study.study_name}"
    staged = [path.name for path in folder.iterdir() if path.name.startswith(".found.")]
    # A process that is killed as it makes the folder leaves its own, with nobody's name on it.
    return f"left {staged}" if len(staged) > 3 else ""


def search_killed(
    commands: Commands, folder: Path, rng: random.Random, findings: Findings, seconds: float
) -> str:
    """Kill a search one to three times, then let it end."""
    for _ in range(rng.choice([1, 2, 2, 3])):
        findings.details["kills"] += 1
        if fault := commands.kill(search_in(folder), folder, rng, seconds):
            return fault
    status, said, _ = commands.finish(search_in(folder), folder)
    if status:
        return f"ended with {status}: {said[-300:]}"
    if outcome(folder) != outcome(commands.folder / "whole"):
        return "came to other trials"
    return faults_in(folder)


def search_shared(
    commands: Commands, folder: Path, rng: random.Random, findings: Findings, seconds: float
) -> str:
    """Let two processes be at a search, and kill one of them."""
    faults: list[str] = []
    other = folder / "other"  # where the other one has its log
    other.mkdir()
    findings.details["kills"] += 1

    def kill() -> None:
        faults.append(commands.kill(search_in(folder), other, rng, seconds))

    killer = threading.Thread(target=kill)
    killer.start()
    status, said, _ = commands.finish(search_in(folder), folder)
    killer.join()
    if any(faults):
        return faults[0]
    if status:
        return f"ended with {status}: {said[-300:]}"
    return faults_in(folder)


def measure(num_searches: int, seed: int) -> dict[str, Any]:
    """Kill searches, and say what was found."""
    findings = Findings(details={"kills": 0, "searches": num_searches, "of_two_processes": 0})
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        commands = Commands(Path(scratch).resolve())
        whole = commands.folder / "whole"
        prepare(whole)
        commands.finish(("recipes",), whole)  # the first one waits for the imports
        status, said, seconds = commands.finish(search_in(whole), whole)
        assert not status, said
        findings.details["undisturbed_seconds"] = round(seconds, 1)
        for index in range(num_searches):
            rng = random.Random(f"{seed} {index}")
            folder, started = commands.folder / f"search-{index}", time.monotonic()
            prepare(folder)
            is_shared = rng.random() < TWO_AT_ONCE
            findings.details["of_two_processes"] += is_shared
            way = search_shared if is_shared else search_killed
            fault = way(commands, folder, rng, findings, seconds)
            findings.add(folder.name, time.monotonic() - started, 0)
            findings.faults.expect(not fault, f"search {seed}-{index}: {fault}")
            print(f"search {index}: {fault or 'sound'}", flush=True)
    return findings.to_dict()


def main() -> None:
    """Parse the arguments, kill searches, write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    kills.PRELOADED = (
        *kills.PRELOADED,
        "digits.search",
        "optuna.storages._rdb.storage",
        "sqlalchemy.orm",
    )  # type: ignore[assignment]
    kills.END_SECONDS = 900.0  # beside other work
    found = {
        **measure(arguments.searches, arguments.seed),
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(arguments.out, (json.dumps(found, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
