"""Hypotheses about a picture: in which ways its ink may be told from its paper.

No measure of a picture tells so well which of them is right as a network that reads each; so all
are read, and the reading with the most evidence is taken.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from digits.reading.ink.binarization import Ink, binarize
from digits.reading.ink.drawings import binarize_drawing
from digits.reading.ink.page import isolate_page
from digits.reading.ink.shadows import binarize_single_under_shadows, binarize_under_shadows
from digits.reading.tuning import Tuned, number

ALIKE = 0.8
"""Limit on time: part of the pixels of ink by either of two hypotheses that are ink by both, above
which the second is not read if the first was, surely."""


@dataclass(frozen=True)
class HypothesisParameters(Tuned):
    """Tuned numbers of the choice among hypotheses."""

    safe_certainty: float = number(0.65, "logarithms of width", low=0.15, high=2.6)
    """Certainty of the polarity that is safe. Below it, both polarities are read."""
    sure: float = number(0.7, "probability", low=0, high=1)
    """Confidence that each digit must exceed where an unlikely hypothesis is to count."""
    evidence: float = number(0.5, "probability", low=0, high=1)
    """Confidence past which a digit speaks for the hypothesis that it is read of."""


HYPOTHESES = HypothesisParameters()


class Hypothesis(NamedTuple):
    """Ink as it may be on a picture."""

    ink: Ink
    needs_sure_digits: bool = False
    """Whether it is so unlikely that a reading of it counts only if each digit is sure."""


def alike(first: Ink, second: Ink) -> bool:
    """Tell whether two hypotheses see nearly the same ink."""
    shared = np.count_nonzero(first.mask & second.mask)
    return bool(shared > ALIKE * np.count_nonzero(first.mask | second.mask))


def other_polarity(grey: UInt8[np.ndarray, "h w"], ink: Ink) -> Ink:
    """See the ink of a picture the other way round: light for dark."""
    return binarize(isolate_page(grey), dark=not ink.is_dark)


def hypotheses(grey: UInt8[np.ndarray, "h w"]) -> list[Hypothesis]:
    """List the ways to see the ink of a picture, the likeliest first; at least one.

    A drawing has one. Elsewhere light may change smoothly, with dark ink or, if that is not safe,
    light ink as well; or it may change at the edges of shadows.
    """
    drawing = binarize_drawing(grey)
    if drawing is not None:
        return [Hypothesis(drawing)]
    page = isolate_page(grey)
    ink = binarize(page)
    found = [Hypothesis(ink)]
    if ink.certainty < HYPOTHESES.safe_certainty:
        found.append(Hypothesis(binarize(page, dark=not ink.is_dark)))
    under_shadows = binarize_under_shadows(page, ink)
    if under_shadows is not None:
        found.append(Hypothesis(under_shadows, needs_sure_digits=True))
    return found


def hypotheses_of_single(grey: UInt8[np.ndarray, "h w"]) -> list[Hypothesis]:
    """List the ways to see the ink of a picture that shows one digit, the likeliest first."""
    drawing = binarize_drawing(grey)
    if drawing is not None:
        return [Hypothesis(drawing)]
    ink = binarize(grey)
    if not ink.mask.any():
        return [Hypothesis(ink)]
    found = [Hypothesis(ink), Hypothesis(binarize_single_under_shadows(grey, ink))]
    if ink.certainty < HYPOTHESES.safe_certainty:
        found.append(Hypothesis(binarize(grey, dark=not ink.is_dark)))
    return found
