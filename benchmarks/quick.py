"""Compare the quick recipes with the step-by-step guide, in less than three minutes.

    python benchmarks/quick.py

Trains `fast` with ten seeds and `balanced` with three, and in between some steps of that guide,
which tell how long its five epochs take on this machine at this time. Prints accuracies, times and
how many times sooner `fast` reaches 99 %, and writes them to results/quick.json.

After five epochs the guide's network has a test accuracy of 98.98 %, as the mean over three
seeds (results/train_speed.json). So the printed "times sooner" is a lower bound.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from guide import BATCH_SIZE, EPOCHS, Guide
from recipes import describe_seed, train_quietly, warm_up

import digits
from digits.evaluation import predict
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

RESULT = Path(__file__).parent / "results" / "quick.json"
SEEDS = {"fast": 10, "balanced": 3}
STEPS = 60
"""Steps of the guide's training between two runs."""

NUM_EVALUATIONS = 15


def time_guide(guide: Guide, num_images: int) -> float:
    """Estimate the seconds of the guide's five epochs from some steps."""
    started = time.perf_counter()
    guide.train(STEPS)
    seconds_a_step = (time.perf_counter() - started) / STEPS
    return seconds_a_step * EPOCHS * num_images / BATCH_SIZE


def time_evaluation(run: digits.Run, test: digits.Split) -> float:
    """Measure the median time of evaluating 10,000 images, in seconds."""
    seconds = []
    for _ in range(NUM_EVALUATIONS):
        started = time.perf_counter()
        predict(run.model, test.images, precision=run.recipe.precision)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def train_in_turn(name: str, num_seeds: int, guide: Guide, folder: Path) -> dict[str, Any]:
    """Train with each seed, alternating with some steps of the guide."""
    mnist = digits.load("mnist")
    recipe = digits.load_recipe(name)
    cold = warm_up(recipe)
    runs, guide_seconds = [], []
    for seed in range(num_seeds):
        runs.append(train_quietly(recipe.override(seed=seed), folder / f"{name}-{seed}"))
        guide_seconds.append(time_guide(guide, len(mnist.train)))
        print(f"{name}  {describe_seed(runs[-1])}", flush=True)
    accuracies = [run.summary["test"]["accuracy"] for run in runs]
    return {
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies),
        "seconds_median": statistics.median(run.summary["training_seconds"] for run in runs),
        "first_epoch_seconds_cold": round(cold, 3),
        "evaluation_seconds": round(time_evaluation(runs[-1], mnist.test), 4),
        "seeds": [describe_seed(run) for run in runs],
        "guide_seconds": [round(seconds, 1) for seconds in guide_seconds],
    }


def main() -> None:
    guide = Guide(digits.load("mnist").train, seed=0)
    guide.train(STEPS)
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {
            name: train_in_turn(name, num_seeds, guide, Path(folder))
            for name, num_seeds in SEEDS.items()
        }
    guide_seconds = statistics.median(
        seconds for name in SEEDS for seconds in result[name]["guide_seconds"]
    )
    result |= {
        "guide_seconds_median": guide_seconds,
        "times_sooner": round(guide_seconds / result["fast"]["seconds_median"], 1),
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    for name in SEEDS:
        each = result[name]
        print(
            f"{name:<12}  {each['accuracy_mean']:.2%} ± {each['accuracy_std']:.2%}  "
            f"{each['seconds_median']:6.2f} s  reads 10,000 images in "
            f"{1000 * each['evaluation_seconds']:.0f} ms"
        )
    print(f"step-by-step guide, {EPOCHS} epochs: {guide_seconds:.1f} s")
    print(f"fast is at 99 % at least {result['times_sooner']:.0f} times sooner → {RESULT}")


if __name__ == "__main__":
    main()
