"""Measure how far runs are as sure as they are right, once exported: calibration, by recipe.

    digits train --recipe fast --seeds 3 --out runs/fast
    python benchmarks/calibration.py runs/fast/* ...

Exports each run and reads the test set with the runtime. Prints the expected calibration error at a
temperature of 1 and at the one that the run ended with, means over the seeds of each recipe, and
writes all to results/calibration.json.
"""

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

import digits
from digits.evaluation.metrics import compute_metrics, expected_calibration_error
from digits.evaluation.prediction import predict
from digits.export import Calibrated, export
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading.network import Network
from digits.training.calibration import count_views

RESULT = Path(__file__).parent / "results" / "calibration.json"


def measure(run: digits.Run) -> dict[str, Any]:
    """Measure a run as exported, and beside it at a temperature of 1."""
    test = digits.load(run.recipe.dataset).test
    with tempfile.TemporaryDirectory() as folder:
        network = Network(export(run, Path(folder) / "model.onnx").path)
        exported = torch.from_numpy(network.probabilities(test.images.numpy()))
    uncalibrated = Calibrated(
        run.model,
        1.0,
        num_classes=len(run.classes),
        size=run.size,
        num_views=count_views(run.classes),
    )
    plain = predict(uncalibrated, test.images, precision="float32")
    metrics = compute_metrics(exported.clamp(min=1e-12).log(), test.labels)
    return {
        "seed": run.recipe.seed,
        "temperature": run.temperature,
        "calibration_error": metrics.expected_calibration_error,
        "calibration_error_at_1": expected_calibration_error(plain, test.labels),
        "negative_log_likelihood": metrics.negative_log_likelihood,
        "accuracy": metrics.accuracy,
        "commit": run.summary["commit"],
    }


def summarize(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the seeds of a recipe: the mean of each figure, and all of them."""
    figures = [name for name in seeds[0] if name not in ("seed", "commit")]
    return {**{name: statistics.mean(s[name] for s in seeds) for name in figures}, "seeds": seeds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    seeds = defaultdict(list)
    for folder in parser.parse_args().runs:
        run = digits.Run(folder)
        seeds[run.recipe.name].append(measure(run))
    recipes = {name: summarize(found) for name, found in sorted(seeds.items())}
    for name, found in recipes.items():
        print(
            f"{name:10} {found['calibration_error_at_1']:7.2%} → "
            f"{found['calibration_error']:.2%} at {found['temperature']:.2f}, "
            f"{found['accuracy']:.2%} right ({len(found['seeds'])} seeds)"
        )
    facts = {"machine": describe_machine(), "versions": describe_versions()}
    document = {"recipes": recipes, **facts, "commit": find_commit()}
    write_atomic(RESULT, (json.dumps(document, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
