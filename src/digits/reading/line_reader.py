"""Reading of lines: the hypotheses of a picture's ink, each read by the line network."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from digits.errors import InvalidInput
from digits.reading.confidence import doubt_line, judge
from digits.reading.decode import Symbol, decode
from digits.reading.ink import (
    HYPOTHESES,
    LAYOUT,
    Hypothesis,
    Ink,
    LineImage,
    LineView,
    Picture,
    TooManyMarks,
    Word,
    alike,
    erase_ruled_lines,
    erase_upright_lines,
    expected_columns,
    find_lines,
    frame_part,
    hypotheses,
    left_over,
    line_images,
    other_polarity,
    whole_lines,
)
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.results import NOT_A_DIGIT, REFUSED, Digit, Line, Mark, Reading
from digits.reading.tuning import Tuned, number
from digits.reading.work import Work

VIEWS = [
    LineView(),
    LineView(size=0.88),
    LineView(size=1.13),
    LineView(stretch=0.88),
    LineView(stretch=1.14),
    LineView(shear=-0.18),
    LineView(shear=0.18),
]
"""Views of each word, over which the probabilities of what it says are averaged."""

NUM_VIEWS = (len(VIEWS), 3, 1)
"""Limit on time: numbers of views that words are seen in, where all of them are too much work."""

LONG_WORD = 2000
"""Limit on time: columns of a word, in all views, that take as long to decode as the network takes
for them. The time for decoding grows with their square."""

DIGIT_WORK = 2.0
"""Limit on time: work for the digits of a column, in whatever number of views it was seen."""

PIXEL_WORK, INK_WORK, EDGE_WORK, WORD_WORK = 0.002, 0.015, 0.06, 12.0
"""Limits on time: work to find words, for a pixel of a picture, one that is ink, one at which ink
begins, and a word; weighed by what they took in the pictures of benchmarks/slow_pictures.py."""

GRAINY_SHARE, OTHER_SHARE, LINE_SHARE = 0.3, 0.7, 0.5
"""Limits on time: shares of the work that is left, for a hypothesis after one that was too much,
for the other polarity, and for the whole as a line."""

MAX_TURNED = 200
"""Limit on time: most marks of a picture that is read once more on its side."""

MAX_IN_LINE = 24
"""Limit on time: most digits of a picture that is read once more, as one line."""

SEPARATORS = ".,-/"
"""Symbols that part numbers."""

AS_HIGH_AS_DIGITS = "/?"
"""Symbols that stand in a digit's place: question marks in a line's text."""


@dataclass(frozen=True)
class LineReaderParameters(Tuned):
    """Tuned numbers of reading a picture once more."""

    large: int = number(1000, "pixels", low=200, high=2000)
    """Longer side of a picture above which it may be too large to tell ink from grain."""
    coarser: int = number(3, "factor", low=2, high=8)
    """Factor by which such a picture is shrunk."""


LINE_READER = LineReaderParameters()


class LineReader:
    """Reads the lines of pictures.

    Args:
        network: The line network, which finds the digits and reads them.
        classifier: A network that is to read the digits that the line network finds, if any.
        threshold: Confidence below which a digit is refused.
    """

    def __init__(
        self, network: LineNetwork, classifier: Network | None, *, threshold: float
    ) -> None:
        self.network, self.classifier, self.threshold = network, classifier, threshold

    def read(self, picture: Picture, work: Work) -> Reading:
        """Read a picture, also one that lies on its side, and list what was left out.

        Raises:
            InvalidInput: If more is written on it than may be read at once.
            GivenUp: If the reading is to stop.
        """
        found = hypotheses(picture.grey)
        best = self._read_upright(picture, found, work)
        is_unsure = _share_read(best.reading) < HYPOTHESES.sure
        tries: list[_Try] = []
        if is_unsure and 0 < _marks(best.reading) <= MAX_TURNED:  # it may lie on its side
            for turns in (1, 3):
                turned = [seen._replace(ink=seen.ink.turned(turns)) for seen in found]
                tries += self._read_hypotheses(picture.turned(turns), turned, work)
        if is_unsure and max(picture.grey.shape) > LINE_READER.large:
            # Its grain may be taken for ink.
            shrunk = picture.shrunk(LINE_READER.coarser)
            tries.append(self._read_upright(shrunk, hypotheses(shrunk.grey), work))
        sure = [other for other in tries if _share_read(other.reading) >= HYPOTHESES.sure]
        chosen = _best([best, *sure])
        if best.is_cut_short and not chosen.reading.digits:
            raise InvalidInput(
                "Expected at most about a thousand digits at once, found more marks: "
                "cut the picture into parts."
            )
        return _with_left_over(chosen)

    def _read_upright(self, picture: Picture, found: list[Hypothesis], work: Work) -> "_Try":
        """Read a picture by its hypotheses and, where nothing was read surely, once more."""
        tries = self._read_hypotheses(picture, found, work)
        best = _best(tries)
        is_drawing, is_full = best.ink.noise == 0, len(best.reading.digits) > MAX_IN_LINE
        is_cut_short = tries[0].is_cut_short  # the likeliest
        if not (_is_sure(best.reading) or is_drawing or is_full or is_cut_short):
            sides = {one.ink.is_dark: one for one in tries}
            if len(sides) == 1:
                ink = other_polarity(picture.grey, best.ink)
                other = self._read_ink(ink, picture, work, OTHER_SHARE)
                sides[other.ink.is_dark] = other
                tries.append(other)
            tries += [self._read_as_line(one, picture, work) for one in sides.values()]
        return _best(tries)._replace(is_cut_short=is_cut_short)

    def _read_hypotheses(
        self, picture: Picture, found: list[Hypothesis], work: Work
    ) -> list["_Try"]:
        """Read a picture by all hypotheses about its ink; the first is always among the tries."""
        tries: list[_Try] = []
        for place, seen in enumerate(found):
            # Ink that was read surely and whole is not read once more.
            if not any(_is_whole(other.reading) and alike(other.ink, seen.ink) for other in tries):
                # After too much grain to be read, most is kept for the picture shrunk.
                is_grainy = bool(tries) and tries[0].is_cut_short
                share = GRAINY_SHARE if is_grainy else 1 / (len(found) - place)
                one = self._read_ink(seen.ink, picture, work, share, is_only=len(found) == 1)
                tries += [one] if _counts(one.reading, seen) else []
        return tries

    def _read_ink(
        self,
        ink: Ink,
        picture: Picture,
        work: Work,
        share: float,
        *,
        is_only: bool = False,
    ) -> "_Try":
        """Read the lines that the components of some ink make.

        Args:
            ink: The ink.
            picture: The picture that it is on.
            work: What is left of the work; where it is not enough, nothing is read.
            share: Share of it that this may take.
            is_only: Whether there is no other hypothesis; then it may be read in one view.
        """
        nothing = _Try(Reading((), (), picture, ink), ink, [], is_cut_short=True)
        if not work.take(_work_to_find_words(ink), share=share):
            return nothing
        unruled = erase_ruled_lines(ink)
        try:
            found = find_lines(unruled)
        except TooManyMarks:
            return nothing
        words = [word for line in found for word in line]
        work.spend(WORD_WORK * len(words))
        numbers = NUM_VIEWS if is_only else NUM_VIEWS[:2]
        views = _affordable_views(words, work, share, numbers)
        if not views:
            return nothing
        level = ink
        if words:
            height = float(np.median([word.height for word in words]))
            level = erase_upright_lines(ink, unruled, height)
        # What is narrow may be left of an upright line: beside the rest of it, it is seen as that.
        lines = [
            [
                _Seen(
                    word, _sights(word, level if word.width > word.height else ink, unruled, views)
                )
                for word in line
            ]
            for line in found
        ]
        return _Try(self._read_seen(lines, ink, picture, work), unruled, words)

    def _read_as_line(self, seen: "_Try", picture: Picture, work: Work) -> "_Try":
        """Read some ink as one line: as a whole, and as what its components say."""
        ink, unruled = seen.ink, seen.unruled
        wholes = whole_lines(ink)
        word = seen.words if len(seen.words) == 1 else []
        views = _affordable_views(wholes + word, work, LINE_SHARE, NUM_VIEWS[:1])
        if not wholes or not views:
            return seen._replace(reading=Reading((), (), picture, ink))
        images = [image for whole in wholes for image in line_images(whole, ink, views)]
        for one in word:
            images += _views(one, ink, unruled, views)
        line = [[_Seen(wholes[0], [images])]]
        return seen._replace(reading=self._read_seen(line, ink, picture, work))

    def _read_seen(
        self, lines: list[list["_Seen"]], ink: Ink, picture: Picture, work: Work
    ) -> Reading:
        """Read words, each seen in several views."""
        images = [
            image.pixels
            for line in lines
            for word in line
            for views in word.sights
            for image in views
        ]
        columns = iter(self.network.columns(images))
        read: list[Line] = []
        for line in lines:
            confidence = 1.0
            texts: list[str] = []
            parts: list[Digit | Mark] = []
            for word in line:
                work.go_on()
                decoded, view = max(
                    (
                        (decoded := decode([next(columns) for _ in views]), views[decoded.view])
                        for views in word.sights
                    ),
                    key=lambda option: option[0].confidence,
                )
                digits = [
                    self._digit(symbol, view, ink, picture)
                    for symbol in decoded.symbols
                    if symbol.text.isdigit()
                ]
                confidence *= min([decoded.confidence, *(one.confidence for one in digits)])
                found = iter(doubt_line(digits, decoded.confidence, threshold=self.threshold))
                text = ""
                for symbol in decoded.symbols:
                    if symbol.text.isdigit():
                        digit = next(found)
                        parts.append(digit)
                        text += digit.text
                        continue
                    parts.append(_mark(symbol, view, picture))
                    text += REFUSED if symbol.text in AS_HIGH_AS_DIGITS else ""
                if word.word.goes_on:
                    texts[-1] += text
                else:
                    texts.append(text)
            text = " ".join(text for text in texts if text)
            box = picture.to_original(_around([word.word for word in line]))
            read.append(Line(text, confidence, tuple(parts), box))
        left_out = tuple(mark for line in read for mark in line.marks)
        return Reading(tuple(read), left_out, picture, ink)

    def _digit(self, symbol: Symbol, view: LineImage, ink: Ink, picture: Picture) -> Digit:
        glyph, box = frame_part(view, symbol.box, ink)
        probabilities = symbol.probabilities
        if self.classifier is not None:
            probabilities = self.classifier.probabilities(glyph[None])[0]
        return judge(probabilities, glyph, picture.to_original(box), threshold=self.threshold)


class _Try(NamedTuple):
    """A reading of some ink."""

    reading: Reading
    unruled: Ink
    """Its ink without ruled lines."""
    words: list[Word]
    """The words that it makes."""
    is_cut_short: bool = False
    """Whether it was not read, as it would have been too much work."""

    @property
    def ink(self) -> Ink:
        return self.reading.ink


class _Seen(NamedTuple):
    """A word, and its images in several views: in one way to level it, or two."""

    word: Word
    sights: list[list[LineImage]]


def _work_to_find_words(ink: Ink) -> float:
    edges = np.count_nonzero(ink.mask[:, 1:] > ink.mask[:, :-1])
    ink_pixels = np.count_nonzero(ink.mask)
    return PIXEL_WORK * ink.mask.size + INK_WORK * ink_pixels + EDGE_WORK * edges


def _affordable_views(
    words: list[Word], work: Work, share: float, numbers: tuple[int, ...]
) -> list[LineView]:
    """Choose the views that words are seen in, by their numbers; none, if all are too much work."""
    ways = np.array([1 + _is_skewed(word) for word in words])
    columns = np.array([expected_columns(word) for word in words])
    for num_views in numbers:
        seen = num_views * columns
        needed = ways * seen * (1 + seen / LONG_WORD) + DIGIT_WORK * columns
        if work.take(float(needed.sum()), share=share):
            return VIEWS[:num_views]
    return []


def _is_skewed(word: Word) -> bool:
    return abs(word.angle) > LAYOUT.skew_limit


def _sights(word: Word, ink: Ink, unruled: Ink, views: list[LineView]) -> list[list[LineImage]]:
    """See a word in some views; a skewed one as turned, and as if its digits stood upright."""
    sights = [_views(word, ink, unruled, views)]
    if _is_skewed(word):
        upright = [view._replace(is_upright=True) for view in views]
        sights.append(_views(word, ink, unruled, upright))
    return sights


def _views(word: Word, ink: Ink, unruled: Ink, views: list[LineView]) -> list[LineImage]:
    """See a word in some views without ruled lines, in others with them.

    Lines hide digits, and take parts of them along when they are erased.
    """
    return line_images(word, unruled, views[::2]) + line_images(word, ink, views[1::2])


def _mark(symbol: Symbol, view: LineImage, picture: Picture) -> Mark:
    box = picture.to_original(view.box_in_picture(symbol.box))
    is_separator = symbol.text in SEPARATORS
    return Mark("separator", box, symbol.text) if is_separator else Mark(NOT_A_DIGIT, box)


def _around(line: list[Word]) -> tuple[float, float, float, float]:
    """The upright box around the words of a line, in pixels of the picture."""
    corners: Float[np.ndarray, "n 2"] = np.concatenate([word.corners for word in line])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def _with_left_over(read: _Try) -> Reading:
    """Add the ink that was not read to what was left out."""
    reading, picture = read.reading, read.reading.picture
    marks: list[Digit | Mark] = [*reading.digits, *reading.left_out]
    boxes = [picture.from_original(mark.box) for mark in marks]
    more = left_over(read.ink.mask, read.unruled.mask, boxes)
    left = tuple(Mark(kind, picture.to_original(box)) for kind, box in more)
    return replace(reading, left_out=reading.left_out + left)


def _counts(reading: Reading, hypothesis: Hypothesis) -> bool:
    """Tell whether a reading may be given, as sure as its hypothesis needs it to be."""
    return not hypothesis.needs_sure_digits or _share_read(reading) > HYPOTHESES.sure


def _marks(reading: Reading) -> int:
    """Count what is on a picture beside separators: digits, and what is as high as they."""
    return len(reading.digits) + sum(mark.kind == NOT_A_DIGIT for mark in reading.left_out)


def _share_read(reading: Reading) -> float:
    """Compute the share of the marks that were read as digits."""
    accepted = sum(digit.reason is None for digit in reading.digits)
    return accepted / max(1, _marks(reading))


def _is_sure(reading: Reading) -> bool:
    """Tell whether all lines of a reading are sure."""
    confidences = [line.confidence for line in reading.lines if line.digits]
    return bool(confidences) and min(confidences) > HYPOTHESES.sure


def _is_whole(reading: Reading) -> bool:
    """Tell whether all lines of a reading are sure, and all that is as high as digits was read."""
    return _is_sure(reading) and _share_read(reading) == 1


def _best(tries: list[_Try]) -> _Try:
    """Take the reading with the most evidence."""
    return max(tries, key=lambda one: _evidence(one.reading))


def _evidence(reading: Reading) -> tuple[bool, float]:
    """Weigh a reading beside others of the same picture.

    Any counts more than an empty one: what can't be read is shown.
    """
    evidence = sum(digit.confidence - HYPOTHESES.evidence for digit in reading.digits)
    return bool(reading.digits), evidence
