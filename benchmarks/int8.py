"""Measure runs in integers of eight bits, as ONNX: their bytes and accuracy beside floating point.

    digits train --recipe balanced --out runs/balanced
    python benchmarks/int8.py runs/balanced ...

Exports each run twice and reads the test set with the runtime. Prints a line for each run and
writes all to results/int8.json.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import digits
from digits.export import export, export_int8
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.reading.network import Network

RESULT = Path(__file__).parent / "results" / "int8.json"


def measure(run: digits.Run) -> dict[str, Any]:
    """Measure a run's network in integers, and in floating point."""
    test = digits.load(run.recipe.dataset).test
    images, labels = test.images.numpy(), test.labels.numpy()
    with tempfile.TemporaryDirectory() as folder:
        written = {
            "float32": export(run, Path(folder) / "float32.onnx"),
            "int8": export_int8(run, Path(folder) / "int8.onnx"),
        }
        found = {
            name: Network(file.path).probabilities(images).argmax(axis=1)
            for name, file in written.items()
        }
    return {
        "recipe": run.recipe.name,
        "seed": run.recipe.seed,
        "bytes": {name: file.num_bytes for name, file in written.items()},
        "accuracy": {name: float((read == labels).mean()) for name, read in found.items()},
        "read_otherwise": int((found["int8"] != found["float32"]).sum()),
        "largest_difference": written["int8"].largest_difference,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    runs = []
    for folder in parser.parse_args().runs:
        runs.append(measure(digits.Run(folder)))
        print(runs[-1], flush=True)
    facts = {"machine": describe_machine(), "versions": describe_versions()}
    document = {"runs": runs, **facts, "commit": find_commit()}
    write_atomic(RESULT, (json.dumps(document, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
