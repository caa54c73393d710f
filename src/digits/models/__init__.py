"""Convolutional networks (CNNs), the layers they share, and a registry for a user's own.

A network takes raw pixels, 0 to 255, of shape (n, 1, 28, 28), in any dtype, and returns ten logits
for each image; but for `LineRecognizer`, which reads lines.
"""

from digits.models.glyphs import (
    NUM_CLASSES,
    Accurate,
    Balanced,
    Classic,
    Compact,
    Deep,
    Fast,
    GlyphClassifier,
    Tiny,
)
from digits.models.layers import Normalize, Repeated, Residual, Separable, count_parameters
from digits.models.lines import LineRecognizer
from digits.models.registered import RegisteredNetwork
from digits.models.registry import (
    BUILT_IN,
    NETWORKS,
    build_model,
    reads_lines,
    register_network,
)

__all__ = [
    "BUILT_IN",
    "NETWORKS",
    "NUM_CLASSES",
    "Accurate",
    "Balanced",
    "Classic",
    "Compact",
    "Deep",
    "Fast",
    "GlyphClassifier",
    "LineRecognizer",
    "Normalize",
    "RegisteredNetwork",
    "Repeated",
    "Residual",
    "Separable",
    "Tiny",
    "build_model",
    "count_parameters",
    "reads_lines",
    "register_network",
]
