"""Work: how much of it one picture may take, and how its reading is given up."""

from collections.abc import Callable

MAX_WORK = 60_000
"""Limit on a picture's time: work that its reading may take. The unit is what the line network does
for a column of a line's image: 25 µs on two cores of a processor of 2022."""


class GivenUp(Exception):  # noqa: N818 - nothing went wrong
    """The reading of a picture was given up, as nobody waits for it any more."""


class Work:
    """What is left of the work that the reading of one picture may take.

    A limit on seconds would make readings depend on what else the machine does. Work is known
    before it is done, and is the same everywhere.

    Args:
        is_given_up: Tells whether the reading is to stop; it is asked between its steps.
    """

    def __init__(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        self._is_given_up = is_given_up
        self._left = float(MAX_WORK)

    def take(self, amount: float, *, share: float = 1) -> bool:
        """Take some of what is left, if that share of it is as much.

        Raises:
            GivenUp: If the reading is to stop.
        """
        self.go_on()
        if amount > share * self._left:
            return False
        self._left -= amount
        return True

    def spend(self, amount: float) -> None:
        """Take what was done already, when it was seen how much it is."""
        self._left = max(0.0, self._left - amount)

    def go_on(self) -> None:
        """Stop here, if nobody waits for the reading any more.

        Raises:
            GivenUp: If so.
        """
        if self._is_given_up():
            raise GivenUp
