"""Reading of single digits: pictures of one digit each, framed and classified."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from digits.reading import ctc
from digits.reading.confidence import CONFIDENCE, judge
from digits.reading.ensemble import ENSEMBLE, average
from digits.reading.ink import (
    SIZE,
    Glyph,
    Ink,
    Picture,
    frame,
    frame_single,
    hypotheses_of_single,
    is_empty_cell,
)
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network
from digits.reading.results import Digit
from digits.reading.symbols import LINE_HEIGHT

BLANK = Glyph(np.zeros((SIZE, SIZE), np.uint8), (0.0, 0.0, 0.0, 0.0))
"""Glyph of a picture without ink."""


ONE_DIGIT: list[ctc.Classes] = [(1 + digit,) for digit in range(10)]
"""What a line says that is one digit."""


class SingleReader:
    """Reads pictures of one digit each.

    Args:
        network: The network that classifies glyphs.
        lines: The network of lines, which is asked as well where that one is not sure; none to
            hear that one alone.
        threshold: Confidence below which a digit is refused.
    """

    def __init__(
        self, network: Network, lines: LineNetwork | None = None, *, threshold: float
    ) -> None:
        self.network, self.lines, self.threshold = network, lines, threshold

    def read(self, pictures: Iterable[Picture]) -> list[tuple[Digit, Ink]]:
        """Read the one digit of each picture, by the hypothesis of which it is read surest."""
        return self.read_framed([frame_hypotheses(picture) for picture in pictures])

    def read_framed(self, singles_of: list[list["Single"]]) -> list[tuple[Digit, Ink]]:
        """Read digits that are framed already, each by the hypotheses of one picture."""
        singles = [single for group in singles_of for single in group]
        framed = self._probabilities(_stacked([single.glyph.pixels for single in singles]))
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
                (
                    self._digit(row * _doubt_of_side(side, sides, probabilities), single.glyph),
                    single.ink,
                )
                for row, side, single in zip(probabilities, sides, group, strict=True)
            ]
            read.append(max(options, key=lambda option: option[0].confidence))
        return read

    def _probabilities(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> Float[np.ndarray, "n 10"]:
        """Classify glyphs; where the network of glyphs is not sure, that of lines is asked, too."""
        probabilities = self.network.probabilities(glyphs)
        is_unsure = probabilities.max(axis=1, initial=0) < ENSEMBLE.sure_alone
        if self.lines is None or not is_unsure.any():
            return probabilities
        as_line = _read_as_lines(self.lines, glyphs[is_unsure])
        both = probabilities.copy()
        both[is_unsure] = average(probabilities[is_unsure], as_line)
        return both

    def _digit(self, probabilities: Float[np.ndarray, " 10"], glyph: Glyph) -> Digit:
        return judge(probabilities, glyph.pixels, glyph.box, threshold=self.threshold)


class Single(NamedTuple):
    """The one digit of a picture, by one hypothesis about its ink."""

    glyph: Glyph
    ink: Ink
    wholes: list[UInt8[np.ndarray, "28 28"]]
    """A picture in the form of a glyph as a whole, as it is and framed; none of any other.

    Of pictures of that size, framing may have kept a part only.
    """


def frame_hypotheses(picture: Picture) -> list[Single]:
    """Frame the one digit of a picture by each hypothesis; a blank glyph if there is no ink."""
    seen = [hypothesis.ink for hypothesis in hypotheses_of_single(picture.grey)]
    # Of an empty cell, the paper would be ink the other way round.
    seen = [ink for ink in seen if is_empty_cell(ink.mask)] or seen
    singles = []
    for ink in seen:
        glyph = frame_single(ink)
        if glyph is not None and glyph.pixels.any():
            glyph = Glyph(glyph.pixels, picture.to_original(glyph.box))
            singles.append(Single(glyph, ink, _wholes(picture, ink)))
    return singles or [Single(BLANK, seen[0], [])]


def _wholes(picture: Picture, ink: Ink) -> list[UInt8[np.ndarray, "28 28"]]:
    if picture.glyph is None:
        return []
    white_on_black = 255 - picture.glyph if ink.is_dark else picture.glyph
    everything = np.ones(white_on_black.shape, bool)
    return [picture.glyph, frame((white_on_black / 255).astype(np.float32), everything)]


def _agreed(
    framed: Float[np.ndarray, " 10"], wholes: list[Float[np.ndarray, " 10"]]
) -> Float[np.ndarray, " 10"]:
    """Average the probabilities of a picture's framed digit and of the whole picture.

    The mean is believed as far as both agree: the best guess has the smaller of its two. Where the
    whole, framed as digits are in a glyph, is surely the same digit, that counts.
    """
    if not wholes:
        return framed
    whole, framed_whole = wholes
    if framed_whole.argmax() == framed.argmax() and framed_whole.max() > CONFIDENCE.threshold:
        whole = framed_whole
    mean = (framed + whole) / 2
    best = mean.argmax()
    return np.asarray(mean * (min(framed[best], whole[best]) / mean[best]))


def _doubt_of_side(side: bool, sides: list[bool], rows: list[np.ndarray]) -> float:
    others = [float(row.max()) for other, row in zip(sides, rows, strict=True) if other != side]
    return 1 - max(others, default=0.0)


def _read_as_lines(
    lines: LineNetwork, glyphs: UInt8[np.ndarray, "n 28 28"]
) -> Float[np.ndarray, "n 10"]:
    """Compute the probability of each digit, if each glyph is a line of one."""
    paper = (LINE_HEIGHT - SIZE) // 2
    images = np.pad(glyphs, ((0, 0), (paper, paper), (paper, paper)))
    columns = np.stack([found.log_probabilities for found in lines.columns(list(images))])
    logs = ctc.log_likelihoods(columns, ONE_DIGIT)
    likelihoods = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(likelihoods / likelihoods.sum(axis=1, keepdims=True), np.float32)


def _stacked(glyphs: list[UInt8[np.ndarray, "28 28"]]) -> UInt8[np.ndarray, "n 28 28"]:
    return np.array(glyphs, np.uint8).reshape(-1, 28, 28)
