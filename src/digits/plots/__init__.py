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
    refusals,
    reliability_diagram,
    risk_coverage_curve,
)
from digits.plots.colours import dark, style_sheet
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
from digits.plots.photos import columns, counts, pictures, words
from digits.plots.readings import explanation
from digits.plots.sliders import Slider
from digits.plots.svg import to_svg

__all__ = [
    "NARROW_INCHES",
    "Link",
    "Slider",
    "augmented_digit",
    "channels",
    "columns",
    "computation",
    "confusion_matrix",
    "convolution",
    "counts",
    "dark",
    "digit_map",
    "explanation",
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
    "pictures",
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
    "style_sheet",
    "to_png",
    "to_svg",
    "words",
]
