"""Networks made small for the way over a line: weights of eight bits, gzipped."""

import gzip

import numpy as np

from digits.reading.network import VIEWS
from digits.reading.onnx_graph import (
    FLOAT,
    FLOAT16,
    INT8,
    Weights,
    node,
    replace_weights,
    seal,
    tensor,
)

ROUNDED = 1_000
"""Fewest values of a tensor that are rounded: smaller ones would save nothing."""


def compress(model: bytes) -> bytes:
    """Round the weights of a network in ONNX to eight bits, and compress the file.

    Each output channel has a scale of its own; whoever runs the network computes with the rounded
    weights in floating point. The constants that make the views are rounded to sixteen bits.

    Returns:
        The network in ONNX, sealed anew and gzipped, the same bytes each time.
    """
    return gzip.compress(seal(replace_weights(model, _round)), mtime=0)


def _round(weights: Weights) -> list[bytes] | None:
    name, values = weights
    if values.size < ROUNDED:
        return None
    if name.startswith(VIEWS):
        half = f"{name}.half"
        return [
            tensor(half, values.astype(np.float16), FLOAT16),
            node("Cast", [half], name, to=FLOAT),
        ]
    largest = np.abs(values).max(axis=tuple(range(1, values.ndim)))
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    rounded = np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
    return [
        tensor(f"{name}.int8", rounded, INT8),
        tensor(f"{name}.scale", scale, FLOAT),
        node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], name, axis=0),
    ]
