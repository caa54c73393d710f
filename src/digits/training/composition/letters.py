"""Letters: shapes that are no digits, of lines and arcs, and scribbles that no alphabet has."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal, integer
from digits.training.composition.strokes import Mark, Stroke, arc, line


@dataclass(frozen=True)
class LetterAmounts:
    """Amounts of letters. Lengths and places are in heights of a digit, from its top down.

    Source: chosen by eye, to look like what people write.
    """

    part_scribbles: float = 0.25
    """Part of the letters that are lines and arcs at random; 0 to 1."""
    width: Range = (0.75, 1.35)
    """Width of a letter, in widths of its table."""
    height: Range = (0.75, 1.15)
    """Height of a letter, in heights of its table."""
    lean: Normal = (0, 0.15)
    """Distance of a letter's top to the right of its foot."""
    foot: Normal = (1.0, 0.05)
    """Place of a letter's foot."""
    jitter: Normal = (0, 0.025)
    """Distance of a letter's points from where they belong."""
    scribble_strokes: tuple[int, int] = (3, 5)
    """Least and greatest number of strokes of a scribble."""
    part_like_digits: float = 0.4
    """Part of the letters that look like a digit, where there are no digits; 0 to 1."""
    part_printed: float = 0.5
    """Part of the letters that are printed: without jitter; 0 to 1."""
    part_upright: float = 0.7
    """Part of these that do not lean; 0 to 1."""
    part_with_serifs: float = 0.5
    """Part of these with serifs; 0 to 1."""
    serif: Range = (0.06, 0.16)
    """Half the length of a serif."""
    part_bent: float = 0.5
    """Part of these strokes that are bent; 0 to 1."""
    bend: Normal = (0, 0.25)
    """Distance by which these are bent, across and down."""


AMOUNTS = LetterAmounts()


def _letters() -> dict[str, list[Stroke]]:
    """Make the letters, and a few signs that look like letters, in heights of a digit."""
    stem = line((0, 0), (0, 1))
    return {
        "A": [[(0, 1), (0.35, 0), (0.7, 1)], [(0.15, 0.65), (0.55, 0.65)]],
        "E": [stem, [(0, 0), (0.5, 0)], [(0, 0.5), (0.4, 0.5)], [(0, 1), (0.5, 1)]],
        "F": [stem, [(0, 0), (0.5, 0)], [(0, 0.48), (0.4, 0.48)]],
        "H": [stem, [(0.6, 0), (0.6, 1)], [(0, 0.5), (0.6, 0.5)]],
        "K": [stem, [(0.55, 0), (0, 0.55), (0.6, 1)]],
        "L": [[(0, 0), (0, 1), (0.5, 1)]],
        "M": [[(0, 1), (0.05, 0), (0.4, 0.7), (0.75, 0), (0.8, 1)]],
        "N": [[(0, 1), (0, 0), (0.6, 1), (0.6, 0)]],
        "P": [stem, arc(0, 0.27, 0.45, 0.27, -90, 90)],
        "R": [stem, arc(0, 0.26, 0.45, 0.26, -90, 90), [(0.05, 0.52), (0.55, 1)]],
        "T": [[(0, 0), (0.7, 0)], [(0.35, 0), (0.35, 1)]],
        "U": [[(0, 0), (0, 0.6), *arc(0.3, 0.7, 0.3, 0.3, 180, 0)[1:-1], (0.6, 0.6), (0.6, 0)]],
        "V": [[(0, 0), (0.35, 1), (0.7, 0)]],
        "W": [[(0, 0), (0.25, 1), (0.45, 0.3), (0.65, 1), (0.9, 0)]],
        "X": [[(0, 0), (0.6, 1)], [(0.6, 0), (0, 1)]],
        "Y": [[(0, 0), (0.3, 0.5), (0.6, 0)], [(0.3, 0.5), (0.3, 1)]],
        "C": [arc(0.4, 0.5, 0.4, 0.5, -50, -310)],
        "G": [[*arc(0.4, 0.5, 0.4, 0.5, -50, -360), (0.45, 0.5)], [(0.8, 0.5), (0.8, 1)]],
        "Q": [arc(0.4, 0.5, 0.4, 0.5, 0, 360), [(0.45, 0.65), (0.82, 1)]],
        "J": [[(0.4, 0), (0.4, 0.75), *arc(0.2, 0.78, 0.2, 0.22, 0, 180)]],
        "e": [[(0.0, 0.7), (0.5, 0.7), *arc(0.25, 0.72, 0.25, 0.27, 0, -310)]],
        "h": [stem, [*arc(0.22, 0.66, 0.22, 0.24, 180, 360), (0.44, 1)]],
        "k": [stem, [(0.4, 0.4), (0, 0.7), (0.45, 1)]],
        "m": [
            [(0, 0.4), (0, 1)],
            [*arc(0.17, 0.6, 0.17, 0.2, 180, 360), (0.34, 1)],
            [*arc(0.51, 0.6, 0.17, 0.2, 180, 360), (0.68, 1)],
        ],
        "n": [[(0, 0.4), (0, 1)], [*arc(0.2, 0.62, 0.2, 0.22, 180, 360), (0.4, 1)]],
        "r": [[(0, 0.4), (0, 1)], arc(0.22, 0.64, 0.22, 0.24, 180, 300)],
        "u": [
            [(0, 0.4), (0, 0.8), *arc(0.2, 0.8, 0.2, 0.2, 180, 0), (0.4, 0.4)],
            [(0.4, 0.4), (0.4, 1)],
        ],
        "w": [[(0, 0.4), (0.17, 1), (0.33, 0.5), (0.5, 1), (0.66, 0.4)]],
        "d": [arc(0.22, 0.75, 0.22, 0.25, 0, 360), [(0.45, 0), (0.45, 1)]],
        "a": [arc(0.22, 0.7, 0.22, 0.28, 0, 360), [(0.44, 0.42), (0.44, 0.9), (0.52, 1)]],
        "triangle": [[(0.4, 0), (0.8, 0.9), (0, 0.9), (0.4, 0)]],
        "square": [[(0, 0), (0.8, 0), (0.8, 0.8), (0, 0.8), (0, 0)]],
        "euro": [
            arc(0.45, 0.5, 0.4, 0.5, -50, -310),
            [(-0.05, 0.4), (0.5, 0.4)],
            [(-0.05, 0.6), (0.5, 0.6)],
        ],
        "percent": [
            arc(0.15, 0.2, 0.14, 0.18, 0, 360),
            arc(0.7, 0.8, 0.14, 0.18, 0, 360),
            [(0.75, 0), (0.1, 1)],
        ],
        "wide percent": [
            arc(0.2, 0.25, 0.2, 0.25, 0, 360),
            arc(0.8, 0.75, 0.2, 0.25, 0, 360),
            [(0.78, 0), (0.22, 1)],
        ],
        "ampersand": [
            [
                (0.8, 1), (0.25, 0.4), (0.2, 0.2), (0.32, 0.02), (0.48, 0.1), (0.48, 0.24),
                (0.1, 0.58), (0.05, 0.8), (0.25, 1), (0.5, 0.95), (0.75, 0.55),
            ],
        ],
        "at": [
            [*arc(0.5, 0.5, 0.5, 0.5, 50, 360), (1, 0.65), (0.85, 0.72), (0.75, 0.65), (0.75, 0.3)],
            arc(0.5, 0.5, 0.22, 0.22, 0, 360),
        ],
        "tick": [[(0, 0.6), (0.2, 0.95), (0.7, 0.0)]],
    }  # fmt: skip


LETTERS = {name: [line(*stroke) for stroke in strokes] for name, strokes in _letters().items()}
"""Strokes of each letter that does not look like a digit, in heights of a digit."""


LIKE_DIGITS = ("G", "J", "P", "Q", "U", "ampersand", "h", "tick")
"""Letters that look like a digit of some writers where they stand among digits."""

UNLIKE_DIGITS = tuple(sorted(LETTERS.keys() - LIKE_DIGITS))
"""The other letters."""


def _write_letter(random: np.random.Generator, *, are_digits_near: bool) -> list[Stroke]:
    """Draw a known letter, distorted, or a scribble."""
    if random.random() < AMOUNTS.part_scribbles:
        strokes = _scribble(random)
    else:
        is_like_digit = not are_digits_near and random.random() < AMOUNTS.part_like_digits
        names = LIKE_DIGITS if is_like_digit else UNLIKE_DIGITS
        strokes = LETTERS[names[random.integers(len(names))]]
    wide, tall = random.uniform(*AMOUNTS.width), random.uniform(*AMOUNTS.height)
    lean, foot = random.normal(*AMOUNTS.lean), random.normal(*AMOUNTS.foot)
    jitter = AMOUNTS.jitter
    if random.random() < AMOUNTS.part_printed:
        jitter = (0, 0)
        lean = 0.0 if random.random() < AMOUNTS.part_upright else abs(lean)
        if random.random() < AMOUNTS.part_with_serifs:
            strokes = [*strokes, *_serifs(strokes, random.uniform(*AMOUNTS.serif))]
    return [
        [
            (
                wide * x + lean * (1 - y) + random.normal(*jitter),
                foot - tall * (1 - y) + random.normal(*jitter),
            )
            for x, y in stroke
        ]
        for stroke in strokes
    ]


def _serifs(strokes: list[Stroke], half: float) -> list[Stroke]:
    """Draw a short level stroke at each end of a stroke that is at a letter's top or foot."""
    ends = {end for stroke in strokes for end in (stroke[0], stroke[-1])}
    return [line((x - half, y), (x + half, y)) for x, y in sorted(ends) if y in (0, 1)]


def _scribble(random: np.random.Generator) -> list[Stroke]:
    """Draw lines and arcs between points of a small grid."""
    strokes = []
    for _ in range(integer(AMOUNTS.scribble_strokes, random)):
        (x0, y0), (x1, y1) = random.integers(0, 4, (2, 2)) * (0.25, 1 / 3)
        if random.random() < AMOUNTS.part_bent:
            across, down = random.normal(*AMOUNTS.bend, 2)
            middle = ((x0 + x1) / 2 + across, (y0 + y1) / 2 + down)
            strokes.append(line((x0, y0), middle, (x1, y1)))
        else:
            strokes.append(line((x0, y0), (x1, y1)))
    return strokes


LETTER = Mark("?", partial(_write_letter, are_digits_near=False))

LETTER_AMONG_DIGITS = Mark("?", partial(_write_letter, are_digits_near=True))
