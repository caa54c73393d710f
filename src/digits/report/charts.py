"""Charts of a report that are SVG: accuracies on a line, and curves of several runs.

Places are percentages of the width and sizes are pixels, so that text is as large on a phone as on
a wide screen. Colours are the page's custom properties.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

ROW = 46
"""Height of a row of a strip in pixels: its label, and its dots below."""
LEFT, RIGHT = 4.0, 96.0
"""Left and right end of an axis, in percent of the width."""
CURVES, AXIS = 170, 26
"""Height of a chart of curves, and of the labels of an axis, in pixels."""
LABEL_GAP = 14.0
"""Least distance of two labels above each other, in pixels."""


@dataclass(frozen=True)
class Row:
    """Accuracies on a strip, below a label."""

    label: str
    dots: Sequence[tuple[float, str]]
    """Accuracies, 0 to 1, each with its name."""
    bar: tuple[float, float]
    """A bar behind them, from one accuracy to another."""
    mark: float | None = None
    """An accuracy that is marked on it."""
    kind: str = "known"
    """Class of what is drawn: known, or strong for what the strip is about."""


@dataclass(frozen=True)
class Curve:
    """A quantity of a run over its epochs."""

    letter: str
    """What the run is called on the page."""
    number: int
    """Its place among the runs, from 1: it decides on the colour."""
    points: Sequence[tuple[float, float]]
    """Epoch and value."""


def draw_strip(*, title: str, rows: Sequence[Row]) -> str:
    """Draw accuracies on a common line, a row for each label, as SVG.

    Args:
        title: What the strip shows.
        rows: The rows, from top to bottom.
    """
    values = [value for row in rows for value in (*row.bar, *(dot for dot, _ in row.dots))]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.0005
    low, high = max(0.0, low - margin), min(1.0, high + margin)

    def x(value: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * (value - low) / (high - low):.2f}%"

    bottom = ROW * len(rows)
    said = "; ".join(
        f"{row.label}: {', '.join(f'{100 * value:.2f} %' for value, _ in row.dots)}, "
        f"bar from {100 * row.bar[0]:.2f} to {100 * row.bar[1]:.2f} %"
        for row in rows
    )
    parts = [
        f'<svg class="chart" width="100%" height="{bottom + AXIS}" role="img" '
        f'aria-label="{escape(title)}">'
        f"<desc>{escape(said)}.</desc>",
    ]
    ticks = _ticks(low, high)
    for tick, label in zip(ticks, _labels(ticks, percent=True), strict=True):
        parts += [
            f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" '
            f'y1="{ROW * index + 20}" y2="{ROW * index + 42}"/>'
            for index in range(len(rows))
        ]
        if 9 < float(x(tick)[:-1]) < 91:  # else its label would be cut
            parts.append(f'<text class="tick" x="{x(tick)}" y="{bottom + 18}">{label}</text>')
    for index, row in enumerate(rows):
        top, middle = ROW * index, ROW * index + 31
        start, end = row.bar
        width = (RIGHT - LEFT) * (end - start) / (high - low)
        parts.append(f'<text x="{LEFT}%" y="{top + 15}">{escape(row.label)}</text>')
        parts.append(
            f'<rect class="bar {row.kind}" x="{x(start)}" y="{middle - 4}" width="{width:.2f}%" '
            'height="8"/>'
        )
        if row.mark is not None:
            parts.append(
                f'<line class="mark" x1="{x(row.mark)}" x2="{x(row.mark)}" '
                f'y1="{middle - 13}" y2="{middle + 9}"/>'
            )
        seen: list[float] = []
        for value, name in row.dots:
            # Equal accuracies are not to hide each other.
            height = middle + (0, 7, -7)[seen.count(value) % 3]
            seen.append(value)
            parts.append(
                f'<circle class="{row.kind}" cx="{x(value)}" cy="{height}" r="5">'
                f"<title>{escape(name)}: {100 * value:.2f} %</title></circle>"
            )
    return "".join([*parts, "</svg>"])


def draw_curves(*, title: str, curves: Sequence[Curve], percent: bool) -> str:
    """Draw a quantity of several runs over their epochs, as SVG.

    Args:
        title: What the quantity is.
        curves: At least one, each with at least one point.
        percent: Whether it is from 0 to 1, and shown in percent.
    """
    values = [value for curve in curves for _, value in curve.points]
    low, high = (min(values), max(values)) if percent else (0.0, max(values))
    margin = 0.06 * (high - low) or 0.001
    low, high = (low - margin if percent else 0.0), high + margin
    last = max(epoch for curve in curves for epoch, _ in curve.points)

    def x(epoch: float) -> float:
        return 100 * (epoch - 0.5) / last

    def y(value: float) -> float:
        return 100 * (high - value) / (high - low)

    parts = [
        f'<svg class="chart" width="100%" height="{CURVES + AXIS}" role="img" '
        f'aria-label="{escape(title)}">'
        f"<desc>{escape(_said(curves, percent))}</desc>",
    ]
    ticks = _ticks(low, high)
    for tick, text in zip(ticks, _labels(ticks, percent=percent), strict=True):
        height = y(tick) * CURVES / 100
        parts.append(f'<line class="grid" x1="0" x2="94%" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text class="side" x="0" y="{max(11, height - 3):.1f}">{text}</text>')
    parts.append(
        f'<svg x="12%" width="82%" height="{CURVES}" viewBox="0 0 100 100" '
        'preserveAspectRatio="none">'
    )
    for curve in curves:
        line = " ".join(f"{x(epoch):.2f},{y(value):.2f}" for epoch, value in curve.points)
        parts.append(f'<polyline class="run-{curve.number}" points="{line}"/>')
    parts.append("</svg>")
    ends = [curve.points[-1] for curve in curves]
    heights = _apart([y(value) * CURVES / 100 for _, value in ends])
    for curve, (epoch, value), height in zip(curves, ends, heights, strict=True):
        left, dot = 12 + 0.82 * x(epoch), y(value) * CURVES / 100
        parts.append(
            f'<circle class="run-{curve.number}" cx="{left:.2f}%" cy="{dot:.1f}" r="4"/>'
            f'<text class="letter" x="{left:.2f}%" dx="9" y="{height + 5:.1f}">'
            f"{escape(curve.letter)}</text>"
        )
    for epoch in _epochs(int(last)):
        parts.append(
            f'<text class="tick" x="{12 + 0.82 * x(epoch):.2f}%" y="{CURVES + 18}">{epoch}</text>'
        )
    return "".join([*parts, "</svg>"])


def _said(curves: Sequence[Curve], percent: bool) -> str:
    def shown(value: float) -> str:
        return f"{100 * value:.2f} %" if percent else f"{value:.3f}"

    return "; ".join(
        f"{curve.letter}: from {shown(curve.points[0][1])} to {shown(curve.points[-1][1])} "
        f"at epoch {curve.points[-1][0]:g}"
        for curve in curves
    )


def _ticks(low: float, high: float) -> list[float]:
    """Choose round values between two others: two to six of them."""
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _labels(ticks: Sequence[float], *, percent: bool) -> list[str]:
    """Write the ticks of an axis, all with as many decimals as the one that has most."""
    factor, unit = (100, " %") if percent else (1, "")
    plain = [f"{factor * tick:.6g}" for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in plain), default=0)
    return [f"{factor * tick:.{decimals}f}{unit}" for tick in ticks]


def _epochs(last: int) -> list[int]:
    """Choose epochs to label: all if they are few, else the first, the last and some between."""
    step = max(1, -(-last // 6))
    return sorted({1, *range(step, last + 1, step)} - ({1} if step > 3 else set()))


def _apart(heights: Sequence[float]) -> list[float]:
    """Move labels down until none touches the one above it, and back up out of the axis below."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LABEL_GAP)
    lowest = CURVES - LABEL_GAP / 2
    for label in reversed(order):
        moved[label] = min(moved[label], lowest)
        lowest = moved[label] - LABEL_GAP
    return moved
