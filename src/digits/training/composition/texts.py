"""Texts: what is written on a line, which digits and which marks between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from digits.training.composition.chance import Parts, integer, limits, which
from digits.training.composition.displays import DISPLAY
from digits.training.composition.letters import LETTER, LETTER_AMONG_DIGITS
from digits.training.composition.separators import (
    APOSTROPHE,
    COMMA,
    DASH,
    EQUALS,
    POINT,
    SLASH,
)
from digits.training.composition.shapes import SHAPES
from digits.training.composition.signs import COLON, SIGNS
from digits.training.composition.strokes import Mark


@dataclass(frozen=True)
class TextAmounts:
    """Amounts of what is written. Least and greatest numbers are both inclusive.

    Source: chosen by eye, to look like what people write.
    """

    part_without_digits: float = 0.12
    """Part of the lines without any digit; 0 to 1."""
    markings: Parts = (0.1, 0.45, 0.08, 0.25)
    """Parts of these that are blank, of letters, a display, and of shapes; the others are signs."""
    marks: tuple[int, int] = (1, 7)
    """Least and greatest number of marks on these."""
    most_signs: int = 3
    """Greatest number of signs, or shapes, on these."""
    part_alone: float = 0.6
    """Part of the lines of letters that have one letter; 0 to 1."""
    lengths: tuple[int, ...] = (7, 6, 5, 5, 6, 6, 5, 4, 3, 2, 1, 1)
    """Frequency of numbers with one digit, with two, and so on; any unit."""
    repetitions: tuple[float, float] = (0.05, 0.4)
    """Part of the digits that repeat that before them, in two kinds of numbers; 0 to 1."""
    repetition_parts: Parts = (0.8, 0.2)
    """Parts of the numbers that are of each kind; they sum to 1."""
    part_amounts: float = 0.5
    """Part of the numbers that are amounts, and begin as Benford's law says; 0 to 1."""
    part_round: float = 0.35
    """Part of the amounts that end in zeros; 0 to 1."""
    zeros: tuple[int, int] = (1, 3)
    """Least and greatest number of these zeros."""
    structures: Parts = (0.36, 0.1, 0.08, 0.06, 0.06)
    """Parts of the numbers with each of `STRUCTURES`; the others are digits alone."""
    most_decimals: int = 3
    """Greatest number of decimals."""
    operators: Parts = (0.65, 0.25)
    """Parts of the sums with a sign, and with a dash; the others have a slash."""
    letters: tuple[int, int] = (1, 3)
    """Least and greatest number of letters about a number."""
    endings: Parts = (0.09, 0.07, 0.08, 0.07, 0.04, 0.03, 0.02, 0.02)
    """Parts of the numbers with each of `ENDINGS`; the others end with a digit."""
    beginnings: Parts = (0.04, 0.03, 0.02, 0.02)
    """Parts that begin with a sign, a dash, a letter, two dashes; the others, with a digit."""


AMOUNTS = TextAmounts()

LEADING = np.log10(1 + 1 / np.arange(1, 10))
"""Parts of the amounts that begin with each digit from 1 (Benford's law)."""

ANY, REPEAT = -1, -2
"""What stands in a text for any digit, and for that before it."""

Text = list[Mark | int]
"""What stands on a line, from left to right: marks, and digits, `ANY` or `REPEAT`."""

Plan = list[list[Mark]]
"""Marks before each digit of a number, and after its last."""


def choose_text(random: np.random.Generator) -> Text:
    """Choose what is written on a line: mostly a number, with separators and signs."""
    if random.random() < AMOUNTS.part_without_digits:
        return [*_choose_marks(random)]
    lengths = np.arange(1, len(AMOUNTS.lengths) + 1)
    frequencies = np.array(AMOUNTS.lengths)
    count = int(random.choice(lengths, p=frequencies / frequencies.sum()))
    digits = _choose_digits(count, random)
    *before, after = _choose_plan(count, random)
    text: Text = []
    for marks, digit in zip(before, digits, strict=True):
        text += [*marks, digit]
    return [*text, *after]


def _choose_marks(random: np.random.Generator) -> list[Mark]:
    """Choose the marks of a line without digits: letters, a display, shapes, signs, or none."""
    kind = which(AMOUNTS.markings, random)
    if kind == 0:
        return []
    count = integer(AMOUNTS.marks, random)
    if kind == 1:
        return [LETTER] * (1 if random.random() < AMOUNTS.part_alone else count)
    if kind == 2:
        return [DISPLAY] * count
    if kind == 3:
        chosen = random.integers(len(SHAPES), size=min(count, AMOUNTS.most_signs))
        return [SHAPES[index] for index in chosen]
    return [_choose_sign(random) for _ in range(min(count, AMOUNTS.most_signs))]


def _choose_digits(count: int, random: np.random.Generator) -> list[int]:
    """Choose the digits: half of the numbers are amounts, with a leading digit as most have it.

    Many amounts end in zeros, and in numbers that people write, many digits repeat.
    """
    often = random.choice(AMOUNTS.repetitions, p=AMOUNTS.repetition_parts)
    digits = [REPEAT if random.random() < often else ANY for _ in range(count)]
    if random.random() < AMOUNTS.part_amounts:
        digits[0] = int(random.choice(np.arange(1, 10), p=LEADING))
        if random.random() < AMOUNTS.part_round:
            zeros = min(integer(AMOUNTS.zeros, random), count - 1)
            digits[count - zeros :] = [0] * zeros
    return digits


def _choose_plan(count: int, random: np.random.Generator) -> Plan:
    """Choose the marks before each of so many digits, and after the last."""
    plan: Plan = [[] for _ in range(count + 1)]
    kind = random.random()
    for structure, limit in zip(STRUCTURES, limits(AMOUNTS.structures), strict=True):
        if kind < limit and count >= structure.least_digits:
            structure.write(plan, random)
            break
    plan[-1] += (*ENDINGS, ())[which(AMOUNTS.endings, random)]
    beginning = which(AMOUNTS.beginnings, random)
    if beginning == 0:
        plan[0].insert(0, _choose_sign(random))
    elif beginning < len(AMOUNTS.beginnings):
        plan[0].insert(0, (DASH, LETTER_AMONG_DIGITS, EQUALS)[beginning - 1])
    return plan


def _write_thousands(plan: Plan, random: np.random.Generator) -> None:
    """Separate each three digits, from the right."""
    mark = (POINT, POINT, COMMA, APOSTROPHE)[random.integers(4)]
    for index in range(len(plan) - 4, 0, -3):
        plan[index].append(mark)


def _write_decimals(plan: Plan, random: np.random.Generator) -> None:
    """Separate the last digits: the number of decimals, then the separator."""
    count = len(plan) - 1
    decimals = integer((1, min(AMOUNTS.most_decimals, count - 1)), random)
    plan[count - decimals].append((POINT, COMMA)[random.integers(2)])


def _write_pairs(plan: Plan, random: np.random.Generator) -> None:
    """Separate each two digits, as in dates and telephone numbers."""
    mark = (POINT, DASH, POINT, SLASH, COLON)[random.integers(5)]
    for index in range(2, len(plan) - 1, 2):
        plan[index].append(mark)


def _write_sum(plan: Plan, random: np.random.Generator) -> None:
    """Put a sign between two digits, as in a sum."""
    place = integer((1, len(plan) - 2), random)
    kind = which(AMOUNTS.operators, random)
    plan[place].append((_choose_sign(random), DASH, SLASH)[kind])


def _write_letters(plan: Plan, random: np.random.Generator) -> None:
    """Put letters anywhere."""
    for _ in range(integer(AMOUNTS.letters, random)):
        plan[integer((0, len(plan) - 1), random)].append(LETTER_AMONG_DIGITS)


class Structure(NamedTuple):
    """A way in which numbers are structured by marks."""

    write: Callable[[Plan, np.random.Generator], None]
    """Put the marks into a plan."""
    least_digits: int
    """Number of digits below which the next structure that fits is taken."""


STRUCTURES = (
    Structure(_write_thousands, 4),
    Structure(_write_decimals, 3),
    Structure(_write_pairs, 3),
    Structure(_write_sum, 2),
    Structure(_write_letters, 1),
)
"""Structures, in the order of their parts in the amounts."""

ENDINGS = (
    (POINT,),
    (COMMA,),
    (DASH,),
    (POINT, DASH),
    (EQUALS,),
    (COMMA, DASH),
    (SLASH, DASH),
    (DASH, DASH),
)
"""Marks that end a number, in the order of their parts in the amounts."""


def _choose_sign(random: np.random.Generator) -> Mark:
    """Choose a sign."""
    return SIGNS[random.integers(len(SIGNS))]
