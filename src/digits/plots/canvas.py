"""What all figures share: style, colours, size, and pictures set side by side."""

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
"""In a notebook, which is read on a screen and kept with its pictures."""

INK = "#1f2933"
GREY = "#b4bcc6"
BLUE = "#0072B2"
ORANGE = "#D55E00"
SOFT = "#5c6773"
"""For notes beside what is to be seen."""
PALE = "#e6e9ed"
"""For lines that lead the eye and are not to be seen."""

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
"""Pixels between the tiles of a mosaic."""

P = ParamSpec("P")


class NotebookFigure(Figure):
    """A figure that a notebook shows when it is the last line of a cell."""

    def draw(self, renderer: Any) -> None:
        """Draw in the style of all figures; matplotlib makes ticks no sooner than here."""
        with style.context(["default", STYLE]):
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        return to_png(self, dots_per_inch=SCREEN_DOTS_PER_INCH)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in this style, whatever the user's settings are, and leave those alone."""

    @wraps(draw)
    def draw_styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return draw_styled


def to_png(figure: Figure, *, dots_per_inch: int | None = None) -> bytes:
    """Render a figure, `DOTS_PER_INCH` fine unless told otherwise."""
    buffer = BytesIO()
    with style.context(["default", STYLE]):  # savefig has settings of its own
        figure.savefig(buffer, format="png", dpi=dots_per_inch or DOTS_PER_INCH)
    return buffer.getvalue()


def percent(fraction: float) -> str:
    """A confidence as text; what would be rounded up to 100 % is ">99.9 %", for it is not sure."""
    return ">99.9 %" if fraction >= 0.9995 else f"{100 * fraction:.1f} %"


def new_figure(height_inches: float) -> Figure:
    """An empty figure of the width that all have."""
    return NotebookFigure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def show_digits(axes: Axes, image: NDArray[Any]) -> None:
    """Draw raw pixels as ink on paper: 0 is white, 255 black."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def mosaic(tiles: NDArray[Any]) -> NDArray[np.float64]:
    """Join tiles (rows, columns, h, w) into one picture, with gaps of NaN, which is not drawn.

    One picture is drawn tens of times faster than a hundred small axes.
    """
    padding = ((0, 0), (0, 0), (0, GAP), (0, GAP))
    padded = np.pad(tiles.astype(np.float64), padding, constant_values=np.nan)
    rows, columns, height, width = padded.shape
    joined = padded.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    return joined[:-GAP, :-GAP]


def in_rows(tiles: NDArray[Any], num_columns: int) -> NDArray[np.float64]:
    """Arrange tiles (n, h, w) as (rows, columns, h, w); places left over are NaN."""
    rows = -(-len(tiles) // num_columns)
    filled = np.full((rows * num_columns, *tiles.shape[1:]), np.nan)
    filled[: len(tiles)] = tiles
    return filled.reshape(rows, num_columns, *tiles.shape[1:])


def enlarged(tiles: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat pixels until tiles (n, h, w) are about `size` wide: gaps look alike at every size."""
    factor = max(1, round(size / tiles.shape[-1]))
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def expect_some(count: int) -> None:
    """Refuse to draw nothing.

    Raises:
        InvalidInput: If `count`, of images or records, is 0.
    """
    if count < 1:
        raise InvalidInput("Expected something to draw, found nothing: 0 images or records.")
