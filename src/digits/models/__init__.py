"""Convolutional networks (CNNs), the layers they share, and a registry for a user's own.

A network takes raw pixels, 0 to 255, of shape (n, 1, size, size), in any dtype, and returns a logit
of each class for each image; but for `LineRecognizer`, which reads lines.
"""

from digits.models.glyphs import (
    SMALLEST,
    Accurate,
    Balanced,
    Classic,
    Compact,
    Deep,
    Fast,
    GlyphClassifier,
    GlyphNetwork,
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
    "SMALLEST",
    "Accurate",
    "Balanced",
    "Classic",
    "Compact",
    "Deep",
    "Fast",
    "GlyphClassifier",
    "GlyphNetwork",
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
