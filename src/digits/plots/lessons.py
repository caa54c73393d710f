"""Figures that explain: what a layer computes, how a loss behaves, how results compare."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float, Int, Num
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import ConnectionPatch, Patch, Rectangle
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from digits.evaluation.metrics import estimate_mean
from digits.plots.canvas import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SOFT,
    expect_some,
    new_figure,
    show_digits,
    styled,
)

COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#8a94a0")


@styled
def pixel_values(image: Num[Tensor, "h w"]) -> Figure:
    """An image as the numbers that it is.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
    """
    figure = new_figure(6.6)
    axes = figure.subplots()
    show_digits(axes, image.numpy())
    for (row, column), value in np.ndenumerate(image.numpy()):
        colour = "white" if value > 130 else INK if value else GREY
        text = str(int(value))
        axes.text(column, row, text, ha="center", va="center", fontsize=5.6, color=colour)
    axes.set_xticks(range(0, image.shape[1], 3))
    axes.set_yticks(range(0, image.shape[0], 3))
    axes.tick_params(length=0, labelsize=7, labelcolor=SOFT)
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    return figure


@styled
def convolution(
    image: Num[Tensor, "h w"],
    kernel: Float[Tensor, "k k"],
    output: Float[Tensor, "rows columns"],
    *,
    row: int,
    column: int,
) -> Figure:
    """How one number of a convolution's output comes about.

    Args:
        image: What the kernel slides over, 0 (paper) to 1 (ink). (h, w)
        kernel: Its weights. (k, k)
        output: What it gives, without padding. (h - k + 1, w - k + 1)
        row: Of the number to explain, in the output.
        column: The same.
    """
    size = len(kernel)
    figure = new_figure(2.75)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 0.78, 1])
    show_digits(left, 255 * image.numpy())
    left.add_patch(_frame(column, row, size))
    left.set_title(f"image, {image.shape[0]}×{image.shape[1]}")
    patch = image[row : row + size, column : column + size]
    middle.imshow(np.full((size, size), np.nan))
    for (i, j), value in np.ndenumerate(patch.numpy()):
        text = f"{value:.2f}\n× {_sign(float(kernel[i, j]), 2)}"
        middle.text(j, i, text, ha="center", va="center", fontsize=9)
        middle.add_patch(_frame(j, i, 1, colour=GREY, width=0.8))
    middle.add_patch(_frame(0, 0, size))
    middle.set_xlim(-0.6, size - 0.4)
    middle.set_ylim(size - 0.4, -0.6)
    middle.set_axis_off()
    middle.set_title("pixels × weights, added up")
    _signed(right, output.numpy())
    right.add_patch(_frame(column, row, 1))
    total = _sign(float(output[row, column]), 3)
    right.set_title(f"output, {output.shape[0]}×{output.shape[1]}; here {total}")
    entry, exit = (-0.5, size / 2 - 0.5), (size - 0.5, size / 2 - 0.5)
    _point(left, (column + size - 0.5, row + size / 2 - 0.5), middle, entry)
    _point(middle, exit, right, (column - 0.5, row))
    return figure


@styled
def layer_steps(
    kernels: Mapping[str, Float[Tensor, "k k"]], steps: Mapping[str, Float[Tensor, "n _ _"]]
) -> Figure:
    """What each of a few kernels makes of an image, step by step; a row a kernel.

    Args:
        kernels: Name to weights.
        steps: Name of the step to its maps, one for each kernel: red is above 0, blue below.
    """
    expect_some(len(kernels))
    figure = new_figure(1.75 * len(kernels))
    grid = figure.subplots(
        len(kernels), 1 + len(steps), squeeze=False, width_ratios=[0.8] + [1] * len(steps)
    )
    for i, (name, kernel) in enumerate(kernels.items()):
        axes = grid[i, 0]
        _signed(axes, kernel.numpy())
        for (row, column), value in np.ndenumerate(kernel.numpy()):
            dark = abs(value) > 0.5 * np.abs(kernel.numpy()).max()
            colour = "white" if dark else INK
            axes.text(
                column,
                row,
                _sign(float(value), 2),
                ha="center",
                va="center",
                fontsize=9,
                color=colour,
            )
        axes.set_ylabel(name)
        for axes, (step, maps) in zip(grid[i, 1:], steps.items(), strict=True):
            _signed(axes, maps[i].numpy())
            if i == 0:
                axes.set_title(f"{step}\n{maps.shape[1]}×{maps.shape[2]}")
    grid[0, 0].set_title("kernel")
    return figure


@styled
def receptive_fields(image: Num[Tensor, "h w"], sizes: Mapping[str, int]) -> Figure:
    """How much of an image one value behind each layer has seen.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
        sizes: Layer to the width of its receptive field, in pixels.
    """
    expect_some(len(sizes))
    figure = new_figure(1.0 + 0.75 * (6.8 / len(sizes)))
    for axes, (layer, size) in zip(
        np.atleast_1d(figure.subplots(1, len(sizes))), sizes.items(), strict=True
    ):
        show_digits(axes, image.numpy())
        corner = (image.shape[0] - size) // 2
        axes.add_patch(_frame(corner, corner, size))
        axes.set_title(layer, fontsize=9)
        axes.set_xlabel(f"{size}×{size}", fontsize=9)
    return figure


@styled
def softmax(logits: Float[Tensor, " classes"], probabilities: Float[Tensor, " classes"]) -> Figure:
    """Ten scores, and the probabilities that softmax makes of them."""
    figure = new_figure(2.4)
    left, right = figure.subplots(1, 2)
    digits = np.arange(len(logits))
    best = int(probabilities.argmax())
    colours = [BLUE if digit == best else GREY for digit in digits]
    for axes, values, title in ((left, logits, "logits"), (right, probabilities, "probabilities")):
        axes.bar(digits, values.numpy(), color=colours)
        axes.set_title(title)
        axes.set_xticks(digits)
        axes.set_xlabel("digit")
        axes.tick_params(axis="x", length=0)
    left.axhline(0, color=INK, linewidth=0.8)
    right.set_ylim(0, 1)
    right.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return figure


@styled
def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    as_percent: bool = False,
) -> Figure:
    """Curves of one quantity over another, named beside each other in a legend.

    Args:
        series: Name to the values along x and along y.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        log_x: Whether equal steps along x are equal factors.
        as_percent: Whether y is a fraction to be shown in percent.
    """
    expect_some(len(series))
    figure = new_figure(2.8)
    axes = figure.subplots()
    for colour, (name, (x, y)) in zip(cycle(COLOURS), series.items(), strict=False):
        marker = "o" if len(x) <= 20 else None
        axes.plot(x, y, color=colour, marker=marker, markersize=4, label=name)
    if log_x:
        axes.set_xscale("log")
    if as_percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(axis="y")
    if len(series) > 1:
        axes.legend()
    return figure


@styled
def settings(grids: Mapping[str, Mapping[str, float]]) -> Figure:
    """Accuracy for a few values of each setting, the best of each in orange.

    Args:
        grids: Name of the setting to its values, and the accuracy (0 to 1) with each.
    """
    expect_some(len(grids))
    figure = new_figure(2.35 * -(-len(grids) // 2))
    places = figure.subplots(-(-len(grids) // 2), 2, squeeze=False).ravel()
    for axes, (name, grid) in zip(places, grids.items(), strict=False):
        values = list(grid.values())
        axes.plot(values, color=GREY, zorder=1)
        colours = [ORANGE if value == max(values) else BLUE for value in values]
        axes.scatter(range(len(values)), values, color=colours, zorder=2, s=28)
        for place, value in enumerate(values):
            axes.annotate(
                f"{100 * value:.1f}", (place, value), (0, 6), textcoords="offset points",
                ha="center", fontsize=8,
            )  # fmt: skip
        axes.set_xticks(range(len(values)), list(grid))
        axes.set_xlim(-0.4, len(values) - 0.6)
        axes.set_xlabel(name.replace("_", " "))
        axes.margins(y=0.28)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1])
        axes.grid(axis="y")
    for axes in places[len(grids) :]:
        axes.set_axis_off()
    return figure


@styled
def digit_map(maps: Mapping[str, Float[Tensor, "n 2"]], labels: Int[Tensor, " n"]) -> Figure:
    """Images as points in a plane, each drawn as its true digit.

    Args:
        maps: Name of the map to the points' places.
        labels: True digits. (n,)
    """
    expect_some(min(len(maps), len(labels)))
    figure = new_figure(0.4 + 6.6 / len(maps))
    palette = colormaps["tab10"]
    for axes, (name, points) in zip(
        np.atleast_1d(figure.subplots(1, len(maps))), maps.items(), strict=True
    ):
        for digit in labels.unique().tolist():
            x, y = points[labels == digit].numpy().T
            axes.scatter(x, y, s=14, marker=f"${digit}$", color=palette(digit), linewidths=0)
        axes.set_title(name)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color=PALE)
        axes.set_box_aspect(1)
    return figure


@styled
def gallery(images: Num[Tensor, "n h w"], titles: Sequence[str], *, num_columns: int = 6) -> Figure:
    """Pictures side by side, each with a line above it.

    Args:
        images: Raw pixels, 0 (paper) to 255 (ink); at least one. (n, h, w)
        titles: One for each.
        num_columns: Pictures in a row.
    """
    expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = new_figure(num_rows * (0.3 + 6.6 / num_columns))
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        show_digits(axes, image.numpy())
        axes.spines[:].set(visible=True, color=PALE)
        axes.set_title(title, fontsize=9, pad=3)
    return figure


@styled
def seeds(accuracies: Mapping[str, Sequence[float]]) -> Figure:
    """Test accuracy of recipes over several seeds: each run, and the interval of their mean.

    Args:
        accuracies: Recipe to the accuracy of each of its runs, 0 to 1, at least two of them.
    """
    expect_some(len(accuracies))
    figure = new_figure(0.75 + 0.5 * len(accuracies))
    axes = figure.subplots()
    for row, values in enumerate(accuracies.values()):
        estimate = estimate_mean(values)
        axes.barh(row, np.ptp(estimate.interval), 0.34, estimate.interval[0], color=BLUE, alpha=0.3)
        axes.plot(values, [row] * len(values), "o", color=BLUE, markersize=5)
        axes.vlines(estimate.mean, row - 0.25, row + 0.25, color=ORANGE, linewidth=2)
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    axes.set_ylim(len(accuracies) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %", decimals=1))
    axes.grid(axis="x")
    axes.set_xlabel("test accuracy")
    figure.legend(
        handles=[
            Line2D([], [], color=BLUE, marker="o", linestyle="", label="a run"),
            Line2D([], [], color=ORANGE, linewidth=2, label="their mean"),
            Patch(color=BLUE, alpha=0.3, label="95 % interval of the mean"),
        ],
        loc="outside upper center",
        ncols=3,
    )
    return figure


def _point(start: Axes, place: tuple[float, float], end: Axes, target: tuple[float, float]) -> None:
    """Draw an arrow from a place in one picture to one in another."""
    start.figure.add_artist(
        ConnectionPatch(
            place, target, "data", "data", axesA=start, axesB=end, color=ORANGE, arrowstyle="-|>"
        )
    )


def _frame(
    column: float, row: float, size: float, *, colour: str = ORANGE, width: float = 1.8
) -> Rectangle:
    """A square around `size` pixels, from the one at (row, column)."""
    corner = (column - 0.5, row - 0.5)
    return Rectangle(corner, size, size, fill=False, edgecolor=colour, linewidth=width)


def _sign(value: float, digits: int) -> str:
    """A number with its sign, and a true minus."""
    return f"{value:+.{digits}g}".replace("-", "−") if value else "0"


def _signed(axes: Axes, values: np.ndarray) -> None:
    """Draw a map: red above 0, blue below, white at it."""
    limit = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap="RdBu_r", vmin=-1.25 * limit, vmax=1.25 * limit)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(GREY)
    axes.spines[:].set_visible(True)
