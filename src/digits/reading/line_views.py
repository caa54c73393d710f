"""Line views: the sizes, widths and slants in which a word is seen (test-time augmentation)."""

from dataclasses import dataclass

from digits.reading.ink import LineView
from digits.reading.tuning import Tuned, number


@dataclass(frozen=True)
class LineViewParameters(Tuned):
    """Tuned numbers of the views, over which the probabilities of what a word says are averaged."""

    smaller: float = number(0.88, "usual heights of a digit", low=0.5, high=1)
    """Height of digits in the smaller view."""
    larger: float = number(1.13, "usual heights of a digit", low=1, high=1.5)
    """Height of digits in the larger view; some more of what is around them is not seen."""
    narrower: float = number(0.88, "of the width", low=0.5, high=1)
    """Width of digits in the narrower view."""
    wider: float = number(1.14, "of the width", low=1, high=2)
    """Width of digits in the wider view."""
    slant: float = number(0.18, "pixels to the side for each down", low=0, high=0.5)
    """Shear of the last two views, one to each side."""

    def views(self) -> list[LineView]:
        """List all views, in the order in which a word is seen in more and more of them."""
        return [
            LineView(),
            LineView(size=self.smaller, is_ruled=True),
            LineView(size=self.larger),
            LineView(stretch=self.narrower, is_ruled=True),
            LineView(stretch=self.wider),
            LineView(shear=-self.slant, is_ruled=True),
            LineView(shear=self.slant),
        ]


LINE_VIEWS = LineViewParameters()
