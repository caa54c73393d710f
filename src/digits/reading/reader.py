"""Pictures to digits, with confidence: ink, and a network. No torch, to answer at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from digits.errors import InvalidInput
from digits.reading.decode import best_way
from digits.reading.ink import (
    Candidate,
    Ink,
    Picture,
    Pieces,
    aspect,
    cut,
    deep_part,
    find_drawing,
    find_ink,
    find_ink_under_shadows,
    find_lines,
    find_single_under_shadows,
    frame_single,
    isolate_page,
    looks,
    open_picture,
)
from digits.reading.network import MAX_BATCH, Network
from digits.reading.results import Digit, Reading

THRESHOLD = 0.78
"""Marks read with less confidence than this are refused: 97 % of pictures of clothes are, and few
digits (benchmarks/reading.py)."""

SOLID, WIDE, WIDEST = 7.0, 3.0, 1.4
"""What lowers the log odds of confidence: the part of the ink that lies deeper than in strokes,
times the first; and a width of more than so many heights, times the second."""

MOST_CANDIDATES = 60_000
"""A picture with more that may be a digit is texture, of which nothing is read."""

SAFE = 2.0
"""Below this certainty about dark or light ink, both are tried, and neither is trusted in full."""

SURE = 0.7
"""Ink that was found under shadows is believed if each mark is read with more confidence."""


class _Mark(NamedTuple):
    """What may be a digit."""

    pixels: UInt8[np.ndarray, "28 28"]
    """As a glyph; black if there is no ink."""
    box: tuple[float, float, float, float]
    """Left, top, width and height, in pixels of the picture."""
    certainty: float
    """That it is ink and the rest is paper, not the other way round."""


BLANK = _Mark(np.zeros((28, 28), np.uint8), (0.0, 0.0, 0.0, 0.0), SAFE)


class Reader:
    """Reads the digits of pictures.

    Args:
        model: An ONNX file made by `digits export`, or a `Network`; the one that comes with the
            package if not given.
        threshold: Marks read with less confidence are refused: 0 refuses none, 1 all.

    Raises:
        InvalidInput: If the file is no such network, or the threshold is not from 0 to 1.

    Example:
        >>> reader = Reader()
        >>> reading = reader.read(np.full((40, 40), 255, np.uint8))
        >>> reading.text
        ''
    """

    def __init__(
        self, model: str | Path | Network | None = None, *, threshold: float = THRESHOLD
    ) -> None:
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
            rotate: Turn the picture as the camera says that it was held.

        Raises:
            InvalidInput: If it is no picture, or can't be read; says why.
        """
        picture = open_picture(source, rotate=rotate)
        if picture.is_small:
            return self._read_small(picture)
        drawing = find_drawing(picture.grey)
        if drawing:
            return self._read_ink(drawing, picture)
        page = isolate_page(picture.grey)
        ink = find_ink(page)
        readings = [self._read_ink(ink, picture)]
        if ink.certainty < SAFE:
            readings.append(self._read_ink(find_ink(page, dark=not ink.is_dark), picture))
        under_shadows = find_ink_under_shadows(page, ink)
        if under_shadows:
            reading = self._read_ink(under_shadows, picture)
            if all(digit.confidence > SURE for digit in reading.digits):
                readings.append(reading)
        return max(readings, key=_evidence)

    def read_glyphs(self, images: Iterable[Any]) -> list[Digit]:
        """Read single digits, each cut out as an image of its own, of any size and polarity.

        Args:
            images: Each as `read` takes them; an array (n, h, w) is n of them.

        Returns:
            A digit for each; its label is the best guess also when it is refused.
        """
        return self._read_singles(open_picture(image) for image in images)

    def classify(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> list[Digit]:
        """Read glyphs as they are: white on black, framed as MNIST's. The quickest way.

        Args:
            glyphs: Digits as `Digit.glyph` has them; of any other pictures, `read_glyphs` knows
                where the ink is.

        Returns:
            A digit for each.
        """
        return [
            self._digit(probabilities, _Mark(glyph, (0.0, 0.0, 28.0, 28.0), SAFE))
            for glyph, probabilities in zip(glyphs, self._look(glyphs), strict=True)
        ]

    def _read_small(self, picture: Picture) -> Reading:
        """A picture that has room for one digit."""
        (digit,) = self._read_singles([picture])
        is_blank = not digit.glyph.any()
        found = () if is_blank else (digit,)
        return Reading(tuple(digit.text for digit in found), found, picture, find_ink(picture.grey))

    def _look(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> Float[np.ndarray, "n 10"]:
        """Mean probabilities over several looks of each glyph."""
        means = [
            np.mean([self.network.probabilities(look) for look in looks(some)], axis=0)
            for some in np.array_split(glyphs, max(1, -(-len(glyphs) // MAX_BATCH)))
        ]
        return np.concatenate(means)

    def _read_singles(self, pictures: Iterable[Picture]) -> list[Digit]:
        """The one digit of each picture: of the ways to see it, the one that is read surest."""
        marks_of, as_they_are = [], {}
        for number, picture in enumerate(pictures):
            marks_of.append(_single(picture))
            # What has a glyph's form is looked at as it is, too, and believed as far as both agree:
            # of other pictures of that size, framing may have kept a part only.
            if picture.glyph is not None:
                as_they_are[number] = picture.glyph
        rows = iter(self._look(_stacked([mark.pixels for marks in marks_of for mark in marks])))
        whole = self.network.probabilities(_stacked(list(as_they_are.values())))
        limits = dict(zip(as_they_are, whole, strict=True))
        digits = (
            [self._digit(np.minimum(next(rows), limits.get(number, 1.0)), mark) for mark in marks]
            for number, marks in enumerate(marks_of)
        )
        return [max(ways, key=lambda digit: digit.confidence) for ways in digits]

    def _read_ink(self, ink: Ink, picture: Picture) -> Reading:
        lines: list[list[Pieces]] = []
        candidates: list[Candidate] = []
        for rows_of_line in find_lines(ink):
            lines.append([cut(row, ink) for row in rows_of_line])
            candidates.extend(c for pieces in lines[-1] for c in pieces.candidates)
            if len(candidates) > MOST_CANDIDATES:
                break
        if not 0 < len(candidates) <= MOST_CANDIDATES:
            return Reading((), (), picture, ink)
        rows = iter(self._look(np.stack([c.pixels for c in candidates])))
        texts, digits = [], []
        for line in lines:
            words = []
            for pieces in line:
                probabilities = np.array([next(rows) for _ in pieces.candidates]).reshape(-1, 10)
                word = []
                for index in best_way(pieces, probabilities):
                    best = pieces.candidates[index]
                    mark = _Mark(best.pixels, picture.to_original(best.box), ink.certainty)
                    word.append(self._digit(probabilities[index], mark))
                words.append("".join(digit.text for digit in word))
                digits.extend(word)
            texts.append(" ".join(word for word in words if word))
        return Reading(tuple(text for text in texts if text), tuple(digits), picture, ink)

    def _digit(self, probabilities: Float[np.ndarray, " 10"], mark: _Mark) -> Digit:
        best, second = np.argsort(-probabilities, kind="stable")[:2]
        # Where ink and paper could be the other way round, so could everything else.
        probabilities = probabilities * min(1.0, mark.certainty / SAFE)
        confidence = float(probabilities[best])
        odds = SOLID * deep_part(mark.pixels) + WIDE * max(0.0, aspect(mark.pixels) - WIDEST)
        probabilities = probabilities / (confidence + (1 - confidence) * np.exp(odds))
        confidence = float(probabilities[best])
        reason = None
        if not mark.pixels.any():
            reason = "there is no ink"
        elif confidence < self.threshold:
            close = float(probabilities[second]) > confidence / 2
            between = confidence + float(probabilities[second]) > self.threshold
            reason = (
                f"it may be a {best} or a {second}"
                if close and between
                else "it looks like no digit"
            )
        return Digit(
            label=int(best),
            confidence=confidence,
            probabilities=tuple(probabilities.tolist()),
            box=mark.box,
            glyph=mark.pixels,
            reason=reason,
        )


def _single(picture: Picture) -> list[_Mark]:
    """The one digit of a picture, as it may be seen; a blank mark if there is no ink."""
    found = [
        _Mark(glyph.pixels, picture.to_original(glyph.box), seen.certainty)
        for seen in _inks_of_single(picture.grey)
        if (glyph := frame_single(seen)) and glyph.pixels.any()
    ]
    return found or [BLANK]


def _inks_of_single(grey: UInt8[np.ndarray, "h w"]) -> list[Ink]:
    """The ink of a drawing, or that found in either light; none if there is none."""
    drawing = find_drawing(grey)
    if drawing:
        return [drawing]
    ink = find_ink(grey)
    return [ink, find_single_under_shadows(grey, ink)] if ink.mask.any() else []


def _stacked(glyphs: list[UInt8[np.ndarray, "28 28"]]) -> UInt8[np.ndarray, "n 28 28"]:
    return np.array(glyphs, np.uint8).reshape(-1, 28, 28)


def _evidence(reading: Reading) -> tuple[bool, float]:
    """How much a reading is to be believed, beside another of the same picture.

    Any more than an empty one: what can't be read is shown.
    """
    return bool(reading.digits), sum(digit.confidence - 0.5 for digit in reading.digits)
