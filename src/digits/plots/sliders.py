"""A figure with a slider where ipywidgets is installed, else the plain figure."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

from matplotlib.figure import Figure

from digits.errors import InvalidInput
from digits.plots.canvas import SCREEN_DOTS_PER_INCH, to_png

T = TypeVar("T")


class Slider(Generic[T]):
    """Figure of one value among several, which is chosen with a slider.

    Where a notebook shows no widgets, it shows one figure of the values in `shown` instead. Both
    are in what the notebook is told; it takes what it can show.

    Args:
        draw: Draws the figure of one value or of several: `draw(a)`, `draw(a, b)`.
        label: Quantity that the slider changes, with its unit.
        values: Values to choose from.
        shown: Those of them that the plain figure is of, in the order of `values`; the slider
            begins at the first of `shown`.

    Raises:
        InvalidInput: If nothing is shown, or something that can't be chosen.
    """

    def __init__(
        self, draw: Callable[..., Figure], *, label: str, values: Sequence[T], shown: Sequence[T]
    ) -> None:
        others = [value for value in shown if value not in values]
        if others or not shown:
            raise InvalidInput(
                f"Expected some of the slider's values {list(values)} to show, found {list(shown)}."
            )
        self._draw = draw
        self._label = label
        self._values = list(values)
        self._shown = list(shown)

    def __repr__(self) -> str:
        return f"<slider of {self._label}, {len(self._values)} values>"

    def figure(self, *values: T) -> bytes:
        """PNG of the figure of these values, for a screen.

        Args:
            values: The values, at least one.

        Returns:
            The content of the PNG file.
        """
        return to_png(self._draw(*values), dots_per_inch=SCREEN_DOTS_PER_INCH)

    def widget(self) -> Any:
        """The slider above its figure, as widgets of ipywidgets, which must be installed.

        Returns:
            A box of two widgets: the slider, and the picture that follows it.
        """
        import ipywidgets

        slider = ipywidgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in self._values],
            value=self._shown[0],
            description=self._label,
            continuous_update=False,  # a figure takes longer to draw than a hand to move on
            style={"description_width": "initial"},
            layout={"width": "28em"},
        )
        picture = ipywidgets.Image(value=self.figure(slider.value), format="png")

        def redraw(change: dict[str, Any]) -> None:
            picture.value = self.figure(change["new"])

        slider.observe(redraw, names="value")
        return ipywidgets.VBox([slider, picture])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        plain = [value for value in self._values if value in self._shown]
        shown: dict[str, Any] = {"text/plain": repr(self), "image/png": self.figure(*plain)}
        if find_spec("ipywidgets"):
            shown = self.widget()._repr_mimebundle_() | shown
        return shown
