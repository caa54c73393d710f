"""Time `classic` against the step-by-step guide as written, in turn, on all 60,000 images.

    python benchmarks/train_speed.py --seeds 3 --epochs 5

Both have the same network, batch size (64), optimizer (Adam) and number of epochs. The guide
converts each image to a PIL image and a tensor and normalises it, computes in float32, and keeps
its learning rate constant (guide.py); `classic` trains as `digits train` does, with its own
schedule.

Each has a process of its own, and they take turns, so that neither profits from how the other set
up torch or the memory. Prints a line for each epoch, then medians with their range, and writes all
to results/train_speed.json.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from guide import Guide
from rich.console import Console

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.history import EpochRecord
from digits.training.progress import TrainingProgress

RESULT = Path(__file__).parent / "results" / "train_speed.json"
NUM_IMAGES = 60_000


def train_guide(seed: int, num_epochs: int, turns: Connection) -> None:
    """Train as the guide does; send the seconds of each epoch, then the accuracy."""
    turns.recv()
    mnist = digits.load("mnist")
    guide = Guide(mnist.train, seed)
    for _ in range(num_epochs):
        started = time.perf_counter()
        guide.train()
        turns.send(time.perf_counter() - started)
        turns.recv()
    turns.send(guide.accuracy(mnist.test))


def train_classic(seed: int, num_epochs: int, turns: Connection) -> None:
    """Train as `digits train` does; send the seconds of each epoch, then the summary."""

    class Turns(TrainingProgress):
        def epoch(self, record: EpochRecord) -> None:
            turns.send(record.seconds)
            turns.recv()

    turns.recv()
    with tempfile.TemporaryDirectory() as folder:
        run = digits.train(
            "classic",
            out=Path(folder) / "run",
            device="cpu",
            progress=Turns(Console(quiet=True)),
            seed=seed,
            epochs=num_epochs,
            validation_size=0,
        )
        turns.send(run.summary)


TRAINERS = {"guide": train_guide, "classic": train_classic}


def compare(seed: int, num_epochs: int) -> dict[str, Any]:
    """Train both with one seed, an epoch each in turn."""
    context = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    for name, train in TRAINERS.items():
        ends[name], turns = context.Pipe()
        context.Process(target=train, args=(seed, num_epochs, turns), daemon=True).start()
        turns.close()  # so that the death of the process is an end of file here

    def take_turn(name: str) -> Any:
        ends[name].send("your turn")
        return ends[name].recv()

    times: dict[str, list[float]] = {name: [] for name in TRAINERS}
    for epoch in range(1, num_epochs + 1):
        for name in TRAINERS:
            times[name].append(take_turn(name))
        guide, classic = times["guide"][-1], times["classic"][-1]
        print(
            f"seed {seed}  epoch {epoch}/{num_epochs}  guide {guide:.1f} s  "
            f"classic {classic:.1f} s  ratio {guide / classic:.2f}",
            flush=True,
        )
    accuracy = {"guide": take_turn("guide")}
    summary = take_turn("classic")
    accuracy["classic"] = summary["test"]["accuracy"]
    print(f"seed {seed}  test accuracy {accuracy}", flush=True)
    return {
        "seed": seed,
        "precision": summary["precision"],
        "epoch_seconds": {name: [round(t, 2) for t in each] for name, each in times.items()},
        "test_accuracy": accuracy,
    }


def spread(values: list[float]) -> dict[str, float]:
    """Compute median and range."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    digits.load("mnist")  # once, before the clocks run
    seeds = [compare(seed, arguments.epochs) for seed in range(arguments.seeds)]
    seconds = {
        name: [t for seed in seeds for t in seed["epoch_seconds"][name]] for name in TRAINERS
    }
    pairs = zip(seconds["guide"], seconds["classic"], strict=True)
    accuracy = {
        "guide_as_written": [s["test_accuracy"]["guide"]["as_written"] for s in seeds],
        "guide": [s["test_accuracy"]["guide"]["eval_mode"] for s in seeds],
        "classic": [s["test_accuracy"]["classic"] for s in seeds],
    }
    result = {
        "seconds_an_epoch": {name: spread(each) for name, each in seconds.items()},
        "images_per_second": {
            name: spread([NUM_IMAGES / t for t in each]) for name, each in seconds.items()
        },
        "times_faster": spread([slow / fast for slow, fast in pairs]),
        "test_accuracy_mean": {
            name: round(statistics.mean(each), 5) for name, each in accuracy.items()
        },
        "seeds": seeds,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    for name in ("seconds_an_epoch", "images_per_second", "times_faster", "test_accuracy_mean"):
        print(f"{name}: {result[name]}")
    print(f"→ {RESULT}")


if __name__ == "__main__":
    main()
