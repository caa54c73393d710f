"""Figures of what was computed elsewhere: each function takes records and gives a `Figure`.

Nothing here reads or writes a file, or touches pyplot, its backend or the user's settings. Colours
are of Okabe and Ito's palette, or maps whose lightness alone tells the order, so that they can be
told apart by everyone and in print.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

import numpy as np
from jaxtyping import Float, Int, Num
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray
from torch import Tensor

from digits.errors import InvalidInput
from digits.inspection import FeatureMaps
from digits.metrics import Reliability, wilson_interval
from digits.run import EpochRecord

WIDTH_INCHES = 6.8
DOTS_PER_INCH = 200

INK = "#1f2933"
GREY = "#b4bcc6"
BLUE = "#0072B2"
ORANGE = "#D55E00"

STYLE: dict[str, Any] = {
    "axes.edgecolor": "#8a94a0",
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 10,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": "#8a94a0",
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": "#8a94a0",
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}

P = ParamSpec("P")


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style of this module, whatever the user's settings are, and leave those alone."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return styled


def to_png(figure: Figure) -> bytes:
    """Render a figure, `DOTS_PER_INCH` fine."""
    buffer = BytesIO()
    # Ticks are made when they are first drawn, and take the settings of that moment.
    with style.context(["default", STYLE]):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


@_styled
def samples(
    images: Num[Tensor, "n h w"], labels: Int[Tensor, " n"], *, num_rows: int = 5
) -> Figure:
    """Examples of each digit, a column a digit, its label above.

    Args:
        images: Raw pixels, 0 to 255. (n, h, w)
        labels: 0 to 9. (n,)
        num_rows: Images of each digit, the first ones; where there are fewer, places stay empty.
    """
    height, width = images.shape[1:]
    tiles = np.full((num_rows, 10, height, width), np.nan)
    for digit in range(10):
        chosen = images[labels == digit][:num_rows]
        tiles[: len(chosen), digit] = chosen.numpy()
    figure = _figure(0.66 * num_rows + 0.35)
    axes = figure.subplots()
    _show_digits(axes, _mosaic(tiles))
    centres = np.arange(10) * (width + GAP) + width / 2 - 0.5
    axes.xaxis.tick_top()
    axes.set_xticks(centres, [str(digit) for digit in range(10)], fontsize=13)
    axes.tick_params(length=0)
    return figure


@_styled
def augmented_digit(
    original: Num[Tensor, "h w"], copies: Num[Tensor, "n h w"], *, num_columns: int = 7
) -> Figure:
    """A training digit, and what augmentation makes of it.

    Args:
        original: Raw pixels, 0 to 255. (h, w)
        copies: Changed copies, at least one. (n, h, w)
        num_columns: Copies in a row.
    """
    _expect_some(len(copies))
    tiles = _in_rows(copies.numpy(), num_columns)
    mosaic = _mosaic(tiles)
    figure = _figure(0.35 + 4.9 * mosaic.shape[0] / mosaic.shape[1])
    left, right = figure.subplots(1, 2, width_ratios=[mosaic.shape[0], mosaic.shape[1]])
    _show_digits(left, original.numpy())
    left.set_title("as written")
    _show_digits(right, mosaic)
    right.set_title("as the network sees it in training, each time anew")
    return figure


@_styled
def learning_curves(history: Sequence[EpochRecord]) -> Figure:
    """Loss and accuracy over the epochs, of training and, where there is one, validation."""
    _expect_some(len(history))
    epochs = [record.epoch for record in history]
    figure = _figure(2.9)
    left, right = figure.subplots(1, 2)
    for axes, quantity in ((left, "loss"), (right, "accuracy")):
        for part, colour, marker in (("train", BLUE, "o"), ("validation", ORANGE, "s")):
            values = [getattr(record, f"{part}_{quantity}") for record in history]
            if None not in values:
                axes.plot(epochs, values, color=colour, marker=marker, markersize=4.5, label=part)
        axes.set_xlabel("epoch")
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.margins(y=0.12)
        axes.grid(axis="y", color="#e6e9ed")
        axes.set_axisbelow(True)
    left.set_ylabel("loss (nats)")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1))
    left.legend()
    return figure


@_styled
def confusion_matrix(counts: Sequence[Sequence[int]]) -> Figure:
    """How often each digit was read as each.

    Only errors are coloured: beside a thousand right ones on the diagonal they would all be pale.

    Args:
        counts: Row: the true digit, column: the predicted one.
    """
    matrix = np.asarray(counts)
    errors = matrix.astype(float)
    np.fill_diagonal(errors, np.nan)
    most = max(1.0, np.nanmax(errors))
    figure = _figure(5.6)
    axes = figure.subplots()
    axes.set_facecolor("#eef0f3")
    shown = axes.imshow(errors, cmap="Blues", vmin=0, vmax=most)
    for (true, predicted), count in np.ndenumerate(matrix):
        if true == predicted:
            axes.text(predicted, true, f"{count:,}", ha="center", va="center", color="#66707c")
        elif count:
            colour = "white" if count > 0.55 * most else INK
            axes.text(predicted, true, str(count), ha="center", va="center", color=colour)
    digits = range(len(matrix))
    axes.set_xticks(digits)
    axes.set_yticks(digits)
    axes.set_xticks(np.arange(len(matrix) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(matrix) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("read as")
    axes.set_ylabel("true digit")
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, ticks=MaxNLocator(5, integer=True))
    bar.set_label("errors")
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


@_styled
def predictions(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    probabilities: Float[Tensor, "n classes"],
    indices: Int[Tensor, " n"],
    *,
    num_columns: int = 4,
) -> Figure:
    """Digits, each with its three likeliest readings.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True digits. (n,)
        probabilities: Rows sum to 1. (n, classes)
        indices: Where each image stands in its split. (n,)
        num_columns: Digits in a row.
    """
    _expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = _figure(1.02 * num_rows + 0.35)
    grid = figure.add_gridspec(num_rows, 2 * num_columns, width_ratios=[1, 1.05] * num_columns)
    top = probabilities.topk(3, dim=1)
    for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        row, column = divmod(i, num_columns)
        picture = figure.add_subplot(grid[row, 2 * column])
        _show_digits(picture, image.numpy())
        picture.set_title(f"no. {int(indices[i])}", fontsize=8, color="#66707c", pad=2)
        bars = figure.add_subplot(grid[row, 2 * column + 1])
        guesses, values = top.indices[i].tolist(), top.values[i].tolist()
        wrong = ORANGE if guesses[0] != label else GREY
        colours = [BLUE if guess == label else GREY for guess in guesses]
        colours[0] = colours[0] if guesses[0] == label else wrong
        bars.barh(range(3), values, color=colours, height=0.62)
        for place, value in enumerate(values):
            bars.text(value + 0.06, place, percent(value), va="center", fontsize=8)
        bars.set_yticks(range(3), [str(guess) for guess in guesses])
        bars.set_xticks([])
        bars.set_xlim(0, 1.95)
        bars.set_ylim(2.9, -0.9)
        bars.tick_params(length=0)
        bars.spines["bottom"].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=BLUE, label="the true digit"),
            Patch(color=ORANGE, label="first guess, wrong"),
            Patch(color=GREY, label="other guesses"),
        ],
        loc="outside upper center",
        ncols=3,
        handlelength=1,
        handleheight=1,
    )
    return figure


@_styled
def mistakes(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    predicted: Int[Tensor, " n"],
    confidence: Float[Tensor, " n"],
    indices: Int[Tensor, " n"],
    *,
    num_columns: int = 6,
) -> Figure:
    """Digits that were read wrong.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True digits. (n,)
        predicted: What they were taken for. (n,)
        confidence: In that, 0 to 1. (n,)
        indices: Where each image stands in its split. (n,)
        num_columns: Digits in a row.
    """
    _expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = _figure(1.5 * num_rows)
    for i, image in enumerate(images):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        _show_digits(axes, image.numpy())
        axes.set_title(f"{int(labels[i])} read as {int(predicted[i])}", pad=3)
        note = f"{percent(float(confidence[i]))} · no. {int(indices[i])}"
        axes.set_xlabel(note, fontsize=8, color="#4a5561", labelpad=2)
    return figure


@_styled
def reliability_diagram(bins: Reliability) -> Figure:
    """Accuracy against confidence, with the number of images in each bin below."""
    _expect_some(int(bins.counts.sum()))
    filled = bins.counts > 0
    counts = bins.counts[filled].numpy()
    confidence, accuracy = bins.confidence[filled].numpy(), bins.accuracy[filled].numpy()
    intervals = [
        wilson_interval(round(a * n), n) for a, n in zip(accuracy.tolist(), counts.tolist(), strict=True)
    ]
    figure = _figure(5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.25])
    upper.plot([0, 1], [0, 1], color="#8a94a0", linestyle="--", label="as right as it is sure")
    upper.vlines(confidence, *np.transpose(intervals), color=BLUE, alpha=0.45, linewidth=2,
                 label="95 % interval")  # fmt: skip
    upper.plot(confidence, accuracy, "o", color=BLUE, markersize=6, label="images of a bin")
    upper.set_ylabel("accuracy")
    upper.set_ylim(-0.03, 1.03)
    upper.yaxis.set_major_formatter(PercentFormatter(1))
    upper.grid(color="#e6e9ed")
    upper.set_axisbelow(True)
    upper.legend(loc="upper left")
    edges = bins.edges.numpy()
    centres, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    lower.bar(centres[filled.numpy()], counts, width=0.88 * width, color=GREY)
    for centre, count in zip(centres[filled.numpy()], counts, strict=True):
        lower.text(centre, count * 1.25, f"{count:,}", ha="center", va="bottom", fontsize=8)
    # From one half, so that a single image has a bar as well.
    lower.set_yscale("log")
    lower.set_ylim(0.5, counts.max() * 12)
    lower.yaxis.set_minor_formatter(NullFormatter())
    lower.set_ylabel("images\n(log scale)")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    lower.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


@_styled
def filters(weights: Float[Tensor, "filters 1 h w"], *, num_columns: int = 8) -> Figure:
    """The filters of a first layer, all on one scale about 0.

    Args:
        weights: As `nn.Conv2d` keeps them, of one input channel. (filters, 1, h, w)
        num_columns: Filters in a row.
    """
    _expect_some(len(weights))
    mosaic = _mosaic(_in_rows(_enlarged(weights[:, 0].numpy(), 36), num_columns))
    limit = float(weights.abs().max()) or 1.0
    figure = _figure(0.2 + 5.9 * mosaic.shape[0] / mosaic.shape[1])
    axes = figure.subplots()
    shown = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_axis_off()
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, aspect=25, pad=0.03)
    bar.set_label("weight")
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


@_styled
def feature_maps(
    image: Num[Tensor, "h w"], stages: Sequence[FeatureMaps], *, num_shown: int = 20
) -> Figure:
    """A digit, and below it the maps that each stage of a network makes of it.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
        stages: As `digits.inspection.feature_maps` gives them.
        num_shown: Maps of each stage, at most: those with the largest mean.
    """
    _expect_some(len(stages))
    mosaics, titles = [], []
    for stage in stages:
        strongest = stage.maps.mean(dim=(1, 2)).argsort(descending=True)[:num_shown]
        tiles = _enlarged(stage.maps[strongest].numpy(), 56)
        mosaics.append(_mosaic(_in_rows(tiles, 10)))
        count, height, width = stage.maps.shape
        which = f", {num_shown} shown" if count > num_shown else ""
        titles.append(f"{' → '.join(stage.layers)}:  {count} maps of {height}×{width}{which}")
    heights = [6.6 * m.shape[0] / m.shape[1] for m in mosaics]
    figure = _figure(1.3 + sum(heights) + 0.36 * len(heights))
    first, *others = figure.subplots(len(mosaics) + 1, 1, height_ratios=[0.95, *heights])
    _show_digits(first, image.numpy())
    first.set_anchor("W")
    first.set_title(f"input:  {image.shape[0]}×{image.shape[1]} pixels", loc="left")
    for axes, mosaic, title in zip(others, mosaics, titles, strict=True):
        axes.imshow(mosaic, cmap="viridis")
        axes.set_axis_off()
        axes.set_anchor("W")
        axes.set_title(title, loc="left")
    return figure


@_styled
def saliency_maps(
    images: Num[Tensor, "n h w"],
    gradients: Float[Tensor, "n h w"],
    predicted: Int[Tensor, " n"],
    confidence: Float[Tensor, " n"],
    *,
    num_columns: int = 5,
) -> Figure:
    """Digits, and over them in colour the pixels that move the network's answer most.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        gradients: Of the winning logit, as `digits.inspection.saliency` gives them. (n, h, w)
        predicted: What the digits were read as. (n,)
        confidence: In that, 0 to 1. (n,)
        num_columns: Digits in a row.
    """
    _expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = _figure(1.62 * num_rows)
    for i, (image, gradient) in enumerate(zip(images, gradients, strict=True)):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        _show_digits(axes, image.numpy() * 0.6)
        strength = gradient.abs().numpy()
        alpha = strength / (strength.max() or 1.0)
        axes.imshow(np.ones_like(alpha), cmap=_solid(ORANGE), alpha=alpha)
        title = f"read as {int(predicted[i])} ({percent(float(confidence[i]))})"
        axes.set_title(title, fontsize=9, pad=3)
    return figure
