"""Time the usual commands alone and beside two busy processes, in turn.

    python benchmarks/busy.py
    python benchmarks/busy.py --before FOLDER      # a checkout of another version, to compare with

Trains `fast`, and two epochs of `balanced`; reads a photo; sends 200 glyphs to a server, one after
the other. Each is a process of its own, timed as a whole. Prints the medians and how many times
longer each takes beside others, and writes all to results/busy.json. Takes a quarter of an hour, on
a machine that does nothing else.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drawn_digit import glyph

from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "busy.json"
PHOTO = ROOT / "src" / "digits" / "reading" / "samples" / "paper.jpg"
NUM_BUSY = 2
NUM_GLYPHS = 200

TASKS = {
    "digits train --recipe fast": ("train", "--recipe", "fast"),
    "digits train --epochs 2": ("train", "--epochs", "2"),
    "digits read photo.jpg": ("read", str(PHOTO)),
}
"""Commands, and their arguments; those that train get a folder as well."""

GLYPHS = "200 glyphs, served"


@contextlib.contextmanager
def busy(num: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(num)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def command(source: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Make the command line, and the environment, of a version's command."""
    # As it is installed: `python -m digits` takes other time by chance (docs/experiments.md).
    digits = Path(sys.executable).with_name("digits")
    return [str(digits), *arguments], {**os.environ, "PYTHONPATH": str(source / "src")}


def time_command(source: Path, arguments: tuple[str, ...]) -> dict[str, float]:
    """Time a command as a whole, in seconds, and the training in it."""
    with tempfile.TemporaryDirectory() as folder:
        is_training = arguments[0] == "train"
        more = ("--out", f"{folder}/run", "--json") if is_training else ()
        line, environment = command(source, *arguments, *more)
        started = time.perf_counter()
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        seconds = {"seconds": time.perf_counter() - started}
        if is_training:
            seconds["training_seconds"] = json.loads(done.stdout)["training_seconds"]
        return seconds


@contextlib.contextmanager
def served(source: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve meanwhile, and connect."""
    line, environment = command(source, "serve", "--port", "0")
    with subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        try:
            for said in server.stdout:
                if found := re.search(r"http://([\d.]+):(\d+)", said):
                    yield http.client.HTTPConnection(found[1], int(found[2]), timeout=60)
                    break
        finally:
            server.terminate()


def time_glyphs(source: Path, num_busy: int) -> dict[str, float]:
    """Time requests of a glyph, in seconds; the server is there already."""
    body = json.dumps({"glyphs": [glyph()]})
    with served(source) as connection, busy(num_busy):
        started = 0.0
        for index in range(-20, NUM_GLYPHS):  # the first warm up
            if index == 0:
                started = time.perf_counter()
            connection.request("POST", "/v1/glyphs", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200:
                sys.exit(f"The server answered {response.status}: {answer.decode()}")
        seconds = time.perf_counter() - started
        connection.close()
    return {"seconds": seconds}


def time_task(name: str, source: Path, num_busy: int) -> dict[str, float]:
    """Time a task beside so many busy processes."""
    if name == GLYPHS:
        return time_glyphs(source, num_busy)
    with busy(num_busy):
        return time_command(source, TASKS[name])


def summarize(rounds: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Give the medians of a task's times, how much longer it takes beside others, and all times."""
    medians = {
        way: {key: statistics.median(one[key] for one in times) for key in times[0]}
        for way, times in rounds.items()
    }
    alone = medians["alone"]["seconds"]
    ratios = {
        f"times_{way}": round(figures["seconds"] / alone, 3)
        for way, figures in medians.items()
        if way != "alone"
    }
    return {"medians": medians, **ratios, "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how many (default: 5)")
    parser.add_argument("--before", type=Path, help="a checkout of another version, timed alone")
    parser.add_argument("--only", help="a part of a task's name")
    arguments = parser.parse_args()
    ways = {"alone": (ROOT, 0), "busy": (ROOT, NUM_BUSY)}
    if arguments.before is not None:
        ways["before"] = (arguments.before.resolve(), 0)
    tasks = [name for name in (*TASKS, GLYPHS) if not arguments.only or arguments.only in name]
    result: dict[str, Any] = {}
    for name in tasks:
        for source, _ in ways.values():
            time_task(name, source, 0)  # warm-up: the disk's cache
        rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, (source, num_busy) in ways.items():
                rounds[way].append(time_task(name, source, num_busy))
        result[name] = summarize(rounds)
        shown = ", ".join(
            f"{way} {figures['seconds']:.2f} s"
            + (f" (training {figures['training_seconds']:.2f})" if len(figures) > 1 else "")
            for way, figures in result[name]["medians"].items()
        )
        print(f"{name}: {shown}; {result[name]['times_busy']:.2f} times", flush=True)
    if arguments.only:
        return
    facts = {"machine": describe_machine(), "versions": describe_versions()}
    document = {"tasks": result, "busy_processes": NUM_BUSY, **facts, "commit": find_commit()}
    write_atomic(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    print(f"→ {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
