"""Colours of all figures, in a light and a dark scheme, for the colour-blind as for others.

A figure names its colours, as `BLUE`; the palette that is in use says what they are. The names are
those by which matplotlib finds a colour in the style's cycle, so one drawing function serves
both schemes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True)
class Palette:
    """The colours of one scheme; lower case, each another, so that they can be told in an SVG."""

    blue: str
    orange: str
    green: str
    purple: str
    grey: str
    """Bars and lines of what is in the background."""
    ink: str
    """Text, and the ink of a digit."""
    soft: str
    """Notes and secondary labels."""
    edge: str
    """Axes."""
    pale: str
    """Grid lines and outlines."""
    faint: str
    """Ground of cells that stand back."""
    paper: str
    """Ground of the figure, and text on a strong colour."""


# The colours are Okabe and Ito's, of which blue and orange have a lighter form for dark ground.
# Contrast with the paper is at least 4.5 for ink, soft and blue, and 3 for the other strong ones.
LIGHT = Palette(
    blue="#0072b2",
    orange="#d55e00",
    green="#009e73",
    purple="#b8578f",
    grey="#b4bcc6",
    ink="#1f2933",
    soft="#5c6773",
    edge="#8a94a0",
    pale="#e6e9ed",
    faint="#eef0f3",
    paper="#ffffff",
)
DARK = Palette(
    blue="#56b4e9",
    orange="#ee8a3a",
    green="#2bc294",
    purple="#cc79a7",
    grey="#66717d",
    ink="#e8ebef",
    soft="#a3adb8",
    edge="#7f8a95",
    pale="#323b45",
    faint="#252d36",
    paper="#1a2028",
)

NAMES = tuple(f"C{number}" for number in range(len(fields(Palette))))
BLUE, ORANGE, GREEN, PURPLE, GREY, INK, SOFT, EDGE, PALE, FAINT, PAPER = NAMES

_palette: ContextVar[Palette] = ContextVar("palette", default=LIGHT)


def palette() -> Palette:
    """The palette that is in use."""
    return _palette.get()


@contextmanager
def dark() -> Iterator[None]:
    """Draw and render in dark colours within a `with` block."""
    token = _palette.set(DARK)
    try:
        yield
    finally:
        _palette.reset(token)


def style_sheet() -> str:
    """Write the rules by which an SVG of `to_svg` takes its colours from the page's scheme.

    Returns:
        CSS: the light palette, and the dark one on a screen whose user prefers it.
    """
    light, dark = (
        "".join(
            f"--figure-{field.name}:{value};"
            for field, value in zip(fields(Palette), astuple(colours), strict=True)
        )
        for colours in (LIGHT, DARK)
    )
    return (
        f":root{{{light}}}\n.figure-dark{{display:none}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}"
        ".figure-light{display:none}.figure-dark{display:inline}}\n"
    )
