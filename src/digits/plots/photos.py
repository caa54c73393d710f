"""Figures of the way from a photo to a number: pictures, words, columns of the line network."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Num, UInt8
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from digits.errors import InvalidInput
from digits.plots.canvas import WIDTH_INCHES, expect_some, new_figure, show_strength, styled
from digits.plots.colours import BLUE, GREY, INK, ORANGE, PALE, PAPER, SOFT

COUNTED = 0.3
"""Probability that a symbol reaches in some column, at least, for its curve to be drawn."""

TITLE_INCHES = 0.25
"""Height of a line of a picture's title."""

GAP_INCHES = 0.12
"""Gap between pictures."""

LINE_INCHES = 2.0
"""Height of the image of a line, at most."""


@styled
def pictures(
    images: Sequence[Num[np.ndarray, "_ _"]],
    titles: Sequence[str],
    *,
    right: Sequence[bool] | None = None,
    num_columns: int = 4,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw pictures of any sizes side by side, as they are: 0 is black, and 255 white.

    Args:
        images: Grey levels, 0 to 255; at least one picture. (h, w) each
        titles: One title per picture.
        right: Whether what a title says is right: a tick in blue, or a cross in orange. Neither if
            not given.
        num_columns: Number of pictures in a row.
        width_inches: Width of the figure, in inches.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no picture, or the lengths differ.
    """
    expect_some(len(images))
    if len(titles) != len(images) or len(right or images) != len(images):
        raise InvalidInput(
            f"Expected a title for each of {len(images)} pictures, found {len(titles)} titles"
            + (f" and {len(right)} marks." if right is not None else ".")
        )
    num_rows = -(-len(images) // num_columns)
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    num_lines = max(title.count("\n") + 1 for title in titles)
    width = width_inches / num_columns - GAP_INCHES
    height = width * tallest + TITLE_INCHES * num_lines + GAP_INCHES
    figure = new_figure(num_rows * height, width_inches)
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(num_rows, num_columns, number + 1)
        # Photos are shrunk; what a network gets is enlarged, pixel by pixel.
        is_photo = image.shape[1] > 100
        axes.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="antialiased" if is_photo else "nearest",
        )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color=PALE)
        colour = INK
        if right is not None:
            colour = BLUE if right[number] else ORANGE
            title = f"{title} {'✓' if right[number] else '✗'}"
        axes.set_title(title, fontsize=9, pad=3, color=colour)
    return figure


@styled
def words(
    image: Num[np.ndarray, "h w"],
    lines: Sequence[Sequence[Float[np.ndarray, "4 2"]]],
    *,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw the words of a picture, each with the number of its line and its place there.

    Args:
        image: Grey levels, 0 to 255. (h, w)
        lines: The corners of each word of each line, x and y in pixels, as `Word.corners` has them.
        width_inches: Width of the figure, in inches.

    Returns:
        The figure.
    """
    figure = new_figure(width_inches * image.shape[0] / image.shape[1], width_inches)
    axes = figure.subplots()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_axis_off()
    for number, line in enumerate(lines, start=1):
        for place, corners in enumerate(line, start=1):
            # Upper left, lower left, upper right, lower right; a polygon goes around.
            outline = corners[[0, 1, 3, 2]]
            axes.add_patch(Polygon(outline, fill=False, edgecolor=BLUE, lw=1.6))
            axes.annotate(
                f"{number}.{place}", corners[0], (0, 2), textcoords="offset points",
                va="bottom", color=PAPER, fontsize=9, fontweight="bold",
                bbox={"boxstyle": "round,pad=0.15", "facecolor": BLUE, "edgecolor": "none"},
            )  # fmt: skip
    return figure


@styled
def columns(
    image: UInt8[np.ndarray, "h w"],
    probabilities: Float[np.ndarray, "k t"],
    symbols: str,
    *,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw the image of a line above the probabilities that the line network gives its columns.

    Args:
        image: The line, white on black. (h, w)
        probabilities: Probability of a blank, and of each symbol, in each column; the columns are
            evenly spaced over the image. (1 + symbols, t)
        symbols: The symbols.
        width_inches: Width of the figure, in inches.

    Returns:
        The figure.

    Raises:
        InvalidInput: If the rows are not a blank and these symbols.
    """
    if len(probabilities) != len(symbols) + 1:
        raise InvalidInput(
            f"Expected a row for a blank and {len(symbols)} symbols, "
            f"found {len(probabilities)} rows."
        )
    width = image.shape[1]
    above = min(LINE_INCHES, width_inches * image.shape[0] / width)
    share = above * width / image.shape[0] / width_inches
    figure = new_figure(above + 2.2, width_inches)
    grid = figure.add_gridspec(
        2, 2, height_ratios=[above, 1.7], width_ratios=[share, max(1 - share, 1e-3)]
    )
    axes = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=axes)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, width, image.shape[0], 0))
    axes.set_axis_off()
    step = width / probabilities.shape[1]
    x = step * (np.arange(probabilities.shape[1]) + 0.5)
    below.plot(x, probabilities[0], color=GREY)
    below.set_title("grey: blank, blue: symbols", fontsize=8, color=SOFT, loc="left")
    for symbol, row in zip(symbols, probabilities[1:], strict=True):
        if row.max() < COUNTED:
            continue
        below.plot(x, row, color=BLUE)
        # Between two columns that fall below it, the symbol has one peak.
        ends = np.flatnonzero(np.diff(row >= COUNTED, prepend=False, append=False))
        for first, end in ends.reshape(-1, 2):
            peak = first + int(row[first:end].argmax())
            is_likeliest = row[peak] == probabilities[:, peak].max()
            below.annotate(
                symbol, (x[peak], row[peak]), (0, 3) if is_likeliest else (7, 0),
                textcoords="offset points", ha="center", color=BLUE,
                fontsize=12 if is_likeliest else 9, fontweight="bold",
            )  # fmt: skip
    below.set_ylim(0, 1.25)
    below.set_yticks([0, 0.5, 1])
    below.set_ylabel("probability")
    below.set_xlabel("pixels along the line")
    below.grid(axis="y")
    return figure


@styled
def counts(table: Mapping[str, Mapping[str, int]], total: int) -> Figure:
    """Draw how many pictures of each kind are read right at each step, the more the stronger.

    Args:
        table: Number of pictures that are read right, by kind, by step; each step has all kinds.
        total: Number of pictures of a kind.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no step.
    """
    expect_some(len(table))
    kinds = list(next(iter(table.values())))
    values = np.array([[row[kind] for kind in kinds] for row in table.values()])
    figure = new_figure(0.7 + 0.36 * len(table))
    axes = figure.subplots()
    show_strength(axes, values, BLUE, most=total)
    axes.set_aspect("auto")
    for (row, column), value in np.ndenumerate(values):
        colour = PAPER if value > 0.6 * total else INK
        axes.text(column, row, str(value), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_yticks(range(len(table)), list(table))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlabel(f"pictures read right, of {total} of each kind")
    return figure
