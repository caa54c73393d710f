"""The reader: pictures to digits with confidence, by their ink and a network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from digits.errors import InvalidInput
from digits.reading.confidence import CONFIDENCE, judge
from digits.reading.decode import best_path
from digits.reading.ink import (
    HYPOTHESES,
    Glyph,
    Hypothesis,
    Ink,
    Lattice,
    Picture,
    find_lines,
    frame_single,
    hypotheses,
    hypotheses_of_single,
    open_picture,
    over_segment,
)
from digits.reading.network import Network
from digits.reading.results import Digit, Reading

MAX_CANDIDATES = 60_000
"""Most candidates of a picture that are classified; one with more is texture, and not read."""

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
            for hypothesis in hypotheses(picture.grey)
            if _counts(reading := self._read_ink(hypothesis.ink, picture), hypothesis)
        ]
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
        found = (digit,) if digit.glyph.any() else ()
        return Reading(tuple(digit.text for digit in found), found, picture, ink)

    def _read_singles(self, pictures: Iterable[Picture]) -> list[tuple[Digit, Ink]]:
        """Read the one digit of each picture, by the hypothesis of which it is read surest."""
        singles_of, as_they_are = [], {}
        for index, picture in enumerate(pictures):
            singles_of.append(_frame_hypotheses(picture))
            # A picture in the form of a glyph is classified as it is, too: of other pictures of
            # that size, framing may have kept a part only.
            if picture.glyph is not None:
                as_they_are[index] = picture.glyph
        glyphs = [single.glyph.pixels for singles in singles_of for single in singles]
        probabilities = iter(self.network.probabilities(_stacked(glyphs)))
        wholes = self.network.probabilities(_stacked(list(as_they_are.values())))
        whole_of = dict(zip(as_they_are, wholes, strict=True))
        read = []
        for index, singles in enumerate(singles_of):
            whole = whole_of.get(index)
            options = [
                (self._digit(_agreed(next(probabilities), whole), glyph, certainty), ink)
                for glyph, ink, certainty in singles
            ]
            read.append(max(options, key=lambda option: option[0].confidence))
        return read

    def _read_ink(self, ink: Ink, picture: Picture) -> Reading:
        """Read the lines of a picture whose ink is known."""
        lines: list[list[Lattice]] = []
        num_candidates = 0
        for words in find_lines(ink):
            lines.append([over_segment(word, ink) for word in words])
            num_candidates += sum(len(lattice.candidates) for lattice in lines[-1])
            if num_candidates > MAX_CANDIDATES:
                break
        if not 0 < num_candidates <= MAX_CANDIDATES:
            return Reading((), (), picture, ink)
        glyphs = [c.pixels for line in lines for lattice in line for c in lattice.candidates]
        rows = iter(self.network.probabilities(np.stack(glyphs)))
        texts, digits = [], []
        for line in lines:
            text = []
            for lattice in line:
                probabilities = np.array([next(rows) for _ in lattice.candidates]).reshape(-1, 10)
                word = []
                for index in best_path(lattice, probabilities):
                    best = lattice.candidates[index]
                    glyph = Glyph(best.pixels, picture.to_original(best.box))
                    word.append(self._digit(probabilities[index], glyph, ink.certainty))
                text.append("".join(digit.text for digit in word))
                digits.extend(word)
            texts.append(" ".join(part for part in text if part))
        return Reading(tuple(text for text in texts if text), tuple(digits), picture, ink)

    def _digit(
        self, probabilities: Float[np.ndarray, " 10"], glyph: Glyph, certainty: float = np.inf
    ) -> Digit:
        return judge(
            probabilities, glyph.pixels, glyph.box, certainty=certainty, threshold=self.threshold
        )


class _Single(NamedTuple):
    """The one digit of a picture, by one hypothesis about its ink."""

    glyph: Glyph
    ink: Ink
    certainty: float


def _frame_hypotheses(picture: Picture) -> list[_Single]:
    """Frame the one digit of a picture by each hypothesis; a blank glyph if there is no ink."""
    seen = [hypothesis.ink for hypothesis in hypotheses_of_single(picture.grey)]
    singles = []
    for ink in seen:
        glyph = frame_single(ink)
        if glyph is not None and glyph.pixels.any():
            glyph = Glyph(glyph.pixels, picture.to_original(glyph.box))
            singles.append(_Single(glyph, ink, ink.certainty))
    return singles or [_Single(BLANK, seen[0], np.inf)]


def _agreed(
    framed: Float[np.ndarray, " 10"], whole: Float[np.ndarray, " 10"] | None
) -> Float[np.ndarray, " 10"]:
    """Average the probabilities of a picture's framed digit and of the whole picture.

    The mean is believed as far as both agree: the best guess has the smaller of its two.
    """
    if whole is None:
        return framed
    mean = (framed + whole) / 2
    best = mean.argmax()
    return np.asarray(mean * (min(framed[best], whole[best]) / mean[best]))


def _stacked(glyphs: list[UInt8[np.ndarray, "28 28"]]) -> UInt8[np.ndarray, "n 28 28"]:
    return np.array(glyphs, np.uint8).reshape(-1, 28, 28)


def _counts(reading: Reading, hypothesis: Hypothesis) -> bool:
    """Tell whether a reading may be given, as sure as its hypothesis needs it to be."""
    return not hypothesis.needs_sure_digits or all(
        digit.confidence > HYPOTHESES.sure for digit in reading.digits
    )


def _evidence(reading: Reading) -> tuple[bool, float]:
    """Weigh a reading beside others of the same picture.

    Any counts more than an empty one: what can't be read is shown.
    """
    evidence = sum(digit.confidence - HYPOTHESES.evidence for digit in reading.digits)
    return bool(reading.digits), evidence
