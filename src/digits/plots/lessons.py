"""Figures of the tutorials: convolution, receptive fields, softmax, hyperparameters, seeds."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float, Int, Num
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import ConnectionPatch, Patch, Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter
from torch import Tensor

from digits.evaluation.intervals import estimate_mean
from digits.plots.canvas import (
    SMALL,
    draw_signed_scale,
    expect_some,
    format_signed,
    new_figure,
    show_digits,
    show_signed,
    styled,
)
from digits.plots.colours import (
    BLUE,
    EDGE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PAPER,
    PURPLE,
    SOFT,
)

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, EDGE)
STRONG = 0.6
"""Share of a scale's limit, 0 to 1, above which text has more contrast in the paper's colour."""


@styled
def pixel_values(image: Num[Tensor, "h w"]) -> Figure:
    """Draw an image with the value of each pixel.

    Args:
        image: Raw pixels, 0 to 255. (h, w)

    Returns:
        The figure.
    """
    figure = new_figure(6.6)
    axes = figure.subplots()
    show_digits(axes, image.numpy())
    for (row, column), value in np.ndenumerate(image.numpy()):
        colour = PAPER if value > 130 else INK if value else GREY
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
    """Draw how one value of a convolution's output is computed.

    Args:
        image: The input, 0 (paper) to 1 (ink). (h, w)
        kernel: Weights of the kernel. (k, k)
        output: The convolution's output, without padding. (h - k + 1, w - k + 1)
        row: Row of the value in the output.
        column: Column of the value in the output.

    Returns:
        The figure.
    """
    size = len(kernel)
    figure = new_figure(3.35)
    grid = figure.add_gridspec(2, 3, width_ratios=[1, 0.78, 1], height_ratios=[2.4, 0.13])
    left, middle, right = (figure.add_subplot(grid[0, place]) for place in range(3))
    show_digits(left, 255 * image.numpy())
    left.add_patch(_outline(column, row, size))
    left.set_title(f"image, {image.shape[0]}×{image.shape[1]}")
    patch = image[row : row + size, column : column + size]
    middle.imshow(np.full((size, size), np.nan))
    for (i, j), value in np.ndenumerate(patch.numpy()):
        text = f"{value:.2f}\n× {format_signed(float(kernel[i, j]), 2)}"
        middle.text(j, i, text, ha="center", va="center", fontsize=SMALL)
        middle.add_patch(_outline(j, i, 1, colour=GREY, width=0.8))
    middle.add_patch(_outline(0, 0, size))
    middle.set_xlim(-0.6, size - 0.4)
    middle.set_ylim(size - 0.4, -0.6)
    middle.set_axis_off()
    middle.set_title("pixels × weights, added up")
    limit = float(output.abs().max()) or 1.0
    _draw_map(right, output.numpy(), limit)
    draw_signed_scale(figure, grid[1, 2], limit, "value of the output")
    right.add_patch(_outline(column, row, 1))
    total = format_signed(float(output[row, column]), 3)
    right.set_title(f"output, {output.shape[0]}×{output.shape[1]}; here {total}")
    entry, exit = (-0.5, size / 2 - 0.5), (size - 0.5, size / 2 - 0.5)
    _arrow(left, (column + size - 0.5, row + size / 2 - 0.5), middle, entry)
    _arrow(middle, exit, right, (column - 0.5, row))
    return figure


@styled
def layer_steps(
    kernels: Mapping[str, Float[Tensor, "k k"]], steps: Mapping[str, Float[Tensor, "n _ _"]]
) -> Figure:
    """Draw the output of several kernels after each step of a layer, one kernel per row.

    Args:
        kernels: Weights of the kernels by name, all drawn on one scale. (k, k)
        steps: Maps after each step by its name, one map per kernel, all drawn on one scale;
            orange is above 0, blue below. (n, h, w)

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no kernel.
    """
    expect_some(len(kernels))
    num_rows = len(kernels)
    figure = new_figure(1.75 * num_rows + 0.55)
    grid = figure.add_gridspec(
        num_rows + 1, 1 + len(steps),
        width_ratios=[0.8] + [1] * len(steps), height_ratios=[1.5] * num_rows + [0.13],
    )  # fmt: skip
    most = max(float(kernel.abs().max()) for kernel in kernels.values()) or 1.0
    limit = max((float(maps.abs().max()) for maps in steps.values()), default=1.0) or 1.0
    for i, (name, kernel) in enumerate(kernels.items()):
        axes = figure.add_subplot(grid[i, 0])
        _draw_map(axes, kernel.numpy(), most)
        _write_weights(axes, kernel.numpy(), limit=most)
        axes.set_ylabel(name)
        if i == 0:
            axes.set_title("kernel")
        for j, (step, maps) in enumerate(steps.items(), start=1):
            axes = figure.add_subplot(grid[i, j])
            _draw_map(axes, maps[i].numpy(), limit)
            if i == 0:
                axes.set_title(f"{step}\n{maps.shape[1]}×{maps.shape[2]}")
    draw_signed_scale(figure, grid[-1, 0], most, "weight")
    draw_signed_scale(figure, grid[-1, 1:], limit, "value in a map, the same scale for all")
    return figure


@styled
def channels(
    images: Num[Tensor, "n h w"],
    kernel: Float[Tensor, "n k k"],
    products: Float[Tensor, "n rows columns"],
    output: Float[Tensor, "rows columns"],
    *,
    names: Sequence[str],
) -> Figure:
    """Draw a convolution over several channels: each with its slice of the kernel, and their sum.

    Args:
        images: The channels, at least one. (n, h, w)
        kernel: Weights of the one kernel, a slice for each channel. (n, k, k)
        products: What each slice makes of its channel. (n, rows, columns)
        output: Their sum, and the bias. (rows, columns)
        names: A name for each channel.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no channel.
    """
    expect_some(len(images))
    figure = new_figure(1.55 * len(images))
    grid = figure.add_gridspec(len(images), 4, width_ratios=[1, 0.85, 1, 1.35])
    for i, name in enumerate(names):
        channel, weights, product = (figure.add_subplot(grid[i, column]) for column in range(3))
        _draw_map(channel, images[i].numpy(), float(images[i].abs().max()) or 1.0)
        channel.set_ylabel(name)
        _draw_map(weights, kernel[i].numpy(), float(kernel.abs().max()))
        _write_weights(weights, kernel[i].numpy(), limit=float(kernel.abs().max()))
        _draw_map(product, products[i].numpy(), float(products.abs().max()))
        product.set_ylabel("+" if i else "", rotation=0, fontsize=14, labelpad=10, va="center")
        if i == 0:
            channel.set_title("channel")
            weights.set_title("slice of the kernel")
            product.set_title("convolution")
    axes = figure.add_subplot(grid[:, 3])
    _draw_map(axes, output.numpy(), float(output.abs().max()) or 1.0)
    axes.set_title(f"their sum + bias:\none map, {output.shape[0]}×{output.shape[1]}")
    axes.set_ylabel("=", rotation=0, fontsize=14, labelpad=10, va="center")
    return figure


@styled
def receptive_fields(image: Num[Tensor, "h w"], sizes: Mapping[str, int]) -> Figure:
    """Draw the receptive field of one value behind each layer.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
        sizes: Widths of the receptive fields by layer, in pixels.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no layer.
    """
    expect_some(len(sizes))
    figure = new_figure(0.6 + min(4.5, 6.6 / len(sizes)))
    for axes, (layer, size) in zip(
        np.atleast_1d(figure.subplots(1, len(sizes))), sizes.items(), strict=True
    ):
        show_digits(axes, image.numpy())
        corner = (image.shape[0] - size) // 2
        axes.add_patch(_outline(corner, corner, size))
        axes.set_title(layer, fontsize=9)
        axes.set_xlabel(f"{size}×{size}", fontsize=9)
    return figure


@styled
def softmax(logits: Float[Tensor, " classes"], probabilities: Float[Tensor, " classes"]) -> Figure:
    """Draw logits beside their softmax.

    Args:
        logits: Logits of one image. (classes,)
        probabilities: Their softmax. (classes,)

    Returns:
        The figure.
    """
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
    """Draw line charts on shared axes.

    Args:
        series: Values along x and along y by the name of the line.
        x_label: Quantity along x, with its unit.
        y_label: Quantity along y, with its unit.
        log_x: Whether the x axis is logarithmic.
        as_percent: Whether y is a fraction to be shown in percent.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no line.
    """
    expect_some(len(series))
    figure = new_figure(2.8)
    axes = figure.subplots()
    for colour, (name, (x, y)) in zip(cycle(COLOURS), series.items(), strict=False):
        marker = "o" if len(x) <= 20 else None
        axes.plot(x, y, color=colour, marker=marker, markersize=4, label=name)
    if log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif all(float(value).is_integer() for x, _ in series.values() for value in x):
        # There is no step two and a half.
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
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
    """Draw the accuracy for several values of each hyperparameter, the best in orange.

    Args:
        grids: Accuracy (0 to 1) by value, by name of the hyperparameter.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no hyperparameter.
    """
    expect_some(len(grids))
    figure = new_figure(2.35 * -(-len(grids) // 2))
    panels = figure.subplots(-(-len(grids) // 2), 2, squeeze=False).ravel()
    for axes, (name, grid) in zip(panels, grids.items(), strict=False):
        values = list(grid.values())
        axes.plot(values, color=GREY, zorder=1)
        colours = [ORANGE if value == max(values) else BLUE for value in values]
        axes.scatter(range(len(values)), values, color=colours, zorder=2, s=28)
        for position, value in enumerate(values):
            axes.annotate(
                f"{100 * value:.1f}", (position, value), (0, 6), textcoords="offset points",
                ha="center", fontsize=SMALL,
            )  # fmt: skip
        axes.set_xticks(range(len(values)), list(grid))
        axes.set_xlim(-0.4, len(values) - 0.6)
        axes.set_xlabel(name.replace("_", " "))
        axes.margins(y=0.28)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 1])
        axes.grid(axis="y")
    for axes in panels[len(grids) :]:
        axes.set_axis_off()
    return figure


@styled
def digit_map(maps: Mapping[str, Float[Tensor, "n 2"]], labels: Int[Tensor, " n"]) -> Figure:
    """Draw two-dimensional embeddings of images, each point as its true digit.

    Args:
        maps: Coordinates of the points by name of the embedding. (n, 2)
        labels: True digits. (n,)

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no embedding or no image.
    """
    expect_some(min(len(maps), len(labels)))
    figure = new_figure(0.4 + 6.6 / len(maps))
    palette = colormaps["tab10"]
    for axes, (name, points) in zip(
        np.atleast_1d(figure.subplots(1, len(maps))), maps.items(), strict=True
    ):
        for digit in labels.unique().tolist():
            x, y = points[labels == digit].numpy().T
            with rc_context({"text.parse_math": True}):  # a letter as a marker is a formula
                marker = MarkerStyle(f"${digit}$")
            axes.scatter(x, y, s=14, marker=marker, color=palette(digit), linewidths=0)
        axes.set_title(name)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color=PALE)
        axes.set_box_aspect(1)
    return figure


@styled
def gallery(images: Num[Tensor, "n h w"], titles: Sequence[str], *, num_columns: int = 6) -> Figure:
    """Draw images side by side, each with a title.

    Args:
        images: Raw pixels, 0 (paper) to 255 (ink); at least one. (n, h, w)
        titles: One title per image.
        num_columns: Number of images in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
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
    """Draw the test accuracy of recipes over seeds: each run, and the interval of the mean.

    Args:
        accuracies: Accuracies (0 to 1) of at least two runs, by recipe.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no recipe, or one has fewer than two runs.
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


def _arrow(
    start: Axes, source: tuple[float, float], end: Axes, target: tuple[float, float]
) -> None:
    """Draw an arrow from a point in one image to a point in another."""
    start.figure.add_artist(
        ConnectionPatch(
            source, target, "data", "data", axesA=start, axesB=end, color=ORANGE, arrowstyle="-|>"
        )
    )


def _outline(
    column: float, row: float, size: float, *, colour: str = ORANGE, width: float = 1.8
) -> Rectangle:
    """Outline a square of `size` pixels whose top left pixel is (row, column)."""
    corner = (column - 0.5, row - 0.5)
    return Rectangle(corner, size, size, fill=False, edgecolor=colour, linewidth=width)


def _write_weights(axes: Axes, weights: np.ndarray, *, limit: float) -> None:
    """Write the weights of a kernel on its map, whose strongest colour stands for `limit`.

    Each has two decimals at most: three, as of -0.072, would touch the next one.
    """
    for (row, column), value in np.ndenumerate(weights):
        axes.text(
            column, row, format_signed(round(float(value), 2)),
            ha="center", va="center", fontsize=SMALL,
            color=PAPER if abs(value) > STRONG * limit else INK,
        )  # fmt: skip


def _draw_map(axes: Axes, values: np.ndarray, limit: float) -> None:
    """Draw a map of signed values in a frame."""
    show_signed(axes, values, limit=limit)
    axes.spines[:].set_color(GREY)
    axes.spines[:].set_visible(True)
