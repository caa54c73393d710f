"""Style, colours and size that all figures share, and mosaics of images."""

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits.errors import InvalidInput

WIDTH_INCHES = 6.8
DOTS_PER_INCH = 200
SCREEN_DOTS_PER_INCH = 110
"""Resolution in a notebook, which is read on a screen and stored with its figures."""

INK = "#1f2933"
GREY = "#b4bcc6"
BLUE = "#0072B2"
ORANGE = "#D55E00"
SOFT = "#5c6773"
"""Colour of notes and secondary labels."""
PALE = "#e6e9ed"
"""Colour of grid lines and outlines."""

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#8a94a0",
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 10,
    "grid.color": PALE,
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

GAP = 3
"""Width of the gap between the tiles of a mosaic, in pixels."""

P = ParamSpec("P")


class NotebookFigure(Figure):
    """Figure that a notebook displays when it is the value of a cell."""

    def draw(self, renderer: Any) -> None:
        """Draw in the shared style, which matplotlib needs here because it creates ticks late.

        Args:
            renderer: The renderer of matplotlib's backend.
        """
        with style.context(["default", STYLE]):
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
        with style.context(["default", STYLE]):
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
    with style.context(["default", STYLE]):  # savefig reads further settings
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


def new_figure(height_inches: float) -> Figure:
    """Create an empty figure of the shared width.

    Args:
        height_inches: Height of the figure, in inches.

    Returns:
        The figure, with a constrained layout.
    """
    return NotebookFigure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def show_digits(axes: Axes, image: NDArray[Any]) -> None:
    """Draw raw pixels as ink on paper, without ticks.

    Args:
        axes: The axes to draw on.
        image: Raw pixels, 0 (white) to 255 (black); NaN is transparent. (h, w)
    """
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


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
