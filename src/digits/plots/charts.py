"""Charts: learning curves, confusion matrix, reliability diagram, risk–coverage curve, refusals."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import (
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)
from torch import Tensor

from digits.data.catalog import DIGITS, noun
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.metrics import Reliability, RiskCoverage
from digits.history import EpochRecord
from digits.plots.canvas import BLUE, GREY, INK, ORANGE, SOFT, expect_some, new_figure, styled


@styled
def learning_curves(
    history: Sequence[EpochRecord], *, target_entropy: float | None = None
) -> Figure:
    """Draw loss and accuracy over the epochs, for training and, if there is one, validation.

    Args:
        history: One record per epoch, at least one.
        target_entropy: Entropy of the targets in nats, below which no training loss can fall; it
            is drawn as a line. Not if None.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no record.
    """
    expect_some(len(history))
    epochs = [record.epoch for record in history]
    figure = new_figure(2.9)
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
        axes.grid(axis="y")
    left.set_ylabel("loss (nats)")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    if target_entropy is not None:
        label = "least train loss, by label smoothing"
        left.axhline(target_entropy, color=SOFT, linestyle="--", linewidth=1, label=label)
    left.set_ylim(bottom=0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


@styled
def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str] = DIGITS) -> Figure:
    """Draw a confusion matrix.

    Only errors are coloured, because all would be pale beside a thousand images on the diagonal.

    Args:
        counts: Numbers of images; the row is the true class, the column the predicted one.
        classes: Names of the classes.

    Returns:
        The figure.
    """
    matrix = np.asarray(counts)
    errors = matrix.astype(float)
    np.fill_diagonal(errors, np.nan)
    most = max(1.0, np.nanmax(errors))
    figure = new_figure(6.0)
    axes = figure.subplots()
    # In a cell of a large matrix, there is room for small figures only.
    size = min(10.0, 130 / len(matrix))
    axes.set_facecolor("#eef0f3")
    axes.imshow(errors, cmap="Blues", vmin=0, vmax=most)
    for (true, predicted), count in np.ndenumerate(matrix):
        if true == predicted:
            axes.text(predicted, true, f"{count:,}", ha="center", va="center", color=SOFT,
                      fontsize=size)  # fmt: skip
        elif count:
            colour = "white" if count > 0.55 * most else INK
            axes.text(predicted, true, str(count), ha="center", va="center", color=colour,
                      fontsize=size)  # fmt: skip
    is_wide = max(map(len, classes)) > 2
    ticks = range(len(matrix))
    axes.set_xticks(ticks, classes, rotation=90 if is_wide else 0)
    axes.set_yticks(ticks, classes)
    axes.tick_params(labelsize=min(9.0, size))
    axes.set_xticks(np.arange(len(matrix) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(matrix) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("read as")
    axes.set_ylabel(f"true {noun(classes)}")
    return figure


@styled
def risk_coverage_curve(curve: RiskCoverage) -> Figure:
    """Draw the risk–coverage curve of selective prediction, as far as there is risk.

    The axis is logarithmic in the share that is refused, the rest of coverage: what changes does so
    where few are.

    Args:
        curve: The curve, as `metrics.risk_coverage` computes it.

    Returns:
        The figure.

    Raises:
        InvalidInput: If the curve is empty.
    """
    expect_some(len(curve.coverage))
    one = 1 / len(curve.coverage)  # image
    # None refused would be infinitely far to the left; it is drawn where less than one is.
    refused = (1 - curve.coverage).flip(0).clip(min=one / 2).numpy()
    risk = curve.risk.flip(0).numpy()
    # As far as something changes, and some images more; all the way if the risk is never 0.
    last = max(1.5 * refused[risk == 0].min(initial=1), 10 * one)
    figure = new_figure(3.2)
    axes = figure.subplots()
    axes.plot(refused, risk, color=BLUE, drawstyle="steps-post")
    axes.set_xscale("log")
    axes.set_xlabel("refused: share of images, the least confident first (log scale)")
    axes.set_ylabel("risk: share of the\nothers read wrong")
    axes.set_xlim(one / 2, min(1, last))
    axes.set_ylim(0, max(1.1 * float(curve.risk[-1]), 1e-3))
    axes.xaxis.set_minor_formatter(NullFormatter())
    # Both range from whole percents to hundredths of one; trailing zeros are left out.
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
    axes.grid()
    return figure


@styled
def refusals(
    confidence: Float[Tensor, " n"], right: Bool[Tensor, " n"], thresholds: Sequence[float]
) -> Figure:
    """Draw what refusing all below a confidence leaves of the mistakes, and what it costs.

    Args:
        confidence: Probability of the best guess for each image, 0 to 1. (n,)
        right: Whether the guess is right. (n,)
        thresholds: Confidences, 0 to 1, at least one; what lies below is refused.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no threshold or no image.
    """
    expect_some(min(len(thresholds), len(right)))
    figure = new_figure(0.9 + 0.62 * len(thresholds))
    axes = figure.subplots()
    for row, threshold in enumerate(thresholds):
        refused = confidence < threshold
        counts = {
            ORANGE: int((~right & ~refused).sum()),
            BLUE: int((right & refused).sum()),
        }
        for offset, (colour, count) in zip((-0.19, 0.19), counts.items(), strict=True):
            axes.barh(row + offset, count, 0.34, color=colour)
            axes.annotate(
                f"{count:,}", (count, row + offset), (4, 0), textcoords="offset points",
                va="center", fontsize=9,
            )  # fmt: skip
    axes.set_yticks(range(len(thresholds)), [f"{100 * value:g} %" for value in thresholds])
    axes.set_ylim(len(thresholds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("refused below")
    axes.set_xlabel(f"images of {len(right):,}")
    axes.margins(x=0.1)
    axes.grid(axis="x")
    figure.legend(
        handles=[
            Patch(color=ORANGE, label="mistakes that remain"),
            Patch(color=BLUE, label="right answers that are refused"),
        ],
        loc="outside upper center",
        ncols=2,
    )
    return figure


@styled
def reliability_diagram(bins: Reliability, before: Reliability | None = None) -> Figure:
    """Draw a reliability diagram: accuracy against confidence, above the images in each bin.

    Args:
        bins: The calibration curve, as `metrics.reliability` computes it.
        before: The curve before calibration, to compare with.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image in any bin.
    """
    expect_some(int(bins.counts.sum()))
    filled = bins.counts > 0
    counts = bins.counts[filled].numpy()
    confidence, accuracy = bins.confidence[filled].numpy(), bins.accuracy[filled].numpy()
    intervals = [
        wilson_interval(round(a * n), n)
        for a, n in zip(accuracy.tolist(), counts.tolist(), strict=True)
    ]
    figure = new_figure(5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.25])
    upper.plot([0, 1], [0, 1], color="#8a94a0", linestyle="--", label="perfect calibration")
    if before is not None:
        was = before.counts > 0
        upper.plot(before.confidence[was].numpy(), before.accuracy[was].numpy(), "s", color=ORANGE,
                   fillstyle="none", label="before calibration", clip_on=False)  # fmt: skip
    upper.vlines(confidence, *np.transpose(intervals), color=BLUE, alpha=0.45, linewidth=2,
                 label="95 % interval")  # fmt: skip
    upper.plot(confidence, accuracy, "o", color=BLUE, clip_on=False,
               label="images of a bin" if before is None else "after calibration")  # fmt: skip
    upper.set_ylabel("accuracy")
    upper.set_ylim(-0.03, 1.03)
    upper.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    upper.grid()
    figure.legend(loc="outside upper center", ncols=3 if before is None else 2)
    edges = bins.edges.numpy()
    centres, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    lower.bar(centres[filled.numpy()], counts, width=0.88 * width, color=GREY)
    for centre, count in zip(centres[filled.numpy()], counts, strict=True):
        lower.text(centre, count * 1.25, f"{count:,}", ha="center", va="bottom", fontsize=8)
    # The axis begins at one half, so that a single image has a bar too.
    lower.set_yscale("log")
    lower.set_ylim(0.5, counts.max() * 12)
    lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    lower.yaxis.set_minor_formatter(NullFormatter())
    lower.set_ylabel("images\n(log scale)")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    lower.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return figure


@styled
def importances(shares: Mapping[str, float], *, num_trials: int) -> Figure:
    """Draw which fields of a recipe told the good trials of a search from the others.

    Args:
        shares: Share of each field, 0 to 1, by its name.
        num_trials: Number of trials that the shares are of.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no field.
    """
    expect_some(len(shares))
    ordered = sorted(shares.items(), key=lambda item: item[1])
    values = [share for _, share in ordered]
    figure = new_figure(0.9 + 0.34 * len(ordered))
    axes = figure.subplots()
    bars = axes.barh([name.replace("_", " ") for name, _ in ordered], values, color=BLUE)
    axes.bar_label(bars, [f"{share:.0%}".replace("%", " %") for share in values], padding=4)
    axes.set_xlim(0, 1.15 * max(values) or 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel(f"share in what tells the good of {num_trials:,} trials from the others")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return figure
