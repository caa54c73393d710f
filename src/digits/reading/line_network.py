"""Inference of the line network with ONNX: images of lines to columns of symbols."""

import os
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

from digits.reading.symbols import COLUMN_STEP, LINE_HEIGHT

MAX_PIXELS = 2_000_000
"""Most pixels in a batch."""


class Columns(NamedTuple):
    """Output of the line network for an image, a column every two pixels."""

    log_probabilities: Float32[np.ndarray, "k t"]
    """Logarithm of the probability of each class."""
    edges: Float32[np.ndarray, "4 t"]
    """Distances of the edges of the symbol that stands there: left, right, top, bottom."""


class LineNetwork:
    def __init__(self, content: bytes | None = None, *, num_threads: int | None = None) -> None:
        if content is None:
            content = (files("digits.reading") / "weights" / "lines.onnx").read_bytes()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = num_threads or 0
        self._session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])

    def columns(self, images: Sequence[UInt8[np.ndarray, "40 _"]]) -> list[Columns]:
        """Compute the columns of images; those of about the same width go together."""
        order = sorted(range(len(images)), key=lambda index: images[index].shape[1])
        found: dict[int, Columns] = {}
        batch: list[int] = []
        for index in [*order, -1]:
            width = images[index].shape[1] if index >= 0 else 0
            too_large = LINE_HEIGHT * width * (len(batch) + 1) > MAX_PIXELS
            much_wider = batch and width > 1.5 * images[batch[0]].shape[1] + 32
            if batch and (index < 0 or too_large or much_wider):
                found.update(zip(batch, self._run([images[i] for i in batch]), strict=True))
                batch = []
            batch.append(index)
        return [found[index] for index in range(len(images))]

    def _run(self, images: list[UInt8[np.ndarray, "40 _"]]) -> list[Columns]:
        width = max(image.shape[1] for image in images)
        pixels = np.zeros((len(images), 1, LINE_HEIGHT, width), np.float32)
        for place, image in zip(pixels, images, strict=True):
            place[0, :, : image.shape[1]] = image
        logs, edges = self._session.run(None, {"images": pixels})
        ends = [image.shape[1] // COLUMN_STEP for image in images]
        return [
            Columns(log[:, :end], edge[:, :end])
            for log, edge, end in zip(logs, edges, ends, strict=True)
        ]
