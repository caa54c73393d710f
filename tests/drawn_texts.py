"""What is drawn on a figure, and where, to tell what touches."""

from dataclasses import dataclass
from unittest.mock import patch

from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


@dataclass(frozen=True)
class DrawnText:
    """A text that is seen, and its rectangle in pixels."""

    text: str
    box: Bbox
    size: float
    """Size of its letters, in points."""


def drawn_texts(figure: Figure) -> list[DrawnText]:
    """Draw a figure, and list the texts that are seen on it."""
    found: dict[int, DrawnText] = {}
    draw = Text.draw

    def record(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer)
            found[id(text)] = DrawnText(text.get_text(), box, float(text.get_fontsize()))
        draw(text, renderer)

    with patch.object(Text, "draw", record):
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return list(found.values())


def touching(texts: list[DrawnText], figure: Figure) -> list[str]:
    """List which texts overlap another, or the edge of the figure."""
    page, faults = figure.bbox, []
    for place, one in enumerate(texts):
        if one.box.x0 < page.x0 or one.box.x1 > page.x1:
            faults.append(f"{one.text!r} leaves the figure sideways")
        if one.box.y0 < page.y0 or one.box.y1 > page.y1:
            faults.append(f"{one.text!r} leaves the figure above or below")
        for other in texts[place + 1 :]:
            both = Bbox.intersection(one.box, other.box)
            if both is not None and both.width > 0.5 and both.height > 0.5:
                faults.append(f"{one.text!r} on {other.text!r}")
    return faults
