"""Labels of points, each beside its own, where it touches neither another nor what is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from digits.plots.colours import PAPER

GAPS_POINTS = (9, 16, 24)
"""Distances from a point at which its label is tried, the nearest first, in points."""
DIRECTIONS = (
    (1, 0), (1, 1), (1, -1), (1, 0.5), (1, -0.5), (0, 1), (0, -1),
    (-1, 0), (-1, 1), (-1, -1), (-1, 0.5), (-1, -0.5),
)  # fmt: skip
"""Where from a point its label is tried, in this order: right and up, in parts of the distance."""
MARGIN_PIXELS = 1.5
"""Room between a label and all else, 0 or more, in pixels of a figure of 100 dots per inch."""


@dataclass(frozen=True)
class Label:
    """A label of a point of the data."""

    text: str
    x: float
    y: float
    colour: str
    is_bold: bool = False


def place_labels(axes: Axes, labels: Sequence[Label], obstacles: Sequence[Bbox]) -> None:
    """Write labels into a chart, each at the first place beside its point that is free.

    Args:
        axes: The chart, whose limits and layout are final.
        labels: The labels; long ones, which fit few places, have the first choice.
        obstacles: What they may not touch, such as markers and error bars, in pixels.

    Raises:
        RuntimeError: If there is no free place for a label.
    """
    taken, inside = list(obstacles), axes.get_window_extent()
    for label in sorted(labels, key=lambda label: -len(label.text)):
        for gap, (right, up) in product(GAPS_POINTS, DIRECTIONS):
            written = _write(axes, label, gap, right, up)
            box = written.get_window_extent().padded(MARGIN_PIXELS)
            is_free = not any(box.overlaps(other) for other in taken)
            if is_free and inside.containsx(box.x0) and inside.containsx(box.x1) and (
                inside.containsy(box.y0) and inside.containsy(box.y1)
            ):  # fmt: skip
                taken.append(box)
                break
            written.remove()
        else:
            raise RuntimeError(f"Expected room for {label.text!r} beside its point, found none.")


def _write(axes: Axes, label: Label, gap: float, right: int, up: float) -> Annotation:
    # Upwards, letters need less room than sideways.
    return axes.annotate(
        label.text,
        (label.x, label.y),
        (gap * right, 0.7 * gap * up),
        textcoords="offset points",
        ha={1: "left", 0: "center", -1: "right"}[right],
        va="bottom" if up == 1 else "top" if up == -1 else "center_baseline",
        bbox={"fc": PAPER, "ec": "none", "pad": 1},  # no grid line crosses the letters
        color=label.colour,
        fontsize=9,
        fontweight="bold" if label.is_bold else "normal",
    )
