"""Labels that are wrong: how many of them `digits audit` finds.

On MNIST, the 15 test labels that fewer than 3 of 5 people agree with; on Fashion-MNIST, with two of
a hundred labels exchanged. Several seeds, of the networks and of what is exchanged. Writes
`benchmarks/results/label-errors.json` after each.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import digits
from digits.data import DataSet
from digits.evaluation.label_errors import DOUBTED_MNIST
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.recipe import DEFAULT_RECIPE, load_recipe
from digits.report.audit import audit

RESULTS = Path(__file__).parent / "results" / "label-errors.json"

FIRST = (50, 100)
"""Numbers of labels that someone may look at."""

EXCHANGED = 50
"""One of so many labels is exchanged."""


def measure_mnist(recipe: str, seed: int) -> dict[str, Any]:
    """Count the doubted test labels among the first that the audit lists of the test set."""
    data = digits.load("mnist")
    started = perf_counter()
    found = audit(data, load_recipe(recipe).override(seed=seed), split="test")
    seconds = perf_counter() - started
    test = [int(one.name.split()[1]) for one in found.suspects]
    first = {str(num): len({*test[:num]} & {*DOUBTED_MNIST}) for num in FIRST}
    return {
        "seconds": seconds,
        "read_as_labelled": found.accuracy,
        "likely_wrong": found.num_likely,
        "doubted": len(DOUBTED_MNIST),
        "doubted_among_first": first,
    }


def exchange(data: DataSet, seed: int) -> tuple[DataSet, set[int]]:
    """Give one of 50 images another label, any of the others; says which of all images."""
    rng = np.random.default_rng(seed)
    labels, num_train = data.whole.labels.clone(), len(data.train)
    chosen = rng.permutation(len(labels))[: len(labels) // EXCHANGED]
    for index in chosen:
        labels[index] = (labels[index] + int(rng.integers(1, len(data.classes)))) % len(
            data.classes
        )
    train = replace(data.train, labels=labels[:num_train])
    test = replace(data.test, labels=labels[num_train:])
    return replace(data, train=train, test=test), set(chosen.tolist())


def measure_fashion(recipe: str, seed: int) -> dict[str, Any]:
    """Compute precision and recall of what is listed, and of as many as were exchanged."""
    data, exchanged = exchange(digits.load("fashion-mnist"), seed)
    started = perf_counter()
    found = audit(data, load_recipe(recipe).override(seed=seed))
    seconds = perf_counter() - started
    listed = [one.index for one in found.suspects[: found.num_likely]]
    right = len({*listed} & exchanged)
    return {
        "seconds": seconds,
        "read_as_labelled": found.accuracy,
        "exchanged": len(exchanged),
        "likely_wrong": len(listed),
        "precision": right / len(listed),
        "recall": right / len(exchanged),
        "precision_of_as_many": len({*listed[: len(exchanged)]} & exchanged) / len(exchanged),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default=DEFAULT_RECIPE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "recipe_name": arguments.recipe,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
        "mnist": [],
        "fashion-mnist": [],
    }
    for seed in range(arguments.seeds):
        for name, measure in (("mnist", measure_mnist), ("fashion-mnist", measure_fashion)):
            figures = {"seed": seed, **measure(arguments.recipe, seed)}
            print(name, json.dumps(figures), flush=True)
            results[name].append(figures)
            write_atomic(arguments.out, (json.dumps(results, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
