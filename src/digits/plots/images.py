"""Figures of images: samples, augmentation, predictions, filters, feature maps, saliency maps."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Num
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from digits.data.catalog import DIGITS, noun
from digits.evaluation.inspection import FeatureMaps
from digits.plots.canvas import (
    GAP,
    SMALL,
    WIDTH_INCHES,
    draw_signed_scale,
    enlarged,
    expect_some,
    fitting,
    in_rows,
    mosaic,
    new_figure,
    percent,
    show_digits,
    show_signed,
    show_strength,
    styled,
    wrapped,
)
from digits.plots.colours import BLUE, GREY, ORANGE, SOFT


@styled
def samples(
    images: Num[Tensor, "n h w"],
    labels: Int[Tensor, " n"],
    *,
    classes: Sequence[str] = DIGITS,
    num_rows: int = 5,
    num_columns: int = 10,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw the first images of each class, one class per column below its name.

    Args:
        images: Raw pixels, 0 to 255. (n, h, w)
        labels: True classes. (n,)
        classes: Names of the classes.
        num_rows: Number of images of each class; missing ones stay blank.
        num_columns: Number of classes beside each other, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.
    """
    height, width = images.shape[1:]
    num_columns = fitting(num_columns, width_inches)
    bands = [
        range(first, min(first + num_columns, len(classes)))
        for first in range(0, len(classes), num_columns)
    ]
    tile_inches = (width_inches - 0.2) / num_columns
    figure = new_figure((tile_inches * num_rows + 0.35) * len(bands), width_inches)
    centres = np.arange(num_columns) * (width + GAP) + width / 2 - 0.5
    for axes, band in zip(figure.subplots(len(bands), squeeze=False)[:, 0], bands, strict=True):
        tiles = np.full((num_rows, num_columns, height, width), np.nan)
        for column, label in enumerate(band):
            chosen = images[labels == label][:num_rows]
            tiles[: len(chosen), column] = chosen.numpy()
        show_digits(axes, mosaic(tiles))
        axes.xaxis.tick_top()
        names = [classes[label] for label in band]
        size = 13 if max(map(len, names)) <= 2 else SMALL
        axes.set_xticks(centres[: len(band)], names, fontsize=size)
        axes.tick_params(length=0)
    return figure


@styled
def augmented_digit(
    original: Num[Tensor, "h w"],
    copies: Num[Tensor, "n h w"],
    *,
    num_columns: int = 7,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw a training digit beside augmented copies of it.

    Args:
        original: Raw pixels, 0 to 255. (h, w)
        copies: Augmented copies, at least one. (n, h, w)
        num_columns: Number of copies in a row, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no copy.
    """
    expect_some(len(copies))
    tiled = mosaic(in_rows(copies.numpy(), fitting(num_columns, width_inches)))
    height, width = tiled.shape
    if width_inches < WIDTH_INCHES:
        figure = new_figure(1.9 + (width_inches - 0.2) * height / width, width_inches)
        first, second = figure.subplots(2, 1, height_ratios=[1.1, width_inches * height / width])
    else:
        figure = new_figure(0.35 + 4.9 * height / width)
        first, second = figure.subplots(1, 2, width_ratios=[height, width])
    show_digits(first, original.numpy())
    first.set_title("as written")
    show_digits(second, tiled)
    title = "as the network sees it in training, each time anew"
    second.set_title(wrapped(title, min(5.0, width_inches)))
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
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw images with bars for the three most probable classes of each.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True classes. (n,)
        probabilities: Softmax outputs in [0, 1]; rows sum to 1. (n, classes)
        indices: Index of each image in its split. (n,)
        classes: Names of the classes.
        num_columns: Number of digits in a row, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_columns = fitting(num_columns, width_inches)
    num_rows = -(-len(images) // num_columns)
    figure = new_figure(1.1 * num_rows + 0.35, width_inches)
    grid = figure.add_gridspec(num_rows, 2 * num_columns, width_ratios=[1, 1.45] * num_columns)
    num_guesses = min(3, probabilities.shape[1])
    top = probabilities.topk(num_guesses, dim=1)
    for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        row, column = divmod(i, num_columns)
        axes = figure.add_subplot(grid[row, 2 * column])
        show_digits(axes, image.numpy())
        axes.set_title(f"no. {int(indices[i])}", fontsize=SMALL, color=SOFT, pad=2)
        bars = figure.add_subplot(grid[row, 2 * column + 1])
        guesses, values = top.indices[i].tolist(), top.values[i].tolist()
        colours = [BLUE if guess == label else GREY for guess in guesses]
        if guesses[0] != label:
            colours[0] = ORANGE
        bars.barh(range(num_guesses), values, color=colours, height=0.62)
        for rank, value in enumerate(values):
            bars.text(value + 0.04, rank, percent(value), va="center", fontsize=SMALL)
        names = [classes[guess] for guess in guesses]
        bars.set_yticks(range(num_guesses), names)
        if max(map(len, names)) > 2:
            bars.tick_params(axis="y", labelsize=SMALL)
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
        ncols=3 if width_inches == WIDTH_INCHES else 1,
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
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw misclassified images, each with its true and its predicted class.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        labels: True classes. (n,)
        predicted: Predicted classes. (n,)
        confidence: Probability of the predicted classes, 0 to 1. (n,)
        indices: Index of each image in its split. (n,)
        classes: Names of the classes.
        num_columns: Number of digits in a row, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_columns = fitting(num_columns, width_inches)
    num_rows = -(-len(images) // num_columns)
    figure = new_figure((width_inches / num_columns + 0.6) * num_rows, width_inches)
    for i, image in enumerate(images):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        show_digits(axes, image.numpy())
        true, found = classes[int(labels[i])], classes[int(predicted[i])]
        is_long = len(true) + len(found) > 4
        title = f"{true}\nread as {found}" if is_long else f"{true} read as {found}"
        axes.set_title(title, pad=3, fontsize=SMALL if is_long else 10)
        note = f"{percent(float(confidence[i]))}\nno. {int(indices[i])}"
        axes.set_xlabel(note, fontsize=SMALL, color=SOFT, labelpad=2)
    return figure


@styled
def filters(
    weights: Float[Tensor, "filters 1 h w"],
    *,
    num_columns: int = 8,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw the filters of a first layer on one colour scale, symmetric about 0.

    Args:
        weights: Weights of an `nn.Conv2d` with one input channel. (filters, 1, h, w)
        num_columns: Number of filters in a row, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no filter.
    """
    expect_some(len(weights))
    columns = fitting(num_columns, width_inches)
    tiled = mosaic(in_rows(enlarged(weights[:, 0].numpy(), 36), columns))
    limit = float(weights.abs().max()) or 1.0
    height_inches = (width_inches - 0.2) * tiled.shape[0] / tiled.shape[1]
    figure = new_figure(height_inches + 0.65, width_inches)
    grid = figure.add_gridspec(2, 1, height_ratios=[height_inches, 0.14])
    axes = figure.add_subplot(grid[0])
    show_signed(axes, tiled, limit=limit)
    draw_signed_scale(figure, grid[1], limit, "weight")
    return figure


@styled
def feature_maps(
    image: Num[Tensor, "h w"],
    stages: Sequence[FeatureMaps],
    *,
    num_shown: int = 20,
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw a digit above its feature maps behind each stage of a network.

    Args:
        image: Raw pixels, 0 to 255. (h, w)
        stages: The stages, as `digits.evaluation.inspection.feature_maps` records them.
        num_shown: Most maps per stage; those with the largest standard deviation are drawn.
        width_inches: Width of the figure, in inches; fewer maps fit beside each other on less.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no stage.
    """
    expect_some(len(stages))
    mosaics, titles = [], []
    for stage in stages:
        chosen = stage.maps.std(dim=(1, 2), correction=0).argsort(descending=True)[:num_shown]
        maps = stage.maps[chosen].numpy()
        mosaics.append(mosaic(in_rows(enlarged(maps, 56), fitting(10, width_inches))))
        count, height, width = stage.maps.shape
        which = f", {num_shown} shown" if count > num_shown else ""
        title = f"{' → '.join(stage.layers)}:  {count} maps of {height}×{width}{which}"
        scale = f"{maps.min():.2g} dark, {maps.max():.2g} bright".replace("-", "−")
        titles.append(wrapped(f"{title}; {scale}", width_inches))
    heights = [(width_inches - 0.2) * m.shape[0] / m.shape[1] for m in mosaics]
    num_lines = sum(1 + title.count("\n") for title in titles)
    figure = new_figure(1.3 + sum(heights) + 0.2 * num_lines + 0.16 * len(heights), width_inches)
    grid = figure.add_gridspec(len(mosaics) + 1, 1, height_ratios=[0.95, *heights])
    above = grid[0].subgridspec(1, 2, width_ratios=[1.1, width_inches - 1.1])
    first = figure.add_subplot(above[0])
    show_digits(first, image.numpy())
    first.set_anchor("W")
    first.set_title(f"input:  {image.shape[0]}×{image.shape[1]} pixels", loc="left")
    for row, (tiled, title) in enumerate(zip(mosaics, titles, strict=True), start=1):
        axes = figure.add_subplot(grid[row])
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
    width_inches: float = WIDTH_INCHES,
) -> Figure:
    """Draw images overlaid with their saliency maps, each on its own scale.

    Args:
        images: Raw pixels, 0 to 255; at least one. (n, h, w)
        gradients: Saliency maps, as `inspection.saliency` computes them. (n, h, w)
        predicted: Predicted classes. (n,)
        confidence: Probability of the predicted classes, 0 to 1. (n,)
        classes: Names of the classes.
        num_columns: Number of images in a row, on the shared width.
        width_inches: Width of the figure, in inches; fewer columns fit a narrower one.

    Returns:
        The figure.

    Raises:
        InvalidInput: If there is no image.
    """
    expect_some(len(images))
    num_columns = fitting(num_columns, width_inches)
    num_rows = -(-len(images) // num_columns)
    figure = new_figure((width_inches / num_columns + 0.4) * num_rows, width_inches)
    for i, (image, gradient) in enumerate(zip(images, gradients, strict=True)):
        axes = figure.add_subplot(num_rows, num_columns, i + 1)
        show_digits(axes, image.numpy() * 0.35)
        strength = gradient.abs().numpy()
        show_strength(axes, strength, ORANGE, most=float(strength.max()) or 1.0)
        axes.set_title(f"read as {classes[int(predicted[i])]}", pad=3)
        note = percent(float(confidence[i]))
        axes.set_xlabel(note, fontsize=SMALL, color=SOFT, labelpad=2)
    return figure
