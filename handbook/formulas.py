"""Formulas in TeX as SVG, which needs no program in the browser and has the text's colour."""

import html
import re

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath, TextToPath

UNITS = 1000
"""Units of the SVG to an em."""

SIZE = 1.08
"""Size of a formula, in ems of the text: its letters are then as high. Chosen by eye."""

_FONT = FontProperties(size=UNITS, math_fontfamily="stix")
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_DISPLAYED = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
_BARE = re.compile(r"(\\sqrt\s*|[_^])(\\text\{[^}]*\}|\w)")
"""An argument without braces, which TeX takes and matplotlib does not."""
_LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
"""SVG's commands by matplotlib's codes."""


def draw_formulas(page: str) -> str:
    """Draw the formulas of a page that `pymdownx.arithmatex` has marked."""
    page = _INLINE.sub(lambda found: formula(html.unescape(found[1])), page)
    return _DISPLAYED.sub(
        lambda found: f'<div class="formula">{formula(_large(html.unescape(found[1])))}</div>', page
    )


def _large(tex: str) -> str:
    """Set the outermost fractions as large as TeX does in a formula that has a line of its own."""
    depth, parts = 0, re.split(r"([{}]|\\frac)", tex)
    for index, part in enumerate(parts):
        depth += (part == "{") - (part == "}")
        if part == r"\frac" and not depth:
            parts[index] = r"\dfrac"
    return "".join(parts)


def formula(tex: str) -> str:
    """Draw a formula, on the line of the text that it stands in.

    Args:
        tex: The formula, without dollars, in the part of TeX that matplotlib knows.

    Returns:
        An `<svg>`, which a screen reader reads as TeX.

    Raises:
        ValueError: If matplotlib does not know something in it.
    """
    braced = _BARE.sub(r"\1{\2}", " ".join(tex.split()))
    text = f"${braced}$"
    width, height, descent = TextToPath().get_text_width_height_descent(text, _FONT, ismath=True)
    path = TextPath((0, 0), text, prop=_FONT)
    drawn = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        flipped = [round(-value if index % 2 else value) for index, value in enumerate(points)]
        numbers = "" if code == path.CLOSEPOLY else " ".join(map(str, flipped))
        drawn.append(_LETTERS[int(code)] + numbers)
    across = [0.0, width, *path.vertices[:, 0]]  # slanted letters stick out
    left, right = min(across), max(across)
    box = (round(left), round(descent - height), round(right - left), round(height))
    style = (
        f"width:{SIZE * (right - left) / UNITS:.3f}em;height:{SIZE * height / UNITS:.3f}em;"
        f"vertical-align:{-SIZE * descent / UNITS:.3f}em"
    )
    return (
        f'<svg class="formula" role="img" aria-label="{html.escape(tex.strip())}" '
        f'viewBox="{" ".join(map(str, box))}" style="{style}"><path d="{"".join(drawn)}"/></svg>'
    )
