"""The reader: pictures to digits with confidence, by their ink and a network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from digits.errors import InvalidInput
from digits.reading.confidence import CONFIDENCE, judge
from digits.reading.decode import decode
from digits.reading.ink import (
    DIGIT_SIZE,
    HYPOTHESES,
    SIZE,
    Glyph,
    Hypothesis,
    Ink,
    LineImage,
    LineView,
    Picture,
    Word,
    find_lines,
    frame_part,
    frame_single,
    hypotheses,
    hypotheses_of_single,
    line_images,
    other_polarity,
    open_picture,
    whole_lines,
)
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.results import REFUSED, Digit, Line, Mark, Reading

VIEWS = [
    LineView(),
    LineView(size=0.88),
    LineView(size=1.13),
    LineView(stretch=0.88),
    LineView(stretch=1.14),
    LineView(shear=-0.18),
    LineView(shear=0.18),
]
"""Views of each line, over which the probabilities of what it says are averaged."""

BLANK = Glyph(np.zeros((28, 28), np.uint8), (0.0, 0.0, 0.0, 0.0))
"""Glyph of a picture without ink."""


class Reader:
    """Reads the digits of pictures.

    Args:
        model: An ONNX file made by `digits export`, or a `Network`; the one that comes with the
            package if not given.
        threshold: Confidence below which a digit is refused: 0 refuses none, 1 all; 0.78 if not
            given.

    Raises:
        InvalidInput: If the file is no such network, or the threshold is not from 0 to 1.

    Example:
        >>> reader = Reader()
        >>> reading = reader.read(np.full((40, 40), 255, np.uint8))
        >>> reading.text
        ''
    """

    def __init__(
        self, model: str | Path | Network | None = None, *, threshold: float | None = None
    ) -> None:
        threshold = CONFIDENCE.threshold if threshold is None else threshold
        if not 0 <= threshold <= 1:
            raise InvalidInput(f"threshold: expected 0 to 1, found {threshold:g}.")
        self.threshold = threshold
        self.network = model if isinstance(model, Network) else Network(model)
        self.lines = LineNetwork()

    def read(self, source: Any, *, rotate: bool = True) -> Reading:
        """Read all digits of a picture, from top to bottom and left to right.

        A square picture of at most 32 pixels a side is taken to show one.

        Args:
            source: A path, the bytes of a file, a Pillow image, or an array: (h, w) or (h, w, 1),
                3 or 4; booleans, integers, or floats from 0 to 1 or 0 to 255.
            rotate: Apply the EXIF orientation.

        Returns:
            The reading of the hypothesis about its ink that has the most evidence.

        Raises:
            InvalidInput: If it is no picture, or can't be read; says why.
        """
        picture = open_picture(source, rotate=rotate)
        if picture.is_small:
            return self._read_small(picture)
        readings = [
            reading
            for seen in hypotheses(picture.grey)
            if _counts(reading := self._read_lines(find_lines(seen.ink), seen.ink, picture), seen)
        ]
        best = max(readings, key=_evidence)
        if _is_sure(best):
            return best
        # What follows takes time, and is tried where nothing was read surely.
        sides = {reading.ink.is_dark: reading.ink for reading in readings}
        if len(sides) == 1:
            other = other_polarity(picture.grey, best.ink)
            sides[other.is_dark] = other
            readings.append(self._read_lines(find_lines(other), other, picture))
        readings += [self._read_as_line(ink, picture) for ink in sides.values()]
        return max(readings, key=_evidence)

    def read_glyphs(self, images: Iterable[Any]) -> list[Digit]:
        """Read single digits, each cut out as an image of its own, of any size and polarity.

        Args:
            images: Each as `read` takes them; an array (n, h, w) is n of them.

        Returns:
            A digit for each; its label is the best guess also when it is refused.
        """
        return [digit for digit, _ in self._read_singles(open_picture(image) for image in images)]

    def classify(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> list[Digit]:
        """Read glyphs as they are: white on black, framed as MNIST's. The quickest method.

        Args:
            glyphs: Digits as `Digit.glyph` has them; `read_glyphs` takes any other pictures, and
                finds the ink on them.

        Returns:
            A digit for each.
        """
        return [
            self._digit(probabilities, Glyph(glyph, (0.0, 0.0, 28.0, 28.0)))
            for glyph, probabilities in zip(glyphs, self.network.probabilities(glyphs), strict=True)
        ]

    def _read_small(self, picture: Picture) -> Reading:
        """Read a picture that has room for one digit."""
        ((digit, ink),) = self._read_singles([picture])
        lines = (Line(digit.text, digit.confidence, (digit,), digit.box),)
        return Reading(lines if digit.glyph.any() else (), (), picture, ink)

    def _read_singles(self, pictures: Iterable[Picture]) -> list[tuple[Digit, Ink]]:
        """Read the one digit of each picture, by the hypothesis of which it is read surest."""
        singles_of = [_frame_hypotheses(picture) for picture in pictures]
        singles = [single for group in singles_of for single in group]
        framed = self.network.probabilities(_stacked([single.glyph.pixels for single in singles]))
        wholes = [image for single in singles for image in single.wholes]
        opinions = iter(self.network.probabilities(_stacked(wholes)))
        rows = iter(
            _agreed(row, [next(opinions) for _ in single.wholes])
            for row, single in zip(framed, singles, strict=True)
        )
        read = []
        for group in singles_of:
            probabilities = [next(rows) for _ in group]
            sides = [single.ink.is_dark for single in group]
            # What is read as well the other way round, dark for light, is not to be believed.
            options = [
                (self._digit(row * _doubt_of_side(side, sides, probabilities), single.glyph), single.ink)
                for row, side, single in zip(probabilities, sides, group, strict=True)
            ]
            read.append(max(options, key=lambda option: option[0].confidence))
        return read

    def _read_lines(self, words: list[list[Word]], ink: Ink, picture: Picture) -> Reading:
        """Read the lines of a picture whose ink, and where it stands, is known."""
        seen = [[_Seen(word, line_images(word, ink, VIEWS)) for word in line] for line in words]
        return self._read_seen(seen, ink, picture)

    def _read_as_line(self, ink: Ink, picture: Picture) -> Reading:
        """Read a picture as one line, as wide as itself and as its components."""
        wholes = whole_lines(ink)
        found = [word for line in find_lines(ink) for word in line]
        if not wholes:
            return Reading((), (), picture, ink)
        words = wholes + (found if len(found) == 1 else [])
        images = [image for word in words for image in line_images(word, ink, VIEWS)]
        return self._read_seen([[_Seen(words[0], images)]], ink, picture)

    def _read_seen(self, lines: list[list["_Seen"]], ink: Ink, picture: Picture) -> Reading:
        """Read words, each seen in several views."""
        images = [image.pixels for line in lines for word in line for image in word.views]
        columns = iter(self.lines.columns(images))
        read, left_out = [], []
        for line in lines:
            texts, digits, marks, confidence = [], [], [], 1.0
            for word in line:
                decoded = decode([next(columns) for _ in word.views])
                view = word.views[decoded.view]
                text = ""
                for symbol in decoded.symbols:
                    box = picture.to_original(view.box_in_picture(symbol.box))
                    if symbol.text.isdigit():
                        glyph = Glyph(frame_part(view, symbol.box, ink), box)
                        digits.append(self._digit(symbol.probabilities, glyph))
                        text += digits[-1].text
                    else:
                        is_sign = symbol.text == "?"
                        mark = Mark("sign", box) if is_sign else Mark("separator", box, symbol.text)
                        marks.append(mark)
                        text += REFUSED if symbol.text in "/?" else ""
                texts.append(text)
                confidence *= decoded.confidence
            box = picture.to_original(_around([word.word for word in line]))
            text = " ".join(text for text in texts if text)
            left_out += marks
            read.append(Line(text, confidence, tuple(digits), box, tuple(marks)))
        return Reading(tuple(read), tuple(left_out), picture, ink)

    def _digit(
        self, probabilities: Float[np.ndarray, " 10"], glyph: Glyph
    ) -> Digit:
        return judge(probabilities, glyph.pixels, glyph.box, threshold=self.threshold)


class _Seen(NamedTuple):
    """A word, and its images in several views."""

    word: Word
    views: list[LineImage]


class _Single(NamedTuple):
    """The one digit of a picture, by one hypothesis about its ink."""

    glyph: Glyph
    ink: Ink
    wholes: list[UInt8[np.ndarray, "28 28"]]
    """A picture in the form of a glyph as a whole, as it is and shrunk; none of any other.

    Of pictures of that size, framing may have kept a part only.
    """


def _frame_hypotheses(picture: Picture) -> list[_Single]:
    """Frame the one digit of a picture by each hypothesis; a blank glyph if there is no ink."""
    seen = [hypothesis.ink for hypothesis in hypotheses_of_single(picture.grey)]
    singles = []
    for ink in seen:
        glyph = frame_single(ink)
        if glyph is not None and glyph.pixels.any():
            glyph = Glyph(glyph.pixels, picture.to_original(glyph.box))
            singles.append(_Single(glyph, ink, _wholes(picture, ink)))
    return singles or [_Single(BLANK, seen[0], [])]


def _wholes(picture: Picture, ink: Ink) -> list[UInt8[np.ndarray, "28 28"]]:
    if picture.glyph is None:
        return []
    whole = 255 - picture.glyph if ink.is_dark else picture.glyph
    small = cv2.resize(whole, (DIGIT_SIZE, DIGIT_SIZE), interpolation=cv2.INTER_AREA)
    return [whole, np.pad(small, (SIZE - DIGIT_SIZE) // 2)]


def _agreed(
    framed: Float[np.ndarray, " 10"], wholes: list[Float[np.ndarray, " 10"]]
) -> Float[np.ndarray, " 10"]:
    """Average the probabilities of a picture's framed digit and of the whole picture.

    The mean is believed as far as both agree: the best guess has the smaller of its two. Of the
    whole as it is and shrunk, the one counts that agrees better.
    """
    if not wholes:
        return framed
    whole = max(wholes, key=lambda row: float(row[framed.argmax()]))
    mean = (framed + whole) / 2
    best = mean.argmax()
    return np.asarray(mean * (min(framed[best], whole[best]) / mean[best]))


def _doubt_of_side(side: bool, sides: list[bool], rows: list[np.ndarray]) -> float:
    others = [float(row.max()) for other, row in zip(sides, rows, strict=True) if other != side]
    return 1 - max(others, default=0.0)


def _around(line: list[Word]) -> tuple[float, float, float, float]:
    """The upright box around the words of a line, in pixels of the picture."""
    corners = np.concatenate([word.corners for word in line])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def _stacked(glyphs: list[UInt8[np.ndarray, "28 28"]]) -> UInt8[np.ndarray, "n 28 28"]:
    return np.array(glyphs, np.uint8).reshape(-1, 28, 28)


def _counts(reading: Reading, hypothesis: Hypothesis) -> bool:
    """Tell whether a reading may be given, as sure as its hypothesis needs it to be."""
    return not hypothesis.needs_sure_digits or all(
        digit.confidence > HYPOTHESES.sure for digit in reading.digits
    )


def _is_sure(reading: Reading) -> bool:
    """Tell whether all lines of a reading are sure."""
    confidences = [line.confidence for line in reading.lines if line.digits]
    return bool(confidences) and min(confidences) > HYPOTHESES.sure


def _evidence(reading: Reading) -> tuple[bool, float]:
    """Weigh a reading beside others of the same picture.

    Any counts more than an empty one: what can't be read is shown.
    """
    evidence = sum(digit.confidence - HYPOTHESES.evidence for digit in reading.digits)
    return bool(reading.digits), evidence
