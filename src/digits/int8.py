"""Quantisation of a network in ONNX to integers of eight bits, with the runtime's own tools.

They are part of onnxruntime, and need the package onnx.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from digits.reading.network import MAX_BATCH

QUANTIZED = ("Conv", "Gemm")
"""Operations that are computed in integers. The product that makes the views stays as it is: what
it makes of pixels is 0 to 255 already, and is seen by every layer."""


def quantize_onnx(content: bytes, images: UInt8[np.ndarray, "n h w"]) -> bytes:
    """Quantise a network: int8 weights, each channel by a scale of its own, and uint8 maps.

    Args:
        content: A network in ONNX, of one input, `images`.
        images: Training images, which say how large the values of each layer become.

    Returns:
        The network in ONNX, in which pairs of operations mark what is rounded (QDQ).

    Source: Jacob et al. 2018, arXiv:1712.05877.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        given, prepared, written = (Path(folder, name) for name in ("given", "prepared", "int8"))
        given.write_bytes(content)
        # Shapes alone: the graph is optimised as it is exported, and has no operations of its own.
        quant_pre_process(given, prepared, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            written,
            _Batches(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*QUANTIZED],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return written.read_bytes()


class _Batches:
    """Batches of images, as the runtime's tools ask for them: one after the other, then None."""

    def __init__(self, images: UInt8[np.ndarray, "n h w"]) -> None:
        self._batches: Iterator[Any] = iter(
            np.split(images, range(MAX_BATCH, len(images), MAX_BATCH))
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the next batch."""
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch[:, None].astype(np.float32)}
