"""Figures of what was computed elsewhere: each function takes records and gives a `Figure`.

Nothing here reads or writes a file, or touches pyplot, its backend or the user's settings. Colours
are of Okabe and Ito's palette, or maps whose lightness alone tells the order, so that they can be
told apart by everyone and in print.
"""

from digits.plots.canvas import percent, to_png
from digits.plots.charts import (
    confusion_matrix,
    learning_curves,
    reliability_diagram,
    risk_coverage_curve,
)
from digits.plots.lessons import (
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
from digits.plots.pictures import (
    augmented_digit,
    feature_maps,
    filters,
    mistakes,
    predictions,
    saliency_maps,
    samples,
)

__all__ = [
    "augmented_digit",
    "confusion_matrix",
    "convolution",
    "digit_map",
    "feature_maps",
    "filters",
    "gallery",
    "layer_steps",
    "learning_curves",
    "lines",
    "mistakes",
    "percent",
    "pixel_values",
    "predictions",
    "receptive_fields",
    "reliability_diagram",
    "risk_coverage_curve",
    "saliency_maps",
    "samples",
    "seeds",
    "settings",
    "softmax",
    "to_png",
]
