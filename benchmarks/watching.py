"""Measure how much longer a run takes that is watched.

    python benchmarks/watching.py --pairs 11 --recipes fast balanced

Each run is the command `digits train` in a process of its own, by turns with `--watch`, while three
windows listen to its events, and without. The first pair of a recipe is not counted. Prints the
ratio of each pair, and writes medians of the pairs' ratios to results/watching.json: of the time of
training, of the processor time with that of the process that serves the page, and of the command
as a whole.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

RESULT = Path(__file__).parent / "results" / "watching.json"

NUM_WINDOWS = 3


def listen(url: str) -> None:
    """Take events until the server ends."""
    try:
        with requests.get(f"{url}v1/training/events", stream=True, timeout=60) as response:
            for _ in response.iter_content(65536):
                pass
    except requests.RequestException:  # it ended while something was sent
        pass


def train(recipe: str, folder: Path, *, is_watched: bool) -> dict[str, float]:
    """Train once; gives seconds."""
    command = [sys.executable, "-m", "digits", "train", "--recipe", recipe, "--json"]
    command += ["--out", str(folder / "run"), *(["--watch"] if is_watched else [])]
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if is_watched:
            url = process.stderr.readline().removeprefix("Watch at ").strip()
            for _ in range(NUM_WINDOWS):
                threading.Thread(target=listen, args=(url,)).start()
        output, _ = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    assert process.returncode == 0
    told: resource.struct_rusage = usage
    return {
        "training": json.loads(output)["training_seconds"],
        "processor": told.ru_utime + told.ru_stime,
        "command": seconds,
    }


def compare(recipe: str, num_pairs: int) -> dict[str, Any]:
    """Train with and without watching, by turns."""
    runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for pair in range(num_pairs + 1):
        for is_watched in (False, True) if pair % 2 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                runs[is_watched].append(train(recipe, Path(folder), is_watched=is_watched))
        ratio = runs[True][-1]["training"] / runs[False][-1]["training"]
        print(f"{recipe}  pair {pair}  training {ratio:.3f} times as long", flush=True)
    pairs = list(zip(runs[True][1:], runs[False][1:], strict=True))
    return {
        "pairs": num_pairs,
        "ratio_median": {
            name: round(
                statistics.median(watched[name] / alone[name] for watched, alone in pairs), 4
            )
            for name in runs[True][0]
        },
        "training_seconds_median": {
            name: round(statistics.median(run["training"] for run in runs[is_watched][1:]), 3)
            for name, is_watched in (("alone", False), ("watched", True))
        },
        "training_seconds_least": {
            name: round(min(run["training"] for run in runs[is_watched][1:]), 3)
            for name, is_watched in (("alone", False), ("watched", True))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--recipes", nargs="+", default=["fast", "balanced"])
    arguments = parser.parse_args()
    digits.load("mnist")  # once, before the clocks run
    result = {
        "recipes": {recipe: compare(recipe, arguments.pairs) for recipe in arguments.recipes},
        "windows": NUM_WINDOWS,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    print(json.dumps(result["recipes"], indent=2))
    print(f"→ {RESULT}")


if __name__ == "__main__":
    main()
