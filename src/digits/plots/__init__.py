"""Figures with matplotlib: each function draws computed records and returns a `Figure`.

No function touches pyplot, its backend or the user's settings. Colours come from Okabe and Ito's
colour-blind safe palette, or from colour maps of monotonic lightness, which can also be told apart
in print.
"""

from digits.plots.canvas import percent, to_png
from digits.plots.charts import (
    confusion_matrix,
    importances,
    learning_curves,
    refusals,
    reliability_diagram,
    risk_coverage_curve,
)
from digits.plots.diagrams import Link, computation, kernel_places, network
from digits.plots.images import (
    augmented_digit,
    feature_maps,
    filters,
    mistakes,
    predictions,
    saliency_maps,
    samples,
)
from digits.plots.lessons import (
    channels,
    convolution,
    digit_map,
    gallery,
    layer_steps,
    lines,
    pixel_values,
    receptive_fields,
    seeds,
    settings,
    softmax,
)
from digits.plots.sliders import Slider

__all__ = [
    "Link",
    "Slider",
    "augmented_digit",
    "channels",
    "computation",
    "confusion_matrix",
    "convolution",
    "digit_map",
    "feature_maps",
    "filters",
    "gallery",
    "importances",
    "kernel_places",
    "layer_steps",
    "learning_curves",
    "lines",
    "mistakes",
    "network",
    "percent",
    "pixel_values",
    "predictions",
    "receptive_fields",
    "refusals",
    "reliability_diagram",
    "risk_coverage_curve",
    "saliency_maps",
    "samples",
    "seeds",
    "settings",
    "softmax",
    "to_png",
]
