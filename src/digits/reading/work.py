"""Work: how much of it one picture may take, and how its reading is given up."""

from collections.abc import Callable
from dataclasses import dataclass

from digits.reading.tuning import Tuned, number

UNIT = "columns"
"""Unit of work: what the line network does for a column of a line's image, 25 µs on two cores of a
processor of 2022."""

LARGE_PIXELS = 4_000_000
"""Number of pixels above which a picture may take longer: 5 seconds are promised, 2 up to it."""

SLOW = "what the pictures of benchmarks/slow_pictures.py took"


@dataclass(frozen=True)
class WorkParameters(Tuned):
    """Tuned numbers of how much work there is to do, and may be done for one picture."""

    most: float = number(40_000, UNIT, low=10_000, high=200_000, source=SLOW)
    """Work for one picture, at most: for about five hundred digits."""
    most_of_large: float = number(54_000, UNIT, low=10_000, high=200_000, source=SLOW)
    """The same for a picture of more than `LARGE_PIXELS`."""
    pixel: float = number(0.002, UNIT, low=0.0005, high=0.01, source=SLOW)
    """Work to find words, for each pixel of a picture."""
    ink: float = number(0.015, UNIT, low=0.002, high=0.1, source=SLOW)
    """Work to find words, for each pixel of ink."""
    edge: float = number(0.06, UNIT, low=0.01, high=0.3, source=SLOW)
    """Work to find words, for each pixel at which ink begins."""
    word: float = number(12.0, UNIT, low=2, high=50, source=SLOW)
    """Work to measure a word."""
    digit: float = number(1.5, UNIT, low=0.5, high=10, source=SLOW)
    """Work to make digits of a column of a word, in whatever number of views it is seen."""
    long_word: float = number(2000, UNIT, low=500, high=8000, source=SLOW)
    """Columns of a word, in all views, that take as long to decode as the network takes for them:
    the time to decode them grows with their square."""


WORK = WorkParameters()


class GivenUp(Exception):  # noqa: N818 - nothing went wrong
    """The reading of a picture was given up, as nobody waits for it any more."""


def never() -> bool:
    """Tell that a reading is not given up: what is asked where nobody can give it up."""
    return False


def stop_if(is_given_up: Callable[[], bool]) -> None:
    """Stop here, if nobody waits for the reading any more.

    Raises:
        GivenUp: If so.
    """
    if is_given_up():
        raise GivenUp


class Work:
    """What is left of the work that the reading of one picture may take.

    A limit on seconds would make readings depend on what else the machine does. Work is known
    before it is done, and is the same everywhere.

    Args:
        num_pixels: Number of the picture's pixels.
        is_given_up: Tells whether the reading is to stop; it is asked between its steps.
    """

    def __init__(self, num_pixels: float, is_given_up: Callable[[], bool] = never) -> None:
        self._is_given_up = is_given_up
        self.left = WORK.most if num_pixels <= LARGE_PIXELS else WORK.most_of_large

    def take(self, amount: float, *, keep: float = 0.0) -> bool:
        """Take some of what is left, unless less than what is to be kept would be left then.

        Raises:
            GivenUp: If the reading is to stop.
        """
        self.go_on()
        if amount > self.left - keep:
            return False
        self.left -= amount
        return True

    def spend(self, amount: float) -> None:
        """Take what was done already, when it was seen how much it is."""
        self.left = max(0.0, self.left - amount)

    def go_on(self) -> None:
        """Stop here, if nobody waits for the reading any more.

        Raises:
            GivenUp: If so.
        """
        stop_if(self._is_given_up)
