"""A run's network in ONNX: raw pixels in, calibrated probabilities out, checked against torch."""

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from torch import Tensor, nn

from digits.data import DigitSet, load
from digits.errors import DigitsError
from digits.evaluation import predict
from digits.evaluation.metrics import fit_temperature
from digits.files import write_atomic
from digits.hardware import describe_versions
from digits.reading.ink import looks
from digits.reading.network import Network
from digits.run import Run

OPSET = 18
"""The oldest that torch's exporter writes without conversion; all runtimes since 2023 know it."""

TOLERANCE = 1e-4
"""Largest difference of a probability, between ONNX and torch."""

NUM_CHECKED = 1000
"""Test images on which the two are compared."""


@dataclass(frozen=True)
class Converted:
    """A network in ONNX."""

    content: bytes
    temperature: float
    """By which the logits are divided."""
    largest_difference: float
    """Of a probability, between ONNX and torch."""


@dataclass(frozen=True)
class Export:
    """What was written."""

    path: Path
    num_bytes: int
    temperature: float
    """By which the logits are divided."""
    largest_difference: float
    """Of a probability, between ONNX and torch."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "path": str(self.path),
            "bytes": self.num_bytes,
            "temperature": self.temperature,
            "largest_difference": self.largest_difference,
        }


class Calibrated(nn.Module):
    """A network's probabilities, its logits divided by a temperature."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(self, images: Num[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Raw pixels, 0 to 255, to probabilities."""
        logits: Tensor = self.model(images)
        return (logits / self.temperature).softmax(dim=1)


def export(run: Run, path: Path | None = None) -> Export:
    """Write a run's network as one ONNX file, that `Reader` and any other runtime reads.

    Input `images`, float32 (n, 1, 28, 28), 0 to 255, any n; output `probabilities` (n, 10),
    calibrated on the held-out images, if the recipe held any out.

    Args:
        run: A finished run.
        path: The file; `model.onnx` in the run's folder if not given.

    Raises:
        DigitsError: If the run is unfinished, the network can't be written in ONNX, or what was
            written does not agree with torch.

    Source: for the temperature, Guo et al. 2017, arXiv:1706.04599.
    """
    path = path or run.folder / "model.onnx"
    made = convert(run)
    write_atomic(path, made.content)
    return Export(path, len(made.content), made.temperature, made.largest_difference)


def convert(run: Run) -> Converted:
    """A run's network as the content of an ONNX file; see `export`.

    Raises:
        DigitsError: As `export` does.
    """
    mnist = load(run.recipe.dataset)
    temperature = calibrate(run, mnist)
    model = Calibrated(run.model.float(), temperature).eval()
    content = _to_onnx(model)
    difference = _largest_difference(content, model, mnist.test.images[:NUM_CHECKED])
    if not difference <= TOLERANCE:
        raise DigitsError(
            f"{run.folder}: expected ONNX to agree with torch within {TOLERANCE:g}, found a "
            f"difference of {difference:.2g}; nothing was written."
        )
    return Converted(_with_metadata(content, describe(run, temperature)), temperature, difference)


def calibrate(run: Run, mnist: DigitSet) -> float:
    """The temperature at which confidence is right on held-out images; 1 if there are none.

    Each is looked at as the reader looks at glyphs. Under the recipe's augmentation, harder than
    most handwriting, another temperature would be right, and MNIST's own digits be underrated.
    """
    _, validation = mnist.split(run.recipe.validation_size)
    if validation is None:
        return 1.0
    logits = [
        predict(run.model, torch.from_numpy(look), precision="float32")
        for look in looks(validation.images.numpy())
    ]
    return fit_temperature(torch.stack(logits), validation.labels)


def describe(run: Run, temperature: float) -> dict[str, str]:
    """What the file says of itself."""
    summary = run.summary
    return {
        "recipe": run.recipe.to_toml(),
        "temperature": f"{temperature:.4f}",
        "test_accuracy": f"{summary['test']['accuracy']:.4f}",
        "training_images": str(summary["training_images"]),
        "parameters": str(summary["parameters"]),
        "commit": str(summary["commit"]),
        "versions": json.dumps(summary["versions"]),
    }


def _to_onnx(model: nn.Module) -> bytes:
    example = torch.zeros(2, 1, 28, 28)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                model,
                (example,),
                input_names=["images"],
                output_names=["probabilities"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
            assert program is not None
            document = program.model_proto
    except Exception as error:  # a network of one's own may do what ONNX has no word for
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DigitsError(f"The network can't be written in ONNX: {reason}") from error
    finally:
        logger.setLevel(level)
    return bytes(document.SerializeToString())


def _largest_difference(
    content: bytes, model: nn.Module, images: UInt8[Tensor, "n 28 28"]
) -> float:
    found = Network(content).probabilities(images.numpy())
    with torch.inference_mode():
        expected = model(images[:, None].float()).numpy()
    return float(np.abs(found - expected).max())


def _with_metadata(content: bytes, facts: dict[str, str]) -> bytes:
    """Say what the file is, and nothing of the machine that it was made on.

    The exporter notes for each node in which files of the machine its code is.
    """
    import onnx

    document = onnx.load_from_string(content)
    graph = document.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    onnx.helper.set_model_props(document, facts)
    document.producer_name, document.producer_version = "digits", describe_versions()["digits"]
    return bytes(document.SerializeToString())
