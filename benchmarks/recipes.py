"""Measure a recipe over several seeds, and keep the figures beside it in the package.

    python benchmarks/recipes.py --recipe compact --seeds 3

Each seed trains as the recipe says and looks at the test set once, at the end. The file that this
writes is what `digits recipes` and the README show.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

PACKAGED = Path(__file__).parents[1] / "src" / "digits" / "recipes"


def measure(name: str, num_seeds: int) -> dict[str, Any]:
    """Train with seeds 0 to num_seeds - 1, printing a line for each."""
    seeds: list[dict[str, Any]] = []
    for seed in range(num_seeds):
        with tempfile.TemporaryDirectory() as folder:
            run = digits.train(name, seed=seed, out=Path(folder) / "run")
            summary, last = run.summary, run.history[-1]
        seeds.append(
            {
                "seed": seed,
                "accuracy": summary["test"]["accuracy"],
                "errors": summary["test"]["errors"],
                "validation_accuracy": last.validation_accuracy,
                "seconds": round(summary["training_seconds"], 2),
            }
        )
        print(f"{name}  {seeds[-1]}", flush=True)
    accuracies = [seed["accuracy"] for seed in seeds]
    return {
        "recipe": digits.load_recipe(name).to_toml(),
        "parameters": summary["parameters"],
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies),
        "accuracy_min": min(accuracies),
        "seconds_median": statistics.median(seed["seconds"] for seed in seeds),
        "seeds": seeds,
        "device": summary["device"],
        "precision": summary["precision"],
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipe", required=True, help="a recipe that comes with the package")
    parser.add_argument("--seeds", type=int, default=3, help="how many, at least 2 (default: 3)")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds: expected at least 2, as one has no spread")
    result = measure(arguments.recipe, arguments.seeds)
    path = PACKAGED / f"{arguments.recipe}.json"
    write_atomic(path, (json.dumps(result, indent=2) + "\n").encode())
    print(
        f"{arguments.recipe}: {result['accuracy_mean']:.2%} ± {result['accuracy_std']:.2%}, "
        f"at least {result['accuracy_min']:.2%}, {result['seconds_median']:.1f} s → {path}"
    )


if __name__ == "__main__":
    main()
