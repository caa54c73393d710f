"""Measure a recipe over several seeds: accuracy on the test set, and training time.

    python benchmarks/recipes.py --recipe fast --seeds 10

Each seed trains as the recipe says and is evaluated on the test set once, at the end. One epoch is
trained first as a warm-up: the first use of each kernel takes time that later runs do not need; its
time is kept as well. Prints a line for each seed, then a summary.

The figures of an unchanged recipe, from seed 0, go beside it in the package, where `digits recipes`
and docs/concepts/recipes.md show them. Those of other seeds, or of another number of epochs, go to
results/.

Finished runs are kept in runs/benchmarks/ and reused by the same code; stopped ones are resumed.
"""

import argparse
import hashlib
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import digits
from digits.evaluation import predict
from digits.evaluation.metrics import committee
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions
from digits.recipe import Recipe
from digits.training.progress import TrainingProgress

ROOT = Path(__file__).parents[1]
PACKAGED = ROOT / "src" / "digits" / "recipes"
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "runs" / "benchmarks"
WARM_UP_SEED = 2**62


def train_quietly(recipe: Recipe, folder: Path, device: str = "auto") -> digits.Run:
    """Resume the run in this folder, or train it."""
    quiet = TrainingProgress(Console(quiet=True))
    if folder.exists():
        return digits.resume(folder, progress=quiet)
    return digits.train(recipe, out=folder, device=device, progress=quiet)


def warm_up(recipe: Recipe, device: str = "auto") -> float:
    """Train one epoch of which nothing is kept but its seconds, more than any later epoch takes."""
    with tempfile.TemporaryDirectory() as folder:
        once = recipe.override(seed=WARM_UP_SEED, epochs=1)
        run = train_quietly(once, Path(folder) / "run", device)
        return run.history[0].seconds


def digest_code() -> str:
    """Digest the present code and recipes: 12 digits of a SHA-256."""
    package = Path(digits.__file__).parent
    files = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".toml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def describe_seed(run: digits.Run) -> dict[str, Any]:
    """Describe a run for the result file."""
    return {
        "seed": run.recipe.seed,
        "accuracy": run.summary["test"]["accuracy"],
        "errors": run.summary["test"]["errors"],
        "seconds": round(run.summary["training_seconds"], 3),
    }


def summarize(runs: list[digits.Run], first_epoch_seconds: float) -> dict[str, Any]:
    """Summarise the seeds: mean, spread and time, their committee, and the machine.

    Misread images are given as indices in the test set, from 0.
    """
    seeds = [describe_seed(run) for run in runs]
    accuracies = [seed["accuracy"] for seed in seeds]
    test = digits.load(runs[0].recipe.dataset).test
    logits = [predict(run.model, test.images, precision=run.recipe.precision) for run in runs]
    together = committee(logits).argmax(dim=1) != test.labels
    by_each = torch.stack(logits).argmax(dim=2) != test.labels
    summary = runs[0].summary
    return {
        "recipe": runs[0].recipe.to_toml(),
        "parameters": summary["parameters"],
        "training_images": summary["training_images"],
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies),
        "accuracy_min": min(accuracies),
        "committee_accuracy": 1 - int(together.sum()) / len(test),
        "committee_wrong": together.nonzero()[:, 0].tolist(),
        "wrong_with_every_seed": by_each.all(dim=0).nonzero()[:, 0].tolist(),
        "seconds_median": statistics.median(seed["seconds"] for seed in seeds),
        "first_epoch_seconds_cold": round(first_epoch_seconds, 3),
        "first_epoch_seconds": round(statistics.median(run.history[0].seconds for run in runs), 3),
        "seeds": seeds,
        "device": summary["device"],
        "precision": summary["precision"],
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": summary["commit"],
    }


def measure(recipe: Recipe, seeds: range) -> dict[str, Any]:
    """Train with each seed, and print a line for each."""
    first_epoch_seconds = warm_up(recipe)
    kept = RUNS / digest_code()
    runs = []
    for seed in seeds:
        folder = kept / f"{recipe.name}-{recipe.epochs}-epochs-seed-{seed}"
        runs.append(train_quietly(recipe.override(seed=seed), folder))
        print(f"{recipe.name}  {describe_seed(runs[-1])}", flush=True)
    return summarize(runs, first_epoch_seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipe", required=True, help="a recipe that comes with the package")
    parser.add_argument("--seeds", type=int, default=3, help="how many, at least 2 (default: 3)")
    parser.add_argument("--first-seed", type=int, default=0, help="to measure again (default: 0)")
    parser.add_argument("--epochs", type=int, help="other than the recipe has")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds: expected at least 2, as one has no spread")
    packaged = digits.load_recipe(arguments.recipe)
    recipe = packaged.override(epochs=arguments.epochs or packaged.epochs)
    first = arguments.first_seed
    name, path = recipe.name, PACKAGED / f"{recipe.name}.json"
    if recipe.epochs != packaged.epochs:
        name = f"{name}-{recipe.epochs}-epochs"
    if first:
        name = f"{name}-from-seed-{first}"
    if name != recipe.name:
        path = RESULTS / f"{name}.json"
    result = measure(recipe, range(first, first + arguments.seeds))
    write_atomic(path, (json.dumps(result, indent=2) + "\n").encode())
    print(
        f"{name}: {result['accuracy_mean']:.3%} ± {result['accuracy_std']:.3%}, "
        f"at least {result['accuracy_min']:.2%}, {result['seconds_median']:.2f} s; "
        f"together {result['committee_accuracy']:.2%} → {path.relative_to(ROOT)}"
    )


if __name__ == "__main__":
    main()
