"""Confidence: calibrated probabilities, lowered by doubts, and refusal below a threshold."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from digits.reading.ink import aspect_ratio, depth_share
from digits.reading.results import Digit
from digits.reading.tuning import Tuned, number

NO_DIGIT = "it looks like no digit"
"""Reason to refuse what is like none of the digits."""


@dataclass(frozen=True)
class ConfidenceParameters(Tuned):
    """Tuned numbers of the confidence in a digit."""

    threshold: float = number(0.78, "probability", low=0, high=1)
    """Confidence below which a digit is refused, as 97 % of pictures of clothes are."""
    solid: float = number(7.0, "log odds", low=0, high=20)
    """Doubt for ink that lies deeper than in strokes, times its share of the ink."""
    wide: float = number(3.0, "log odds", low=0, high=12)
    """Doubt for each height by which a glyph is wider than digits are."""
    widest: float = number(1.9, "heights of a digit", low=1, high=4)
    """Greatest width of a digit."""

    line: float = number(4.2, "root", low=1, high=50)
    """Root of the threshold below which the mean confidence of a line's digits makes all of the
    line doubtful; as lines are wrong in more ways than their digits show."""


CONFIDENCE = ConfidenceParameters()


def judge(
    probabilities: Float[np.ndarray, " 10"],
    glyph: UInt8[np.ndarray, "28 28"],
    box: tuple[float, float, float, float],
    *,
    threshold: float,
) -> Digit:
    """Make a digit of the network's probabilities: doubt them, and refuse what is too unsure.

    Args:
        probabilities: Calibrated probabilities of the ten digits.
        glyph: The glyph that was classified.
        box: Left, top, width and height, in pixels of the picture.
        threshold: Confidence below which it is refused, 0 to 1.
    """
    best, second = np.argsort(-probabilities, kind="stable")[:2]
    confidence = float(probabilities[best])
    too_wide = max(0.0, aspect_ratio(glyph) - CONFIDENCE.widest)
    odds = CONFIDENCE.solid * depth_share(glyph) + CONFIDENCE.wide * too_wide
    probabilities = probabilities / (confidence + (1 - confidence) * np.exp(odds))
    confidence = float(probabilities[best])
    reason = None
    if not glyph.any():
        reason = "there is no ink"
    elif confidence < threshold or threshold == 1:
        is_between = confidence + float(probabilities[second]) > threshold
        reason = f"it may be a {best} or a {second}" if is_between else NO_DIGIT
    return Digit(
        label=int(best),
        confidence=confidence,
        probabilities=tuple(probabilities.tolist()),
        box=box,
        glyph=glyph,
        reason=reason,
    )


def doubt_line(digits: list[Digit], confidence: float, *, threshold: float) -> list[Digit]:
    """Refuse the least sure digit of a line that is doubtful as a whole, if none is refused yet.

    Of one digit alone, it has to be likelier than all else that the line may say.

    Args:
        digits: The digits of a line.
        confidence: Probability that all of them are right, and that there are no others.
        threshold: Confidence below which a digit is refused, 0 to 1.
    """
    if not digits or any(digit.reason is not None for digit in digits):
        return digits
    least_sure = threshold ** (len(digits) / CONFIDENCE.line)
    if confidence >= (least_sure if len(digits) > 1 else min(threshold, 0.5)):
        return digits
    least = min(digits, key=lambda digit: digit.confidence)
    doubtful = replace(least, reason="the line is not sure as a whole")
    return [doubtful if digit is least else digit for digit in digits]
