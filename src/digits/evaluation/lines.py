"""Lines of handwriting: what a network reads on them, and how much of that is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from digits.errors import InvalidInput
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.prediction import predict_batches
from digits.reading.ctc import greedy
from digits.reading.symbols import NUM_CLASSES


@dataclass(frozen=True, eq=False)  # == of arrays is elementwise.
class Lines:
    """Images of lines with what stands on them."""

    batches: list[UInt8[np.ndarray, "_ 40 _"]]
    """Raw pixels, in batches of one width each: 255 is ink, 0 is paper."""
    symbols: list[str]
    """Symbols on each line, in the order of the batches."""


@dataclass(frozen=True)
class LineMetrics:
    """Metrics of a network on lines."""

    num_images: int
    """Number of lines."""
    num_errors: int
    """Number of lines that were not read exactly."""
    accuracy: float
    """Fraction of the lines that were read exactly, with all symbols, 0 to 1."""
    interval: tuple[float, float]
    """Wilson interval (95 %) of the accuracy: lower and upper end, 0 to 1."""
    num_digits: int
    """Number of digits on the lines."""
    digit_error_rate: float
    """Fewest digits to replace, insert or remove to get from what was read to what stands there,
    other symbols left out, divided by the number of digits."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to numbers and lists for JSON; the counts are `images` and `errors`."""
        return {
            "images": self.num_images,
            "errors": self.num_errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "num_digits": self.num_digits,
            "digit_error_rate": self.digit_error_rate,
        }


def predict_lines(
    model: nn.Module, lines: Lines, *, device: str = "auto", precision: str = "auto"
) -> list[str]:
    """Read lines by the likeliest class of each column (greedy decoding).

    Args:
        model: A network that reads lines. It is left in evaluation mode.
        lines: The lines.
        device: As in `predict`.
        precision: As in `predict`.

    Returns:
        The symbols read on each line.
    """
    batches = [torch.from_numpy(images)[:, None] for images in lines.batches]
    outputs = predict_batches(model, batches, device=device, precision=precision)
    return [greedy(line[:NUM_CLASSES]) for output in outputs for line in output.numpy()]


def compute_line_metrics(read: Sequence[str], expected: Sequence[str]) -> LineMetrics:
    """Compute the metrics of what was read on lines.

    Args:
        read: Symbols read on each line.
        expected: Symbols that stand there.

    Raises:
        InvalidInput: If there are no lines, no digits on them, or the lengths differ.
    """
    pairs = [(_digits(one), _digits(other)) for one, other in zip(read, expected, strict=False)]
    num_digits = sum(len(digits) for _, digits in pairs)
    if len(read) != len(expected) or num_digits == 0:
        raise InvalidInput(
            f"Expected as many lines read as written, with digits on them, found {len(read)} and "
            f"{len(expected)}, with {num_digits} digits."
        )
    num_right = sum(one == other for one, other in zip(read, expected, strict=True))
    return LineMetrics(
        num_images=len(read),
        num_errors=len(read) - num_right,
        accuracy=num_right / len(read),
        interval=wilson_interval(num_right, len(read)),
        num_digits=num_digits,
        digit_error_rate=sum(edit_distance(one, other) for one, other in pairs) / num_digits,
    )


def edit_distance(one: str, other: str) -> int:
    """Count the fewest characters to replace, insert or remove to get from one text to another.

    Source: Levenshtein 1966, Binary codes capable of correcting deletions, insertions, reversals.
    """
    distances = list(range(len(other) + 1))
    for row, character in enumerate(one, 1):
        diagonal, distances[0] = distances[0], row
        for column, wanted in enumerate(other, 1):
            replaced = diagonal + (character != wanted)
            diagonal = distances[column]
            distances[column] = min(replaced, diagonal + 1, distances[column - 1] + 1)
    return distances[-1]


def _digits(symbols: str) -> str:
    return "".join(symbol for symbol in symbols if symbol.isdigit())
