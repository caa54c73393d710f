"""Diagrams of the tutorials: a network's layers, the places of a kernel, a computation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from digits.plots.canvas import BLUE, GREY, INK, ORANGE, SOFT, expect_some, new_figure, styled

MAX_SHEETS = 6
"""Most maps of a layer that are drawn behind each other; more would be a blur."""
FAINT = "#eaf2f8"
"""Filling of maps and boxes: dark outlines and text stay in front of it."""


@styled
def network(
    layers: Mapping[str, tuple[int, ...]], parameters: Mapping[str, int] | None = None
) -> Figure:
    """Draw a network as the shapes of what its layers give, from left to right.

    Maps are sheets as high as the maps are, several behind each other; flat numbers are a bar, the
    higher the more there are.

    Args:
        layers: Shape of what comes out of each layer, (channels, h, w) or (numbers,), by its name;
            the first is the input.
        parameters: Number of parameters by the layer's name, where there is something to tell.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no layer.
    """
    expect_some(len(layers))
    parameters = parameters or {}
    figure = new_figure(2.3)
    axes = _blank(figure)
    largest = max(shape[-1] for shape in layers.values() if len(shape) == 3)
    most = max((shape[0] for shape in layers.values() if len(shape) == 1), default=1)
    left, edges = 0.0, []
    for name, shape in layers.items():
        if len(shape) == 3:
            height = 0.35 + 0.65 * shape[-1] / largest
            right = _draw_sheets(axes, left, height, min(shape[0], MAX_SHEETS))
        else:
            height = 0.35 + 0.65 * np.log(shape[0]) / np.log(max(most, 2))
            right = left + 0.09
            axes.add_patch(
                Rectangle((left, -height / 2), 0.09, height, facecolor=ORANGE, alpha=0.75)
            )
        middle = (left + right) / 2
        axes.text(middle, 0.7, name, ha="center", fontsize=8.5)
        axes.text(
            middle, -0.66, _said(shape), ha="center", va="top", fontsize=8, color=BLUE,
            fontweight="bold",
        )  # fmt: skip
        if name in parameters:
            axes.text(
                middle, -0.84, f"{parameters[name]:,}", ha="center", va="top", fontsize=7.5,
                color=SOFT,
            )  # fmt: skip
        edges.append((left, right))
        left = right + (0.42 if len(shape) == 3 else 0.52)
    for (_, end), (start, _) in pairwise(edges):
        axes.annotate(
            "", (start - 0.05, 0), (end + 0.05, 0), arrowprops={"arrowstyle": "->", "color": GREY}
        )
    axes.set_xlim(-0.25, edges[-1][1] + 0.25)
    axes.set_ylim(-1.02, 0.85)
    return figure


@styled
def kernel_places(size: int, kernel: int, *, padding: int = 0, stride: int = 1) -> Figure:
    """Draw where a kernel lies on a square image for its first, second and last value.

    Args:
        size: Width of the image, in pixels.
        kernel: Width of the kernel, in pixels.
        padding: Width of the border of zeros around the image, in pixels.
        stride: Pixels from one place of the kernel to the next.

    Returns:
        The figure.

    Raises:
        InvalidInput: If the kernel is wider than the padded image.
    """
    padded = size + 2 * padding
    width = (padded - kernel) // stride + 1
    expect_some(max(width, 0))
    figure = new_figure(2.2)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    for row, column in np.ndindex(padded, padded):
        inside = padding <= row < padding + size and padding <= column < padding + size
        left.add_patch(_cell(row, column, FAINT if inside else "white", padding=not inside))
        if not inside:
            left.text(column, row, "0", ha="center", va="center", fontsize=7, color=SOFT)
    for row, column in np.ndindex(width, width):
        right.add_patch(_cell(row, column, FAINT))
    last = width - 1
    shown = {(0, 0): (ORANGE, "-"), (0, min(1, last)): (BLUE, "--"), (last, last): (INK, ":")}
    for (row, column), (colour, line) in shown.items():
        left.add_patch(_outline(stride * row, stride * column, kernel, colour, line))
        right.add_patch(_outline(row, column, 1, colour, line))
    left.set_title(f"image {size}×{size}, padding {padding}, kernel {kernel}×{kernel}")
    right.set_title(f"stride {stride}: output {width}×{width}")
    for axes in (left, right):
        axes.set_xlim(-0.8, padded - 0.2)
        axes.set_ylim(padded - 0.2, -0.8)
        axes.set_aspect("equal")
        axes.set_axis_off()
    return figure


@dataclass(frozen=True)
class Link:
    """A step of a computation, from one number to the next."""

    start: str
    """Name of the number that goes in."""
    end: str
    """Name of the number that comes out."""
    operation: str
    """What is done: "×", "ReLU"."""
    weight: str = ""
    """Name of the number that it is done with, if there is one."""


@styled
def computation(
    places: Mapping[str, tuple[float, float]],
    links: Sequence[Link],
    values: Mapping[str, float],
    derivatives: Mapping[str, float] | None = None,
) -> Figure:
    """Draw a computation as a graph: values on their way forward, derivatives on their way back.

    Args:
        places: Column and row of each number, by its name.
        links: The steps between them.
        values: Each number, those of the places and the weights of the links, by its name.
        derivatives: Derivative of the result by each number, by its name; none are drawn if None.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no number.
    """
    expect_some(len(places))
    figure = new_figure(2.6)
    axes = _blank(figure)
    columns = max(column for column, _ in places.values())
    rows = max(row for _, row in places.values())
    derivatives = derivatives or {}
    for link in links:
        (x0, y0), (x1, y1) = places[link.start], places[link.end]
        axes.plot([x0, x1], [y0, y1], color=GREY, linewidth=1.4, zorder=1)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        if not link.weight:
            _note(axes, x, y, link.operation, SOFT, boxed=True)
            continue
        forward = f"{link.operation} {link.weight} = {_number(values[link.weight])}"
        _note(axes, x, y - 0.12, forward, BLUE, boxed=True)
        if link.weight in derivatives:
            _note(axes, x, y + 0.12, f"∂ {_number(derivatives[link.weight])}", ORANGE, boxed=True)
    for name, (x, y) in places.items():
        axes.add_patch(
            FancyBboxPatch(
                (x - 0.24, y - 0.34), 0.48, 0.68, boxstyle="round,pad=0.02,rounding_size=0.06",
                facecolor=FAINT, edgecolor=GREY, zorder=2,
            )
        )  # fmt: skip
        axes.text(x, y - 0.2, name, ha="center", va="center", fontsize=9, fontweight="bold")
        _note(axes, x, y + 0.02, _number(values[name]), BLUE)
        if name in derivatives:
            _note(axes, x, y + 0.22, f"∂ {_number(derivatives[name])}", ORANGE)
    axes.set_xlim(-0.35, columns + 0.35)
    axes.set_ylim(rows + 0.5, -0.5)
    return figure


def _note(axes: Axes, x: float, y: float, text: str, colour: str, *, boxed: bool = False) -> None:
    """Write a number of a graph, legible where lines cross it."""
    axes.text(
        x, y, text, ha="center", va="center", fontsize=8.5, color=colour, zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6} if boxed else None,
    )  # fmt: skip


def _number(value: float) -> str:
    """Format a number of a graph, with the typographic minus."""
    return f"{value:.3g}".replace("-", "−")


def _said(shape: tuple[int, ...]) -> str:
    """Format a shape: 32×26×26."""
    return "×".join(map(str, shape))


def _blank(figure: Figure) -> Axes:
    """Axes without ticks and outlines."""
    axes = figure.subplots()
    axes.set_axis_off()
    return axes


def _draw_sheets(axes: Axes, left: float, height: float, count: int) -> float:
    """Draw maps behind each other; gives where they end."""
    width, offset = 0.42 * height, 0.05
    for sheet in reversed(range(count)):
        corner = (left + sheet * offset, -height / 2 + 0.3 * sheet * offset)
        axes.add_patch(
            Rectangle(corner, width, height, facecolor=FAINT, edgecolor=BLUE, linewidth=0.9)
        )
    return left + width + (count - 1) * offset


def _outline(row: int, column: int, size: int, colour: str, line: str) -> Rectangle:
    """Outline a square of `size` pixels whose top left pixel is (row, column)."""
    return Rectangle(
        (column - 0.5, row - 0.5), size, size, fill=False, edgecolor=colour, linestyle=line,
        linewidth=2.2, zorder=3,
    )  # fmt: skip


def _cell(row: int, column: int, colour: str, *, padding: bool = False) -> Rectangle:
    """Draw a pixel of a grid; one of the padding has a dotted outline."""
    return Rectangle(
        (column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor=GREY if padding else "#8a94a0",
        linestyle=":" if padding else "-", linewidth=0.8,
    )  # fmt: skip
