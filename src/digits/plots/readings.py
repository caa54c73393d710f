"""Figure that explains a reading: bounding boxes, ink mask, and each glyph's predictions."""

from pathlib import Path
from textwrap import wrap

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digits.files import write_atomic
from digits.plots.canvas import (
    SMALL,
    WIDTH_INCHES,
    fitting,
    new_figure,
    percent,
    show_digits,
    show_strength,
    styled,
    to_png,
)
from digits.plots.colours import BLUE, INK, ORANGE, PAPER, SOFT
from digits.reading.results import Digit, Reading

MAX_GLYPHS = 40
"""Most glyphs that are drawn."""

COLUMNS = 8
"""Number of glyphs in a row."""
LINE_LETTERS = 11
"""Letters in a line of notes below a glyph, 1 or more; as many of the smallest size fit there."""

KIND = "kind"
"""Group id of the texts that say what kind of mark is in a dotted box."""


def write_explanation(reading: Reading, path: Path) -> None:
    """Draw how a picture was read, into a PNG file.

    Args:
        reading: The reading to explain.
        path: The file to write; an existing one is replaced.

    Raises:
        DigitsError: If the file cannot be written.
    """
    write_atomic(path, to_png(explanation(reading)))


@styled
def explanation(reading: Reading, *, width_inches: float = WIDTH_INCHES) -> Figure:
    """Draw how a picture was read.

    The upper part shows the picture with a box around each digit, blue if it was read and orange
    if it was refused, a dotted one around each mark that was left out, with its kind where there
    is room, and the ink mask. Below are the glyphs, the network's input, each with its three most
    probable digits and, if it was refused, the reason.

    Args:
        reading: The reading to explain.
        width_inches: Width of the figure, in inches.

    Returns:
        The figure.
    """
    shown = reading.digits[:MAX_GLYPHS]
    num_columns = fitting(COLUMNS, width_inches)
    rows = [shown[first : first + num_columns] for first in range(0, len(shown), num_columns)]
    heights = [1.2 + 0.16 * max(map(len, map(_notes, row))) for row in rows]
    height, width = reading.picture.grey.shape
    is_side_by_side = width <= 1.6 * height
    panel_width = width_inches / (2 if is_side_by_side else 1)
    panel_height = min(panel_width * height / width, 4.5) + 0.3
    upper_height = panel_height if is_side_by_side else 2 * panel_height
    figure = new_figure(upper_height + sum(heights) + 0.4, width_inches)
    if rows:
        above, below = np.asarray(
            figure.subfigures(2, 1, height_ratios=[upper_height, sum(heights)])
        )
    else:
        above = figure
    panels = above.subplots(*((1, 2) if is_side_by_side else (2, 1)))
    _draw_picture(panels[0], reading)
    _draw_ink(panels[1], reading.ink.mask, reading.ink.is_dark)
    figure.suptitle(_title(reading), fontsize=11, color=INK)
    if rows:
        grid = below.subplots(len(rows), num_columns, squeeze=False, height_ratios=heights)
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        for axes, digit in zip(grid.flat, shown, strict=False):
            _draw_glyph(axes, digit)
    _hide_crowded_kinds(figure, panels[0])
    return figure


def _title(reading: Reading) -> str:
    if not reading.digits:
        return "no digit found"
    text = " / ".join(line.text for line in reading.lines if line.text)
    return text if len(text) <= 60 else text[:59] + "…"


def _notes(digit: Digit) -> list[str]:
    """Write what stands below a glyph: its most probable digits, and why it was refused."""
    guesses = [(digit.label, digit.confidence), *digit.alternatives]
    lines = [f"{label}  {percent(confidence)}" for label, confidence in guesses]
    return lines + (wrap(digit.reason, LINE_LETTERS) if digit.reason else [])


def _draw_picture(axes: Axes, reading: Reading) -> None:
    colour: UInt8[np.ndarray, "h w 3"] = reading.picture.colour
    axes.imshow(colour, interpolation="antialiased")
    axes.set_axis_off()
    axes.set_title("the picture", color=SOFT, fontsize=9)
    picture = reading.picture
    for mark in reading.left_out:
        left, top, width, height = picture.from_original(mark.box)
        frame = Rectangle(
            (left, top), width, height, fill=False, edgecolor=SOFT, lw=1, linestyle=":"
        )
        axes.add_patch(frame)
        axes.annotate(
            mark.kind,
            (left + width / 2, top + height),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            color=SOFT,
            fontsize=SMALL,
            gid=KIND,
            bbox={
                "boxstyle": "round,pad=0.1",
                "facecolor": PAPER,
                "edgecolor": "none",
                "alpha": 0.8,
            },
        )
    for digit in reading.digits:
        left, top, width, height = picture.from_original(digit.box)
        shade = BLUE if digit.reason is None else ORANGE
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=shade, lw=1.2))
        axes.annotate(
            digit.text,
            (left, top),
            xytext=(0, 1),
            textcoords="offset points",
            va="bottom",
            color=PAPER,
            fontsize=SMALL,
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": shade, "edgecolor": "none"},
        )


def _draw_ink(axes: Axes, mask: Bool[np.ndarray, "h w"], is_dark: bool) -> None:
    show_strength(axes, mask.astype(np.float64), INK, most=1)
    axes.images[0].set_interpolation("antialiased")
    axes.spines[:].set_visible(True)
    axes.set_title(
        f"the ink, {'dark on light' if is_dark else 'light on dark'}", color=SOFT, fontsize=9
    )


def _hide_crowded_kinds(figure: Figure, axes: Axes) -> None:
    """Hide the kind of a mark where it would touch another text; its dotted box stays."""
    kinds = [text for text in axes.texts if text.get_gid() == KIND]
    if not kinds:
        return
    figure.draw_without_rendering()  # texts have a place from here on
    taken = [text.get_window_extent() for text in axes.texts if text.get_gid() != KIND]
    for text in kinds:
        box = text.get_window_extent()
        if box.count_overlaps(taken):
            text.set_visible(False)
        else:
            taken.append(box)


def _draw_glyph(axes: Axes, digit: Digit) -> None:
    show_digits(axes, digit.glyph)
    is_read = digit.reason is None
    axes.set_title(
        digit.text, color=BLUE if is_read else ORANGE, fontsize=12, fontweight="bold", pad=2
    )
    axes.set_xlabel("\n".join(_notes(digit)), fontsize=SMALL, color=SOFT if is_read else ORANGE)
