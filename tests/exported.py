"""Networks of random weights and batch statistics in ONNX, each exported once by a process."""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from digits.export import Calibrated, _to_onnx
from digits.models import NETWORKS, build_model, reads_lines

GLYPH_NETWORKS = sorted(name for name in NETWORKS if not reads_lines(name))
"""Names of the networks that read glyphs."""

TEMPERATURE = 0.7


class Exported(NamedTuple):
    """A network in torch, and in ONNX."""

    calibrated: Calibrated
    """The network with its views and its temperature."""
    content: bytes
    """The ONNX file's content."""

    @property
    def model(self) -> Any:
        """The network itself, which gives logits."""
        return self.calibrated.model


@cache
def exported(name: str) -> Exported:
    """Make a network, and export it.

    Exporting takes seconds: one process runs all files of tests that need it, the group `onnx` of
    `tests/conftest.py`.
    """
    torch.manual_seed(0)
    model = build_model(name, mean=0.13, std=0.31)
    layer: Any
    for layer in model.modules():
        if hasattr(layer, "running_mean"):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.3)
    calibrated = Calibrated(model.eval(), TEMPERATURE).eval()
    return Exported(calibrated, _to_onnx(calibrated))
