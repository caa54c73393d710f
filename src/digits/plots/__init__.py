"""Figures with matplotlib: each function draws computed records and returns a `Figure`.

No function touches pyplot, its backend or the user's settings. Colours come from Okabe and Ito's
colour-blind safe palette, in a light and a dark scheme, or from a colour map of monotonic
lightness, which can also be told apart in print. As strong as a colour is, so far is its value from
0.
"""

from digits.plots.canvas import NARROW_INCHES, percent, to_png
from digits.plots.charts import (
    confusion_matrix,
    importances,
    learning_curves,
    reliability_diagram,
    risk_coverage_curve,
)
from digits.plots.colours import dark, style_sheet
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
from digits.plots.svg import to_svg

__all__ = [
    "NARROW_INCHES",
    "augmented_digit",
    "confusion_matrix",
    "convolution",
    "dark",
    "digit_map",
    "feature_maps",
    "filters",
    "gallery",
    "importances",
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
    "style_sheet",
    "to_png",
    "to_svg",
]
