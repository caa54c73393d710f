"""Figures of what was computed elsewhere: each function takes records and gives a `Figure`.

Nothing here reads or writes a file, or touches pyplot, its backend or the user's settings. Colours
are of Okabe and Ito's palette, or maps whose lightness alone tells the order, so that they can be
told apart by everyone and in print.
"""

from digits.plots.canvas import percent, to_png
from digits.plots.charts import confusion_matrix, learning_curves, reliability_diagram
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
    "feature_maps",
    "filters",
    "learning_curves",
    "mistakes",
    "percent",
    "predictions",
    "reliability_diagram",
    "saliency_maps",
    "samples",
    "to_png",
]
