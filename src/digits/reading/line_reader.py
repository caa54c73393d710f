"""Reading of lines: the hypotheses of a picture's ink, each read by the line network."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

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
    Word,
    alike,
    erase_ruled_lines,
    erase_upright_lines,
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

MAX_WORDS = 400
"""Limit on time: most words of a picture; one with more is texture, and not read."""

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

    def read(self, picture: Picture) -> Reading:
        """Read a picture, also one that lies on its side, and list what was left out."""
        reading = self._read_upright(picture)
        others = []
        if 0 < _marks(reading) <= MAX_TURNED and _share_read(reading) < HYPOTHESES.sure:
            others = [picture.turned(1), picture.turned(3)]  # it may lie on its side
        if _share_read(reading) < HYPOTHESES.sure and max(picture.grey.shape) > LINE_READER.large:
            others.append(picture.shrunk(LINE_READER.coarser))  # its grain may be taken for ink
        readings = [self._read_upright(other) for other in others]
        sure = [other for other in readings if _share_read(other) >= HYPOTHESES.sure]
        reading = max([reading, *sure], key=_evidence)
        return _with_left_over(reading)

    def _read_upright(self, picture: Picture) -> Reading:
        """Read a picture by the hypothesis of which the reading has the most evidence."""
        readings: list[Reading] = []
        for seen in hypotheses(picture.grey):
            # Ink that was read surely and whole is not read once more.
            if not any(_is_whole(other) and alike(other.ink, seen.ink) for other in readings):
                reading = self._read_ink(seen.ink, picture)
                readings += [reading] if _counts(reading, seen) else []
        best = max(readings, key=_evidence)
        is_drawing = best.ink.noise == 0
        if _is_sure(best) or is_drawing or len(best.digits) > MAX_IN_LINE:
            return best
        # What follows takes time, and is tried where nothing was read surely.
        sides = {reading.ink.is_dark: reading.ink for reading in readings}
        if len(sides) == 1:
            other = other_polarity(picture.grey, best.ink)
            sides[other.is_dark] = other
            readings.append(self._read_ink(other, picture))
        readings += [self._read_as_line(ink, picture) for ink in sides.values()]
        return max(readings, key=_evidence)

    def _read_ink(self, ink: Ink, picture: Picture) -> Reading:
        """Read the lines that the components of some ink make."""
        erased = erase_ruled_lines(ink)
        found = find_lines(erased)
        if sum(map(len, found)) > MAX_WORDS:
            return Reading((), (), picture, ink)
        heights = [word.height for line in found for word in line]
        level = erase_upright_lines(ink, erased, float(np.median(heights))) if heights else ink
        # What is narrow may be left of an upright line: beside the rest of it, it is seen as that.
        lines = [
            [
                _Seen(word, _sights(word, level if word.width > word.height else ink, erased))
                for word in line
            ]
            for line in found
        ]
        return self._read_seen(lines, ink, picture)

    def _read_as_line(self, ink: Ink, picture: Picture) -> Reading:
        """Read some ink as one line: as a whole, and as what its components say."""
        wholes = whole_lines(ink)
        if not wholes:
            return Reading((), (), picture, ink)
        erased = erase_ruled_lines(ink)
        found = [word for line in find_lines(erased) for word in line]
        views = [image for word in wholes for image in line_images(word, ink, VIEWS)]
        if len(found) == 1:
            views += _views(found[0], ink, erased, VIEWS)
        return self._read_seen([[_Seen(wholes[0], [views])]], ink, picture)

    def _read_seen(self, lines: list[list["_Seen"]], ink: Ink, picture: Picture) -> Reading:
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
            texts, confidence = [], 1.0
            parts: list[Digit | Mark] = []
            for word in line:
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
                texts.append(text)
            box = picture.to_original(_around([word.word for word in line]))
            text = " ".join(text for text in texts if text)
            read.append(Line(text, confidence, tuple(parts), box))
        left_out = tuple(mark for line in read for mark in line.marks)
        return Reading(tuple(read), left_out, picture, ink)

    def _digit(self, symbol: Symbol, view: LineImage, ink: Ink, picture: Picture) -> Digit:
        glyph, box = frame_part(view, symbol.box, ink)
        probabilities = symbol.probabilities
        if self.classifier is not None:
            probabilities = self.classifier.probabilities(glyph[None])[0]
        return judge(probabilities, glyph, picture.to_original(box), threshold=self.threshold)


class _Seen(NamedTuple):
    """A word, and its images in several views: in one way to level it, or two."""

    word: Word
    sights: list[list[LineImage]]


def _sights(word: Word, ink: Ink, erased: Ink) -> list[list[LineImage]]:
    """See a word in all views; a skewed one as turned, and as if its digits stood upright."""
    sights = [_views(word, ink, erased, VIEWS)]
    if abs(word.angle) > LAYOUT.skew_limit:
        upright = [view._replace(is_upright=True) for view in VIEWS]
        sights.append(_views(word, ink, erased, upright))
    return sights


def _views(word: Word, ink: Ink, erased: Ink, views: list[LineView]) -> list[LineImage]:
    """See a word in some views without ruled lines, in others with them.

    Lines hide digits, and take parts of them along when they are erased.
    """
    return line_images(word, erased, views[::2]) + line_images(word, ink, views[1::2])


def _mark(symbol: Symbol, view: LineImage, picture: Picture) -> Mark:
    box = picture.to_original(view.box_in_picture(symbol.box))
    is_separator = symbol.text in SEPARATORS
    return Mark("separator", box, symbol.text) if is_separator else Mark(NOT_A_DIGIT, box)


def _around(line: list[Word]) -> tuple[float, float, float, float]:
    """The upright box around the words of a line, in pixels of the picture."""
    corners: Float[np.ndarray, "n 2"] = np.concatenate([word.corners for word in line])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def _with_left_over(reading: Reading) -> Reading:
    """Add the ink that was not read to what was left out."""
    picture, ink = reading.picture, reading.ink
    read = [digit.box for digit in reading.digits] + [mark.box for mark in reading.left_out]
    boxes = [picture.from_original(box) for box in read]
    more = left_over(ink.mask, erase_ruled_lines(ink).mask, boxes)
    marks = tuple(Mark(kind, picture.to_original(box)) for kind, box in more)
    return replace(reading, left_out=reading.left_out + marks)


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


def _evidence(reading: Reading) -> tuple[bool, float]:
    """Weigh a reading beside others of the same picture.

    Any counts more than an empty one: what can't be read is shown.
    """
    evidence = sum(digit.confidence - HYPOTHESES.evidence for digit in reading.digits)
    return bool(reading.digits), evidence
