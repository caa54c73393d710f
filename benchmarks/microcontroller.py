"""Measure `tiny` in integers, as C for microcontrollers: its bytes, and its accuracy.

    python benchmarks/recipes.py --recipe tiny --seeds 5
    python benchmarks/microcontroller.py runs/benchmarks/*/tiny-*     # of the code that is measured

Each run is written as a header, compiled here, and reads the test set; what is counted is what the
compiled integers say. Prints a line for each run, then means, and writes all to
results/microcontroller.json. Needs a C compiler, cc.
"""

import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

import digits
from digits.export import export_c
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit

RESULT = Path(__file__).parent / "results" / "microcontroller.json"

LOOP = """
#include "model.h"

void read_all(const uint8_t *pixels, float *logits, int n) {
    for (int i = 0; i < n; i++) digits_read(pixels + 784 * i, logits + 10 * i);
}
"""


def compute_logits(
    header: Path, images: UInt8[np.ndarray, "n 28 28"]
) -> Float32[np.ndarray, "n 10"]:
    """Compile the header, and compute the logits of images with it."""
    logits = np.empty((len(images), 10), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "loop.c", Path(folder) / "loop.so"
        source.write_text(LOOP)
        options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"]
        command = ["cc", *options, "-shared", "-fPIC", f"-I{header.parent}"]
        subprocess.run([*command, "-o", library, source], check=True)
        pixels = np.ascontiguousarray(images)
        ctypes.CDLL(str(library)).read_all(
            pixels.ctypes.data_as(ctypes.c_void_p),
            logits.ctypes.data_as(ctypes.c_void_p),
            len(images),
        )
    return logits


def measure(run: digits.Run) -> dict[str, Any]:
    """Measure a run's network in integers, beside what it has in floating point."""
    if len(run.classes) != 10:
        sys.exit(f"Expected runs of ten classes, found {run.folder}, of {len(run.classes)}.")
    test = digits.load(run.recipe.dataset).test
    with tempfile.TemporaryDirectory() as folder:
        written = export_c(run, Path(folder) / "model.h")
        labels = compute_logits(written.path, test.images.numpy()).argmax(axis=1)
    return {
        "seed": run.recipe.seed,
        "bytes": written.num_bytes,
        "accuracy": float((labels == test.labels.numpy()).mean()),
        "accuracy_in_floating_point": run.summary["test"]["accuracy"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs of tiny, at least 2")
    folders, seeds = parser.parse_args().runs, []
    if len(folders) < 2:
        parser.error("runs: expected at least 2, as one has no spread")
    for folder in folders:
        seeds.append(measure(digits.Run(folder)))
        print(seeds[-1], flush=True)
    accuracies = [seed["accuracy"] for seed in seeds]
    result = {
        "bytes": max(seed["bytes"] for seed in seeds),
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies),
        "accuracy_in_floating_point": statistics.mean(
            seed["accuracy_in_floating_point"] for seed in seeds
        ),
        "seeds": seeds,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    print(
        f"{result['bytes']:,} bytes, {result['accuracy_mean']:.3%} ± "
        f"{result['accuracy_std']:.3%}; in floating point "
        f"{result['accuracy_in_floating_point']:.3%} → {RESULT}"
    )


if __name__ == "__main__":
    main()
