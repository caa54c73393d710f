"""Inference of the line network with ONNX: images of lines to columns of symbols."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from digits.errors import InvalidInput
from digits.reading.network import OnnxNetwork
from digits.reading.symbols import COLUMN_STEP, LINE_HEIGHT, NUM_CLASSES

MAX_PIXELS = 2_000_000
"""Limit on memory: pixels of the images in a batch."""

WIDER = 1.5
"""Most by which the widest image of a batch is wider than the narrowest: the rest is padding."""


class Columns(NamedTuple):
    """Output of the line network for an image, a column every two pixels."""

    log_probabilities: Float32[np.ndarray, "k t"]
    """Logarithm of the probability of each class."""
    edges: Float32[np.ndarray, "4 t"]
    """Distances of the edges of the symbol that stands there, as `reading.symbols` says."""


class LineNetwork(OnnxNetwork):
    """A network that reads lines, made by `digits export`.

    Args:
        model: The file, or its content; the network that comes with the package if not given.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the file is no such network.
        DigitsError: If the file can't be read.
    """

    def __init__(
        self, model: str | Path | bytes | None = None, *, num_threads: int | None = None
    ) -> None:
        super().__init__(model, packaged="lines.onnx", num_threads=num_threads)
        outputs = {output.name: output.shape[1] for output in self._session.get_outputs()}
        if outputs != {"log_probabilities": NUM_CLASSES, "boxes": 4}:
            raise InvalidInput(
                f"{self._name}: expected a network that reads lines, made by digits export, "
                f"found outputs {outputs}."
            )

    def columns(self, images: Sequence[UInt8[np.ndarray, "40 _"]]) -> list[Columns]:
        """Compute the columns of images; those of about the same width go together."""
        order = sorted(range(len(images)), key=lambda index: images[index].shape[1])
        found: dict[int, Columns] = {}
        batch: list[int] = []
        for index in order:
            width = images[index].shape[1]
            is_full = LINE_HEIGHT * width * (len(batch) + 1) > MAX_PIXELS
            if batch and (is_full or width > WIDER * images[batch[0]].shape[1]):
                found.update(self._run(images, batch))
                batch = []
            batch.append(index)
        if batch:
            found.update(self._run(images, batch))
        return [found[index] for index in range(len(images))]

    def _run(
        self, images: Sequence[UInt8[np.ndarray, "40 _"]], batch: list[int]
    ) -> dict[int, Columns]:
        """Compute a batch of images, with paper behind the narrower ones."""
        width = max(images[index].shape[1] for index in batch)
        pixels = np.zeros((len(batch), 1, LINE_HEIGHT, width), np.float32)
        for place, index in zip(pixels, batch, strict=True):
            place[0, :, : images[index].shape[1]] = images[index]
        logs, edges = self._session.run(["log_probabilities", "boxes"], {"images": pixels})
        ends = [images[index].shape[1] // COLUMN_STEP for index in batch]
        return {
            index: Columns(log[:, :end], edge[:, :end])
            for index, log, edge, end in zip(batch, logs, edges, ends, strict=True)
        }
