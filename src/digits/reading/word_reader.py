"""Reading of words: each seen in more and more views, until it is read surely."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from digits.reading.ctc import Classes
from digits.reading.decode import Decoded, decode, propose
from digits.reading.ink import LineImage, LineView
from digits.reading.line_network import Columns, LineNetwork
from digits.reading.line_views import LINE_VIEWS
from digits.reading.tuning import Tuned, number
from digits.reading.work import WORK, Work

NUM_VIEWS = (1, 3, len(LINE_VIEWS.views()))
"""How many of the views a word is seen in: the first, then more, if it is not read surely."""

ALIKE = "of 1,956 words that were as sure, none said another number in all views, or was refused"


@dataclass(frozen=True)
class WordReaderParameters(Tuned):
    """Tuned numbers of reading words in few views: less of them takes less time."""

    sure_in_one: float = number(0.99, "probability", low=0.9, high=1, source=ALIKE)
    """Confidence in one view, from which on a word is seen in no other."""
    sure_in_three: float = number(0.9, "probability", low=0.8, high=1, source=ALIKE)
    """Confidence in three views, from which on it is seen in no other."""

    def enough(self, num_views: int) -> float:
        """Confidence that is enough, in so many views."""
        return {1: self.sure_in_one, 3: self.sure_in_three}.get(num_views, 0.0)


WORD_READER = WordReaderParameters()


class ReadWord(NamedTuple):
    """What a word says."""

    decoded: Decoded
    image: LineImage
    """The image on which the boxes of its symbols are."""


class Sight:
    """A word as it is seen by one way to level it, in the first few of the views.

    Args:
        cut_out: Cuts the word out of the picture, in some views.
        num_columns: Columns that the network gives for it in one view, about.
    """

    def __init__(
        self, cut_out: Callable[[list[LineView]], list[LineImage]], num_columns: float
    ) -> None:
        self._cut_out, self._num_columns = cut_out, num_columns
        self._num_views = 0
        self._images: list[LineImage] = []
        self._columns: list[Columns] = []
        self._proposals: set[Classes] = set()

    def see(self, num_views: int) -> list[LineImage]:
        """See the word in more views, so many in all; returns its images in those."""
        images = self._cut_out(LINE_VIEWS.views()[self._num_views : num_views])
        self._num_views = num_views
        self._images += images
        return images

    def add(self, columns: Columns) -> None:
        """Add what the network gave for the next of its images."""
        self._columns.append(columns)
        self._proposals |= propose(columns)

    def read(self) -> ReadWord:
        """Read the word by the views that it was seen in."""
        decoded = decode(self._columns, sorted(self._proposals))
        return ReadWord(decoded, self._images[decoded.view])

    def work_for(self, num_views: int) -> float:
        """Compute the work to read the word in more views, so many in all."""
        seen, new = (n * self._num_columns for n in (num_views, num_views - self._num_views))
        digits = WORK.digit * self._num_columns if not self._num_views else 0.0
        return new + seen**2 / WORK.long_word + digits  # all are decoded, not only the new ones

    def may_be_sure(self, confidence: float, num_views: int) -> bool:
        """Guess whether more views, so many in all, may make its confidence enough.

        Confidence is a mean over views: each new one adds 1 at most. (That more views propose more
        readings, of which some are the same number, changes little.)
        """
        most = self._num_views * confidence + (num_views - self._num_views)
        return most >= num_views * WORD_READER.enough(num_views)


def read_words(
    network: LineNetwork,
    words: list[list[Sight]],
    work: Work,
    *,
    keep: float,
    at_least: int,
) -> list[ReadWord] | None:
    """Read words, each by the sight of which it is surest.

    Args:
        network: The network of lines.
        words: Sights of each word, in no view yet.
        work: What is left of the work.
        keep: How much of that is to be left.
        at_least: In how many views each word is seen, if there is work enough left; one of
            `NUM_VIEWS`.

    Returns:
        What they say; none if there is not enough work left for one view of each.

    Raises:
        GivenUp: If the reading is to stop.
    """
    possible = [
        num_views
        for num_views in NUM_VIEWS
        if num_views <= at_least and _work_for(words, num_views) <= work.left - keep
    ]
    if not possible:
        return None
    read: dict[int, ReadWord] = {}
    unsure = list(range(len(words)))
    for num_views in NUM_VIEWS[NUM_VIEWS.index(possible[-1]) :]:
        chosen = unsure
        if read and _work_for([words[index] for index in unsure], NUM_VIEWS[-1]) < work.left - keep:
            # What is so unsure that it will be seen in all views waits for them.
            chosen = [
                index
                for index in unsure
                if words[index][0].may_be_sure(read[index].decoded.confidence, num_views)
            ]
        if not work.take(_work_for([words[index] for index in chosen], num_views), keep=keep):
            break
        seen = [
            (sight, image)
            for index in chosen
            for sight in words[index]
            for image in sight.see(num_views)
        ]
        found = network.columns([image.pixels for _, image in seen])
        for (sight, _), columns in zip(seen, found, strict=True):
            sight.add(columns)
        for index in chosen:
            work.go_on()
            options = [sight.read() for sight in words[index]]
            read[index] = max(options, key=lambda option: option.decoded.confidence)
        enough = WORD_READER.enough(num_views)
        unsure = [index for index in unsure if read[index].decoded.confidence < enough]
    return [read[index] for index in range(len(words))]


def _work_for(words: list[list[Sight]], num_views: int) -> float:
    return sum(sight.work_for(num_views) for sights in words for sight in sights)
