"""Measure how much longer a run takes that is watched.

    python benchmarks/watching.py --pairs 21 --recipes fast balanced

Each recipe is trained by turns: with a page beside it, as `digits train --watch` has one, while
three windows listen to its events, and without. The first pair is not counted. Prints the ratio of
each pair, and writes medians to results/watching.json: of the epochs, from before the first step
until the last checkpoint is saved, and of the run as a whole, data and evaluation included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.server.watch_page import serving_page
from digits.training import train
from digits.training.progress import TrainingProgress
from digits.training.watching import Watcher

RESULT = Path(__file__).parent / "results" / "watching.json"

NUM_WINDOWS = 3


class Clock(TrainingProgress):
    """Prints nothing, and notes how long the epochs took."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))

    def start(self, *args: Any, **kwargs: Any) -> None:
        super().start(*args, **kwargs)
        self.seconds = -time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter()
        super().stop()


WINDOW = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as response:
    print(flush=True)
    for _ in response: pass
"""
"""Takes events until the server ends, in a process of its own, as a browser does."""


def measure(recipe: str, *, is_watched: bool) -> dict[str, float]:
    """Train once; gives seconds."""
    clock, watcher = Clock(), None
    windows: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if is_watched:
            page = stack.enter_context(serving_page())
            url = page.expect_url()
            watcher = Watcher(page.follow)
            command = [sys.executable, "-c", WINDOW, f"{url}v1/training/events"]
            windows = [
                subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(NUM_WINDOWS)
            ]
            for window in windows:
                assert window.stdout is not None
                window.stdout.readline()  # it is open
        started = time.perf_counter()
        train(recipe, out=Path(folder) / "run", device="cpu", progress=clock, watcher=watcher)
        seconds = time.perf_counter() - started
    for window in windows:  # they end with the page
        window.communicate()
    return {"epochs": clock.seconds, "run": seconds}


def compare(recipe: str, num_pairs: int) -> dict[str, Any]:
    """Train with and without watching, by turns."""
    runs: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for pair in range(num_pairs + 1):
        for is_watched in (False, True) if pair % 2 else (True, False):
            runs[is_watched].append(measure(recipe, is_watched=is_watched))
        ratio = runs[True][-1]["epochs"] / runs[False][-1]["epochs"]
        print(f"{recipe}  pair {pair}  {ratio:.3f} times as long", flush=True)
    alone, watched = runs[False][1:], runs[True][1:]
    return {
        "pairs": num_pairs,
        "ratio_of_pairs_median": {
            name: median(w[name] / a[name] for w, a in zip(watched, alone, strict=True))
            for name in alone[0]
        },
        "ratio_of_medians": {
            name: round(median(w[name] for w in watched) / median(a[name] for a in alone), 4)
            for name in alone[0]
        },
        "seconds_alone": {name: median(run[name] for run in alone) for name in alone[0]},
        "seconds_watched": {name: median(run[name] for run in watched) for name in alone[0]},
    }


def median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=21)
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
