"""Style, colours and size that all figures share, and mosaics of images."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple
from functools import wraps
from io import BytesIO
from math import ceil
from textwrap import fill
from typing import Any, ParamSpec

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.rcsetup import cycler
from numpy.typing import NDArray

from digits.errors import InvalidInput
from digits.plots.colours import BLUE, INK, ORANGE, palette

WIDTH_INCHES = 6.8
NARROW_INCHES = 3.3
"""Width of a figure for a phone: a letter of eight points is nine pixels high, where the screen is
320 wide."""
DOTS_PER_INCH = 200
SCREEN_DOTS_PER_INCH = 110
"""Resolution in a notebook, which is read on a screen and stored with its figures."""
SMALL = 8
"""Size of the smallest letters, in points; a figure in which fewer fit is laid out anew."""

LETTER_WIDTH = 0.58
"""Width of a letter of the figures' font on average, in parts of its size; measured on captions."""

GAP = 3
"""Width of the gap between the tiles of a mosaic, in pixels."""

P = ParamSpec("P")


def in_style() -> AbstractContextManager[None]:
    """Apply the shared style, in the palette that is in use, instead of the user's settings.

    Returns:
        A context, after which the user's settings are as they were.
    """
    colours = palette()
    settings: dict[str, Any] = {
        "axes.axisbelow": True,
        "axes.edgecolor": colours.edge,
        "axes.facecolor": colours.paper,
        "axes.labelcolor": colours.ink,
        "axes.labelsize": 10,
        "axes.prop_cycle": cycler(color=astuple(colours)),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 10,
        "figure.facecolor": colours.paper,
        "font.size": 10,
        "grid.color": colours.pale,
        "image.composite_image": False,
        "image.interpolation": "none",
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "digits",
        "text.color": colours.ink,
        "text.parse_math": False,  # names of classes are no formulas, whatever they hold
        "xtick.color": colours.edge,
        "xtick.labelcolor": colours.ink,
        "xtick.labelsize": 9,
        "ytick.color": colours.edge,
        "ytick.labelcolor": colours.ink,
        "ytick.labelsize": 9,
    }
    return style.context(["default", settings])


class NotebookFigure(Figure):
    """Figure that a notebook displays when it is the value of a cell."""

    def draw(self, renderer: Any) -> None:
        """Draw in the shared style, which matplotlib needs here because it creates ticks late.

        Names of classes may be in any script. A page shows them in its own fonts, so letters that
        matplotlib's lacks are no cause for a warning at each of them.

        Args:
            renderer: The renderer of matplotlib's backend.
        """
        with in_style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return to_png(self, dots_per_inch=SCREEN_DOTS_PER_INCH)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a drawing function: the shared style applies instead of the user's settings.

    Args:
        draw: The function that draws a figure.

    Returns:
        The function in the shared style; the user's settings are unchanged after a call.
    """

    @wraps(draw)
    def draw_styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with in_style():
            return draw(*args, **kwargs)

    return draw_styled


def to_png(figure: Figure, *, dots_per_inch: int | None = None) -> bytes:
    """Render a figure as PNG.

    Args:
        figure: The figure to render.
        dots_per_inch: Resolution; None means `DOTS_PER_INCH`.

    Returns:
        The content of the PNG file.
    """
    buffer = BytesIO()
    with in_style():  # savefig reads further settings
        figure.savefig(buffer, format="png", dpi=dots_per_inch or DOTS_PER_INCH)
    return buffer.getvalue()


def percent(fraction: float) -> str:
    """Format a confidence; ">99.9 %" stands for all that would be rounded up to certainty.

    Args:
        fraction: Confidence, 0 to 1.

    Returns:
        The confidence in percent with one decimal.
    """
    return ">99.9 %" if fraction >= 0.9995 else f"{100 * fraction:.1f} %"


def new_figure(height_inches: float, width_inches: float = WIDTH_INCHES) -> Figure:
    """Create an empty figure.

    Args:
        height_inches: Height of the figure, in inches.
        width_inches: Width of the figure, in inches; as a rule the shared one.

    Returns:
        The figure, with a constrained layout.
    """
    return NotebookFigure(figsize=(width_inches, height_inches), layout="constrained")


def fitting(num_columns: int, width_inches: float) -> int:
    """Tell how many columns of a figure of the shared width fit one that is narrower.

    Args:
        num_columns: Number of columns on the shared width, 1 or more.
        width_inches: Width of the figure, in inches.

    Returns:
        The number of columns, 1 or more.
    """
    return ceil(num_columns * min(1.0, width_inches / WIDTH_INCHES))


def wrapped(text: str, width_inches: float, *, points: float = 10) -> str:
    """Break a title or label into lines that fit a figure.

    Args:
        text: The text, in one line.
        width_inches: Width that it may take, in inches.
        points: Size of its letters, in points.

    Returns:
        The text with line breaks.
    """
    return fill(text, int(72 * width_inches / (LETTER_WIDTH * points)))


def show_strength(axes: Axes, strength: NDArray[Any], colour: str, *, most: float) -> None:
    """Draw values as one colour, which is the more opaque the higher they are.

    What lies below is seen where a value is 0, so an image fits any ground.

    Args:
        axes: The axes to draw on.
        strength: The values; what is not above 0, or NaN, is transparent. (h, w)
        colour: Name of the colour.
        most: Value of what is opaque.
    """
    ramp = LinearSegmentedColormap.from_list(colour, [to_rgba(colour, 0), to_rgba(colour, 1)])
    # By the name of its colour, `to_svg` knows an image of one colour.
    axes.imshow(strength, cmap=ramp, vmin=0, vmax=most).set_gid(colour)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def show_digits(axes: Axes, image: NDArray[Any]) -> None:
    """Draw raw pixels as ink on paper, without ticks.

    Args:
        axes: The axes to draw on.
        image: Raw pixels, 0 (paper) to 255 (ink); NaN is transparent. (h, w)
    """
    show_strength(axes, image, INK, most=255)


def show_signed(axes: Axes, values: NDArray[Any], *, limit: float) -> None:
    """Draw signed values, orange above 0 and blue below, as strong as they are far from it.

    Args:
        axes: The axes to draw on.
        values: The values; NaN is transparent. (h, w)
        limit: Magnitude of what is opaque.
    """
    show_strength(axes, values, ORANGE, most=limit)
    show_strength(axes, -values, BLUE, most=limit)


def draw_signed_scale(figure: Figure, place: SubplotSpec, limit: float, label: str) -> None:
    """Draw the legend of `show_signed`: all its colours, and the values they stand for.

    Args:
        figure: The figure that it belongs to.
        place: Where it stands in it.
        limit: Magnitude of what is opaque.
        label: What the values are, with their unit if they have one.
    """
    axes = figure.add_subplot(place)
    show_signed(axes, np.linspace(-limit, limit, 41)[None], limit=limit)
    axes.set_aspect("auto")
    axes.set_xticks([0, 20, 40], [format_signed(value) for value in (-limit, 0, limit)])
    axes.tick_params(length=2, labelsize=SMALL)
    axes.spines[:].set_visible(True)
    axes.set_xlabel(label, fontsize=SMALL + 1)


def format_signed(value: float, digits: int = 2) -> str:
    """Format a number with its sign, with the typographic minus.

    Args:
        value: The number.
        digits: How many of its digits are shown.

    Returns:
        The number as text.
    """
    return f"{value:+.{digits}g}".replace("-", "−") if value else "0"


def mosaic(tiles: NDArray[Any]) -> NDArray[np.float64]:
    """Join tiles into one image, which draws tens of times faster than a hundred small axes.

    Args:
        tiles: The tiles. (rows, columns, h, w)

    Returns:
        The image; gaps of `GAP` pixels between the tiles are NaN, which is transparent.
    """
    padding = ((0, 0), (0, 0), (0, GAP), (0, GAP))
    padded = np.pad(tiles.astype(np.float64), padding, constant_values=np.nan)
    rows, columns, height, width = padded.shape
    joined = padded.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    return joined[:-GAP, :-GAP]


def in_rows(tiles: NDArray[Any], num_columns: int) -> NDArray[np.float64]:
    """Arrange tiles in rows of equal length.

    Args:
        tiles: The tiles, at least one. (n, h, w)
        num_columns: Number of tiles in a row.

    Returns:
        The tiles, row by row; the last row is filled with NaN. (rows, columns, h, w)
    """
    rows = -(-len(tiles) // num_columns)
    filled = np.full((rows * num_columns, *tiles.shape[1:]), np.nan)
    filled[: len(tiles)] = tiles
    return filled.reshape(rows, num_columns, *tiles.shape[1:])


def enlarged(tiles: NDArray[Any], size: int) -> NDArray[Any]:
    """Enlarge tiles by a whole factor, so that the gaps of a mosaic match at every size.

    Args:
        tiles: The tiles. (n, h, w)
        size: Width to approach, in pixels.

    Returns:
        The tiles with each pixel repeated. (n, factor * h, factor * w)
    """
    factor = max(1, round(size / tiles.shape[-1]))
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def expect_some(count: int) -> None:
    """Refuse an empty figure.

    Args:
        count: Number of images or records to draw.

    Raises:
        InvalidInput: If `count` is 0.
    """
    if count < 1:
        raise InvalidInput("Expected something to draw, found nothing: 0 images or records.")
