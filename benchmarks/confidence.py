"""Measure what a confidence is worth: how much a threshold accepts, and how much of that is wrong.

    python benchmarks/confidence.py

MNIST's test digits by the package's networks (of the reader, and `balanced`), and rows composed of
them by the reader, as it comes. No number is chosen by it. Writes results/confidence.json.
"""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from composed_rows import SPACINGS, compose_rows
from jaxtyping import Bool, Float
from silent_errors import line_confidence
from torch import Tensor

import digits
from digits.evaluation.metrics import expected_calibration_error, reliability
from digits.evaluation.prediction import predict
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.weights import pretrained_run

RESULT = Path(__file__).parent / "results" / "confidence.json"

THRESHOLDS = (0.5, 0.78, 0.9, 0.95, 0.99, 0.999)
"""Confidences from which on a digit, or a line, is accepted."""

REFUSED = -1.0
"""Confidence in a line with a question mark, which no threshold accepts."""

ROWS_OF_A_KIND, SEED = 250, 24
"""Number of composed rows of each kind, and their seed, with which no others were made."""


def accepted(
    confidence: Float[Tensor, " n"], right: Bool[Tensor, " n"]
) -> dict[str, dict[str, int]]:
    """Count what is accepted from each threshold on, and what of it is wrong."""
    return {
        str(threshold): {
            "accepted": int((confidence >= threshold).sum()),
            "wrong": int((~right & (confidence >= threshold)).sum()),
        }
        for threshold in (0.0, *THRESHOLDS)
    }


def summarize(confidence: Sequence[float], right: Sequence[bool]) -> dict[str, Any]:
    """Summarise readings: how many there are, and what a threshold makes of them."""
    sure, is_right = torch.tensor(confidence), torch.tensor(right)
    return {"read": len(right), "right": int(is_right.sum()), "from": accepted(sure, is_right)}


def measure_digits(reader: digits.Reader) -> dict[str, Any]:
    """Read MNIST's test digits as glyphs."""
    test = digits.load("mnist").test
    read = reader.classify(test.images.numpy())
    right = [one.label == label for one, label in zip(read, test.labels.tolist(), strict=True)]
    return summarize([one.confidence for one in read], right)


def measure_lines(reader: digits.Reader) -> dict[str, Any]:
    """Read composed rows; from 0 on, those are accepted that have nothing refused."""
    kinds: dict[str, tuple[list[float], list[bool]]] = {}
    for kind, spacing in SPACINGS.items():
        confidence, right = kinds[kind] = ([], [])
        for row in compose_rows(spacing, ROWS_OF_A_KIND, SEED):
            reading = reader.read(row.picture)
            confidence.append(REFUSED if "?" in reading.text else line_confidence(reading))
            right.append(reading.text == row.text)
        print(f"{kind}: {sum(right)} of {len(right)} right")
    every = [list(chain.from_iterable(column)) for column in zip(*kinds.values(), strict=True)]
    return summarize(*every)


def measure_balanced() -> dict[str, Any]:
    """Compute how sure `balanced` is, at a temperature of 1 and at its own."""
    run, test = pretrained_run("balanced"), digits.load("mnist").test
    logits = predict(run.model, test.images, device="cpu", precision="float32")
    found: dict[str, Any] = {"temperature": run.temperature}
    for name, temperature in (("at_1", 1.0), ("calibrated", run.temperature or 1.0)):
        probabilities = (logits / temperature).softmax(dim=1)
        confidence, label = probabilities.max(dim=1)
        bins = reliability(probabilities, test.labels)
        found[name] = {
            "calibration_error": expected_calibration_error(probabilities, test.labels),
            "mean_confidence": float(confidence.mean()),
            "accuracy": float((label == test.labels).float().mean()),
            "from": accepted(confidence, label == test.labels),
            "images_of_bins": bins.counts.tolist(),
        }
    return found


def main() -> None:
    reader = digits.Reader()
    found = {
        "balanced": measure_balanced(),
        "digits": measure_digits(reader),
        "lines": measure_lines(reader),
    }
    facts = {"machine": describe_machine(), "versions": describe_versions()}
    document = {**found, **facts, "commit": find_commit()}
    write_atomic(RESULT, (json.dumps(document, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
