"""Reading of lines: the hypotheses of a picture's ink, each read by the line network."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from digits.errors import InvalidInput
from digits.reading.confidence import CONFIDENCE, NO_DIGIT, doubt_line, judge
from digits.reading.decode import Symbol
from digits.reading.ensemble import ENSEMBLE, average
from digits.reading.evidence import is_mostly_read, is_sure, is_whole, share_read, weigh
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
    components_under,
    erase_ruled_lines,
    erase_upright_lines,
    expected_columns,
    find_lines,
    frame_part,
    hypotheses,
    is_empty_cell,
    left_over,
    line_images,
    other_polarity,
    whole_lines,
)
from digits.reading.line_network import LineNetwork
from digits.reading.line_views import LINE_VIEWS
from digits.reading.network import Network
from digits.reading.orientation import (
    ON_ITS_SIDE,
    UPSIDE_DOWN,
    may_be_upside_down,
    may_lie,
    reads_better,
)
from digits.reading.results import NOT_A_DIGIT, REFUSED, Digit, Line, Mark, Reading
from digits.reading.tuning import Tuned, number
from digits.reading.word_reader import NUM_VIEWS, ReadWord, Sight, read_words
from digits.reading.work import WORK, Work

GRAINY_SHARE, OTHER_SHARE, LINE_SHARE = 0.3, 0.7, 0.5
"""Limits on time: shares of the work that is left, for a hypothesis after one that was too much,
for the other polarity, and for the whole as a line."""

HOPELESS = 0.5
"""Limit on time: share of the marks that were read, below which nearly the same ink is not read."""

MAX_IN_LINE = 24
"""Limit on time: most digits of a picture that is read once more, as one line."""

SEPARATORS = ".,-/"
"""Symbols that part numbers."""


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
        glyphs: The network of glyphs, which is asked as well where that one is not sure of a digit
            that stands apart.
        names_digits: Whether that network names all digits instead.
        threshold: Confidence below which a digit is refused.
    """

    def __init__(
        self,
        network: LineNetwork,
        glyphs: Network,
        *,
        names_digits: bool = False,
        threshold: float,
    ) -> None:
        self.network, self.glyphs = network, glyphs
        self.names_digits, self.threshold = names_digits, threshold

    def read(self, picture: Picture, work: Work) -> Reading:
        """Read a picture, also one on its side or upside down, and list what was left out.

        Raises:
            InvalidInput: If more is written on it than may be read at once.
            GivenUp: If the reading is to stop.
        """
        best = self._read_upright(picture, hypotheses(picture.grey), work)
        chosen = best
        if may_lie(best.reading, len(best.lines)):
            shares = zip(ON_ITS_SIDE, (0.5, 1.0), strict=True)
            sides = [self._read_turned(best, turns, work, share) for turns, share in shares]
            better = [one for one in sides if reads_better(one.reading, best.reading)]
            chosen = _best(better or [best])
        if not is_mostly_read(best.reading) and max(picture.grey.shape) > LINE_READER.large:
            # Its grain may be taken for ink.
            shrunk = picture.shrunk(LINE_READER.coarser)
            coarse = self._read_upright(shrunk, hypotheses(shrunk.grey), work)
            chosen = _best([chosen, coarse] if is_mostly_read(coarse.reading) else [chosen])
        if not chosen.turns and may_be_upside_down(chosen.reading):
            turned = self._read_turned(chosen, UPSIDE_DOWN, work, 1.0)
            chosen = turned if reads_better(turned.reading, chosen.reading) else chosen
        if best.cut_short and not is_mostly_read(chosen.reading):
            # Its share was not large enough, and nothing else was read: it gets all that is left.
            chosen = self._read_ink(best.cut_short, picture, work, 1, is_only=True)
            if not is_mostly_read(chosen.reading):
                raise InvalidInput(
                    "Expected at most about five hundred digits at once, or a thousand on more "
                    "than 4 megapixels, found more marks: cut the picture into parts."
                )
        return _with_left_over(chosen)

    def _read_turned(self, as_is: "_Try", turns: int, work: Work, share: float) -> "_Try":
        """Read a picture turned anticlockwise, by the ink that was read as it lies."""
        picture = as_is.reading.picture.turned(turns)
        return self._read_ink(as_is.ink.turned(turns), picture, work, share)

    def _read_upright(self, picture: Picture, found: list[Hypothesis], work: Work) -> "_Try":
        """Read a picture by its hypotheses and, where nothing was read surely, once more."""
        tries = self._read_hypotheses(picture, found, work)
        for one in tries:
            if is_empty_cell(one.ink.mask):
                return one  # the other way round, its paper would be ink
        best = _best(tries)
        is_drawing, is_full = best.ink.noise == 0, len(best.reading.digits) > MAX_IN_LINE
        cut_short = next((one.ink for one in tries if one.is_cut_short), None)
        if not (is_sure(best.reading) or is_drawing or is_full or tries[0].is_cut_short):
            sides = {one.ink.is_dark: one for one in tries if not one.is_cut_short}
            if len(sides) == 1:
                ink = other_polarity(picture.grey, best.ink)
                other = self._read_ink(ink, picture, work, OTHER_SHARE)
                sides[other.ink.is_dark] = other
                tries.append(other)
            tries += [self._read_as_line(one, picture, work) for one in sides.values()]
        return _best(tries)._replace(cut_short=cut_short)

    def _read_hypotheses(
        self, picture: Picture, found: list[Hypothesis], work: Work
    ) -> list["_Try"]:
        """Read a picture by all hypotheses about its ink; the first is always among the tries."""
        tries: list[_Try] = []
        for place, seen in enumerate(found):
            if not any(_is_settled(other) and alike(other.ink, seen.ink) for other in tries):
                # After too much grain to be read, most is kept for the picture shrunk.
                is_grainy = bool(tries) and tries[0].is_cut_short
                share = GRAINY_SHARE if is_grainy else 1 / (len(found) - place)
                one = self._read_ink(seen.ink, picture, work, share, is_only=len(found) == 1)
                tries += [one] if one.is_cut_short or _counts(one.reading, seen) else []
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
            share: Share of it that finding words may take, and of the rest, reading them.
            is_only: Whether there is no other hypothesis; then one view may do. What is no ink may
                look like a digit in one.
        """
        nothing = _Try(Reading((), (), picture, ink), ink, [], cut_short=ink)
        if not work.take(_work_to_find_words(ink), keep=(1 - share) * work.left):
            return nothing
        unruled = erase_ruled_lines(ink)
        try:
            found = find_lines(unruled)
        except TooManyMarks:
            return nothing
        words = [word for line in found for word in line]
        work.spend(WORK.word * len(words))
        seen = _ruled_inks(words, ink, unruled)
        sights = [_sights(word, ruled, unruled) for word, ruled in zip(words, seen, strict=True)]
        keep, at_least = (1 - share) * work.left, 1 if is_only else 3
        read = read_words(self.network, sights, work, keep=keep, at_least=at_least)
        if read is None:
            return nothing
        return _Try(self._reading(found, read, ink, picture, unruled), unruled, found)

    def _read_as_line(self, seen: "_Try", picture: Picture, work: Work) -> "_Try":
        """Read some ink as one line: as a whole, and as what its components say."""
        ink, unruled = seen.ink, seen.unruled
        wholes = whole_lines(ink)
        nothing = seen._replace(reading=Reading((), (), picture, ink))
        if not wholes:
            return nothing
        words = [word for line in seen.lines for word in line]
        word = words if len(words) == 1 else []
        every = LINE_VIEWS.views()

        def see(views: list[LineView]) -> list[LineImage]:
            images = [image for whole in wholes for image in _cut_out(whole, ink, views, every)]
            return images + [image for one in word for image in _see(one, ink, unruled, views)]

        sight = Sight(see, sum(map(expected_columns, wholes + word)))
        keep = (1 - LINE_SHARE) * work.left
        read = read_words(self.network, [[sight]], work, keep=keep, at_least=NUM_VIEWS[-1])
        if read is None:
            return nothing
        return seen._replace(reading=self._reading([wholes[:1]], read, ink, picture))

    def _reading(
        self,
        lines: list[list[Word]],
        read: list[ReadWord],
        ink: Ink,
        picture: Picture,
        unruled: Ink | None = None,
    ) -> Reading:
        """Make a reading of what the words of its lines say.

        Args:
            lines: The words of each line.
            read: What they say, in the same order.
            ink: The ink of the picture.
            picture: The picture.
            unruled: The ink without ruled lines, if its components tell digits apart.
        """
        found = iter(read)
        lines_read: list[Line] = []
        for line in lines:
            confidence = 1.0
            texts: list[str] = []
            parts: list[Digit | Mark] = []
            for word in line:
                decoded, view = next(found)
                is_alone = len(decoded.symbols) == 1
                digits = [
                    self._digit(symbol, view, ink, picture, is_alone=is_alone)
                    for symbol in decoded.symbols
                    if symbol.text.isdigit()
                ]
                confidence *= min([decoded.confidence, *(one.confidence for one in digits)])
                doubted = iter(doubt_line(digits, decoded.confidence, threshold=self.threshold))
                own = [
                    next(doubted) if symbol.text.isdigit() else _mark(symbol, view, picture)
                    for symbol in decoded.symbols
                ]
                if unruled is not None and self.threshold > 0:
                    own = _refuse_joined(own, unruled, picture)
                parts += own
                text = "".join(
                    part.text if isinstance(part, Digit) else REFUSED if part.is_high else ""
                    for part in own
                )
                if word.goes_on:
                    texts[-1] += text
                else:
                    texts.append(text)
            text = " ".join(text for text in texts if text)
            box = picture.to_original(_around(line))
            lines_read.append(Line(text, confidence, tuple(parts), box))
        left_out = tuple(mark for line in lines_read for mark in line.marks)
        return Reading(tuple(lines_read), left_out, picture, ink)

    def _digit(
        self, symbol: Symbol, view: LineImage, ink: Ink, picture: Picture, *, is_alone: bool
    ) -> Digit:
        glyph, box, is_apart = frame_part(view, symbol.box, ink, is_alone=is_alone)
        probabilities = symbol.probabilities
        is_unsure = probabilities.max() < ENSEMBLE.sure_alone
        if self.names_digits or (is_unsure and is_apart):
            opinion = self.glyphs.probabilities(glyph[None])[0]
            probabilities = opinion if self.names_digits else _with_opinion(probabilities, opinion)
        return judge(probabilities, glyph, picture.to_original(box), threshold=self.threshold)


class _Try(NamedTuple):
    """A reading of some ink."""

    reading: Reading
    unruled: Ink
    """Its ink without ruled lines."""
    lines: list[list[Word]]
    """The lines of words that its components make."""
    cut_short: Ink | None = None
    """Ink that was not read, as it would have been too much work: this, or other of the picture."""

    @property
    def is_cut_short(self) -> bool:
        return self.cut_short is not None

    @property
    def ink(self) -> Ink:
        return self.reading.ink

    @property
    def turns(self) -> int:
        return self.reading.picture.turns


def _with_opinion(
    probabilities: Float[np.ndarray, " 10"], opinion: Float[np.ndarray, " 10"]
) -> Float[np.ndarray, " 10"]:
    """Average the probabilities of both networks, if that of glyphs takes it for a digit."""
    is_digit = opinion.max() > CONFIDENCE.threshold
    return average(probabilities, opinion) if is_digit else probabilities


def cut_out_words(ink: Ink, views: list[LineView]) -> list[list[LineImage]]:
    """Cut out the words that some ink makes, each as it is seen in these views.

    Raises:
        TooManyMarks: If more is written than may be read at once.
    """
    unruled = erase_ruled_lines(ink)
    words = [word for line in find_lines(unruled) for word in line]
    seen = _ruled_inks(words, ink, unruled)
    return [_see(word, ruled, unruled, views) for word, ruled in zip(words, seen, strict=True)]


def cut_out_lines(ink: Ink, views: list[LineView]) -> list[list[LineImage]]:
    """Cut out some ink as one line, in the ways in which it may be one, each in these views."""
    return [_cut_out(whole, ink, views, LINE_VIEWS.views()) for whole in whole_lines(ink)]


def _ruled_inks(words: list[Word], ink: Ink, unruled: Ink) -> list[Ink]:
    """Choose the ink in which each word is seen where ruled lines are seen, too."""
    if not words:
        return []
    height = float(np.median([word.height for word in words]))
    level = erase_upright_lines(ink, unruled, height)
    # What is narrow may be left of an upright line: beside the rest of it, it is seen as that.
    return [level if word.width > word.height else ink for word in words]


def _work_to_find_words(ink: Ink) -> float:
    edges = np.count_nonzero(ink.mask[:, 1:] > ink.mask[:, :-1])
    ink_pixels = np.count_nonzero(ink.mask)
    return WORK.pixel * ink.mask.size + WORK.ink * ink_pixels + WORK.edge * edges


def _sights(word: Word, ink: Ink, unruled: Ink) -> list[Sight]:
    """Ways to see a word: a skewed one as turned, and as if its digits stood upright."""

    def see(views: list[LineView]) -> list[LineImage]:
        return _see(word, ink, unruled, views)

    def see_upright(views: list[LineView]) -> list[LineImage]:
        return see([view._replace(is_upright=True) for view in views])

    is_skewed = abs(word.angle) > LAYOUT.skew_limit
    return [
        Sight(way, expected_columns(word)) for way in ((see, see_upright) if is_skewed else (see,))
    ]


def _see(word: Word, ink: Ink, unruled: Ink, views: list[LineView]) -> list[LineImage]:
    """See a word in some views without ruled lines, in others with them.

    Lines hide digits, and take parts of them along when they are erased.
    """
    images = []
    of_both = views, LINE_VIEWS.views()
    for is_ruled, seen in ((False, unruled), (True, ink)):
        some, every = ([v for v in them if v.is_ruled == is_ruled] for them in of_both)
        images += _cut_out(word, seen, some, every)
    return images


def _cut_out(word: Word, ink: Ink, views: list[LineView], every: list[LineView]) -> list[LineImage]:
    """Cut out a word for some views, in the same way whichever of all they are."""
    return line_images(word, ink, views, largest=max(view.size for view in every))


def _mark(symbol: Symbol, view: LineImage, picture: Picture) -> Mark:
    box = picture.to_original(view.box_in_picture(symbol.box))
    is_separator = symbol.text in SEPARATORS
    return Mark("separator", box, symbol.text) if is_separator else Mark(NOT_A_DIGIT, box)


def _refuse_joined(parts: list[Digit | Mark], unruled: Ink, picture: Picture) -> list[Digit | Mark]:
    """Refuse the digits of a word that are one component of ink with what is no digit."""
    is_other = [
        part.reason == NO_DIGIT if isinstance(part, Digit) else part.kind == NOT_A_DIGIT
        for part in parts
    ]
    if not any(is_other):
        return parts
    boxes = [picture.from_original(part.box) for part in parts]
    found = components_under(unruled.mask, boxes)
    others = {component for component, other in zip(found, is_other, strict=True) if other} - {0}
    return [
        replace(part, reason="it is part of what is no digit")
        if isinstance(part, Digit) and part.reason is None and component in others
        else part
        for part, component in zip(parts, found, strict=True)
    ]


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
    return not hypothesis.needs_sure_digits or share_read(reading) > HYPOTHESES.sure


def _is_settled(one: _Try) -> bool:
    """Tell whether nearly the same ink need not be read once more: it was read whole, or hardly."""
    is_hopeless = not one.is_cut_short and share_read(one.reading) < HOPELESS
    return is_hopeless or is_whole(one.reading)


def _best(tries: list[_Try]) -> _Try:
    """Take the reading with the most evidence."""
    return max(tries, key=lambda one: weigh(one.reading))
