"""Figures of images: samples, augmentation, predictions, filters, feature maps, saliency maps."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Num
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from digits.data.catalog import DIGITS, noun
from digits.evaluation.inspection import FeatureMaps
from digits.plots.canvas import (
    BLUE,
    GAP,
    GREY,
    ORANGE,
    SOFT,
    enlarged,
    expect_some,
    in_rows,
    mosaic,
    new_figure,
    percent,
    show_digits,
    styled,
)


@styled
def samples(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    *,
    classes: Sequence[str] = DIGITS,
    num_rows: int = 5,
    num_columns: int = 10,
) -> Figure:
    """Draw the first images of each class, one class per column below its name.

    Args:
        images: Raw pixels, 0 to 255. (n, h, w)
        labels: True classes. (n,)
        classes: Names of the classes.
        num_rows: Number of images of each class; missing ones stay blank.
        num_columns: Number of classes beside each other.

    Returns:
        The figure.
    """
    height, width = images.shape[1:]
    bands = [
        range(first, min(first + num_columns, len(classes)))
        for first in range(0, len(classes), num_columns)
    ]
    figure = new_figure((0.66 * num_rows + 0.35) * len(bands))
    centres = np.arange(num_columns) * (width + GAP) + width / 2 - 0.5
    for axes, band in zip(figure.subplots(len(bands), squeeze=False)[:, 0], bands, strict=True):
        tiles = np.full((num_rows, num_columns, height, width), np.nan)
        for column, label in enumerate(band):
            chosen = images[labels == label][:num_rows]
            tiles[: len(chosen), column] = chosen.numpy()
        show_digits(axes, mosaic(tiles))
        axes.xaxis.tick_top()
        names = [classes[label] for label in band]
        size = 13 if max(map(len, names)) <= 2 else 7
        axes.set_xticks(centres[: len(band)], names, fontsize=size)
        axes.tick_params(length=0)
    return figure


@styled
def augmented_digit(
    original: Num[Tensor, "h w"], copies: Num[Tensor, "n h w"], *, num_columns: int = 7
) -> Figure:
    """Draw a training digit beside augmented copies of it.

    Args:
        original: Raw pixels, 0 to 255. (h, w)
        copies: Augmented copies, at least one. (n, h, w)
        num_columns: Number of copies in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no copy.
    """
    expect_some(len(copies))
    tiles = in_rows(copies.numpy(), num_columns)
    tiled = mosaic(tiles)
    figure = new_figure(0.35 + 4.9 * tiled.shape[0] / tiled.shape[1])
    left, right = figure.subplots(1, 2, width_ratios=[tiled.shape[0], tiled.shape[1]])
    show_digits(left, original.numpy())
    left.set_title("as written")
    show_digits(right, tiled)
    right.set_title("as the network sees it in training, each time anew")
    return figure


@styled
def predictions(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    probabilities: Float[Tensor, "n classes"],
    indices: Int[Tensor, " n"],
    *,
    classes: Sequence[str] = DIGITS,
    num_columns: int = 3,
) -> Figure:
    """Draw images with bars for the three most probable classes of each.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True classes. (n,)
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        indices: Index of each image in its split. (n,)
        classes: Names of the classes.
        num_columns: Number of digits in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = new_figure(1.1 * num_rows + 0.35)
    grid = figure.add_gridspec(num_rows, 2 * num_columns, width_ratios=[1, 1.45] * num_columns)
    num_guesses = min(3, probabilities.shape[1])
    top = probabilities.topk(num_guesses, dim=1)
    for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        row, column = divmod(i, num_columns)
        axes = figure.add_subplot(grid[row, 2 * column])
        show_digits(axes, image.numpy())
        axes.set_title(f"no. {int(indices[i])}", fontsize=8, color=SOFT, pad=2)
        bars = figure.add_subplot(grid[row, 2 * column + 1])
        guesses, values = top.indices[i].tolist(), top.values[i].tolist()
        colours = [BLUE if guess == label else GREY for guess in guesses]
        if guesses[0] != label:
            colours[0] = ORANGE
        bars.barh(range(num_guesses), values, color=colours, height=0.62)
        for rank, value in enumerate(values):
            bars.text(value + 0.04, rank, percent(value), va="center", fontsize=8)
        names = [classes[guess] for guess in guesses]
        bars.set_yticks(range(num_guesses), names)
        if max(map(len, names)) > 2:
            bars.tick_params(axis="y", labelsize=6)
        bars.set_xticks([])
        bars.set_xlim(0, 1.62)
        bars.set_ylim(2.7, -0.7)
        bars.tick_params(length=0)
        bars.spines[:].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=BLUE, label=f"the true {noun(classes)}"),
            Patch(color=ORANGE, label="first guess, wrong"),
            Patch(color=GREY, label="other guesses"),
        ],
        loc="outside upper center",
        ncols=3,
        handlelength=1,
        handleheight=1,
    )
    return figure


@styled
def mistakes(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    predicted: Int[Tensor, " n"],
    confidence: Float[Tensor, " n"],
    indices: Int[Tensor, " n"],
    *,
    classes: Sequence[str] = DIGITS,
    num_columns: int = 6,
) -> Figure:
    """Draw misclassified images, each with its true and its predicted class.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True classes. (n,)
        predicted: Predicted classes. (n,)
        confidence: Probability of the predicted classes, 0 to 1. (n,)
        indices: Index of each image in its split. (n,)
        classes: Names of the classes.
        num_columns: Number of digits in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = new_figure(1.5 * num_rows)
    for i, image in enumerate(images):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        show_digits(axes, image.numpy())
        true, found = classes[int(labels[i])], classes[int(predicted[i])]
        is_long = len(true) + len(found) > 4
        title = f"{true}\nread as {found}" if is_long else f"{true} read as {found}"
        axes.set_title(title, pad=3, fontsize=7 if is_long else 10)
        note = f"{percent(float(confidence[i]))} · no. {int(indices[i])}"
        axes.set_xlabel(note, fontsize=7.5, color=SOFT, labelpad=2)
    return figure


@styled
def filters(weights: Float[Tensor, "filters 1 h w"], *, num_columns: int = 8) -> Figure:
    """Draw the filters of a first layer on one colour scale, symmetric about 0.

    Args:
        weights: Weights of an `nn.Conv2d` with one input channel. (filters, 1, h, w)
        num_columns: Number of filters in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no filter.
    """
    expect_some(len(weights))
    tiled = mosaic(in_rows(enlarged(weights[:, 0].numpy(), 36), num_columns))
    limit = float(weights.abs().max()) or 1.0
    figure = new_figure(0.2 + 5.9 * tiled.shape[0] / tiled.shape[1])
    axes = figure.subplots()
    shown = axes.imshow(tiled, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_axis_off()
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, aspect=25, pad=0.03)
    bar.set_label("weight")
    bar.outline.set_visible(False)
    return figure


@styled
def feature_maps(
    image: Num[Tensor, "h w"], stages: Sequence[FeatureMaps], *, num_shown: int = 20
) -> Figure:
    """Draw a digit above its feature maps behind each stage of a network.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
        stages: The stages, as `digits.evaluation.inspection.feature_maps` records them.
        num_shown: Most maps per stage; those with the largest standard deviation are drawn.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no stage.
    """
    expect_some(len(stages))
    mosaics, titles = [], []
    for stage in stages:
        chosen = stage.maps.std(dim=(1, 2), correction=0).argsort(descending=True)[:num_shown]
        tiles = enlarged(stage.maps[chosen].numpy(), 56)
        mosaics.append(mosaic(in_rows(tiles, 10)))
        count, height, width = stage.maps.shape
        which = f", {num_shown} shown" if count > num_shown else ""
        titles.append(f"{' → '.join(stage.layers)}:  {count} maps of {height}×{width}{which}")
    heights = [6.6 * m.shape[0] / m.shape[1] for m in mosaics]
    figure = new_figure(1.3 + sum(heights) + 0.36 * len(heights))
    first, *others = figure.subplots(len(mosaics) + 1, 1, height_ratios=[0.95, *heights])
    show_digits(first, image.numpy())
    first.set_anchor("W")
    first.set_title(f"input:  {image.shape[0]}×{image.shape[1]} pixels", loc="left")
    for axes, tiled, title in zip(others, mosaics, titles, strict=True):
        axes.imshow(tiled, cmap="viridis")
        axes.set_axis_off()
        axes.set_anchor("W")
        axes.set_title(title, loc="left")
    return figure


@styled
def saliency_maps(
    images: Num[Tensor, "n h w"],
    gradients: Float[Tensor, "n h w"],
    predicted: Int[Tensor, " n"],
    confidence: Float[Tensor, " n"],
    *,
    classes: Sequence[str] = DIGITS,
    num_columns: int = 5,
) -> Figure:
    """Draw images overlaid with their saliency maps, each on its own scale.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        gradients: Saliency maps, as `inspection.saliency` computes them. (n, h, w)
        predicted: Predicted classes. (n,)
        confidence: Probability of the predicted classes, 0 to 1. (n,)
        classes: Names of the classes.
        num_columns: Number of images in a row.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_rows = -(-len(images) // num_columns)
    figure = new_figure(1.75 * num_rows)
    for i, (image, gradient) in enumerate(zip(images, gradients, strict=True)):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        show_digits(axes, image.numpy() * 0.35)
        strength = gradient.abs().numpy()
        alpha = strength / (strength.max() or 1.0)
        axes.imshow(np.ones_like(alpha), cmap=ListedColormap([ORANGE]), alpha=alpha)
        axes.set_title(f"read as {classes[int(predicted[i])]}", pad=3)
        note = percent(float(confidence[i]))
        axes.set_xlabel(note, fontsize=7.5, color=SOFT, labelpad=2)
    return figure
