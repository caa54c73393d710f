"""Signs between and around numbers, which are no separators: of arithmetic, parentheses, rings."""

from dataclasses import dataclass

import numpy as np

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import Normal, integer
from digits.training.composition.strokes import Mark, Stroke, arc, line


@dataclass(frozen=True)
class SignAmounts:
    """Amounts of signs. Lengths and places are in heights of a digit, from its top down.

    Source: chosen by eye, to look like what people write.
    """

    cross_half: Range = (0.18, 0.4)
    """Half the width of a sign of multiplication."""
    cross_y: Normal = (0.58, 0.08)
    """Place of its middle."""
    cross_jitter: Normal = (0, 0.04)
    """Distance of its ends from where they belong."""
    plus_half: Range = (0.2, 0.45)
    """Half the width of a plus."""
    plus_y: Normal = (0.55, 0.08)
    """Place of its middle."""
    plus_jitter: Normal = (0, 0.035)
    """Distance of its ends from where they belong."""
    division_half: Range = (0.2, 0.4)
    """Half the width of a sign of division."""
    division_y: Normal = (0.55, 0.06)
    """Place of its dash."""
    division_gap: Range = (0.2, 0.32)
    """Distance between its dash and its points."""
    parenthesis_top: Range = (-0.25, 0.0)
    """Place where a parenthesis begins."""
    parenthesis_foot: Range = (1.0, 1.25)
    """Place where it ends."""
    parenthesis_depth: Range = (0.18, 0.4)
    """Distance by which it bends."""
    hash_lean: Range = (0, 0.25)
    """Half the distance by which a hash's upright strokes lean to the right."""
    hash_gap: Range = (0.22, 0.4)
    """Distance between these strokes."""
    hash_y: float = 0.35
    """Place of its upper level stroke."""
    hash_rows: Range = (0.2, 0.35)
    """Distance between its level strokes."""
    star_radius: Range = (0.15, 0.35)
    """Half the length of a star's strokes."""
    star_y: Range = (0.3, 0.6)
    """Place of its middle."""
    star_strokes: tuple[int, int] = (3, 4)
    """Least and greatest number of its strokes."""
    colon_top: Range = (0.25, 0.5)
    """Place of a colon's upper point."""
    colon_foot: Range = (0.75, 1.0)
    """Place of its lower point."""
    colon_jitter: Normal = (0, 0.03)
    """Distance of the lower point to the right of the upper one."""
    point_length: float = 0.02
    """Length of a point of a colon, or of a sign of division."""
    ring_rx: Range = (0.75, 1.0)
    """Half the width of a ring around a digit."""
    ring_ry: Range = (0.75, 0.98)
    """Half its height."""
    ring_sweep: Range = (330, 380)
    """Angle that it goes round, in degrees."""


AMOUNTS = SignAmounts()


def _write_cross(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of multiplication."""
    half, y = random.uniform(*AMOUNTS.cross_half), random.normal(*AMOUNTS.cross_y)
    jitter = random.normal(*AMOUNTS.cross_jitter, 8)
    return [
        line((-half + jitter[0], y - half + jitter[1]), (half + jitter[2], y + half + jitter[3])),
        line((half + jitter[4], y - half + jitter[5]), (-half + jitter[6], y + half + jitter[7])),
    ]


def _write_plus(random: np.random.Generator) -> list[Stroke]:
    """Draw a plus."""
    half, y = random.uniform(*AMOUNTS.plus_half), random.normal(*AMOUNTS.plus_y)
    jitter = random.normal(*AMOUNTS.plus_jitter, 8)
    return [
        line((-half + jitter[0], y + jitter[1]), (half + jitter[2], y + jitter[3])),
        line((jitter[4], y - half + jitter[5]), (jitter[6], y + half + jitter[7])),
    ]


def _write_division(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of division: a dash between two points."""
    half, y = random.uniform(*AMOUNTS.division_half), random.normal(*AMOUNTS.division_y)
    gap, length = random.uniform(*AMOUNTS.division_gap), AMOUNTS.point_length
    return [
        line((-half, y), (half, y)),
        line((0, y - gap), (length, y - gap)),
        line((0, y + gap), (length, y + gap)),
    ]


def _write_parenthesis(random: np.random.Generator) -> list[Stroke]:
    """Draw an opening or closing parenthesis, well bent."""
    top, foot = random.uniform(*AMOUNTS.parenthesis_top), random.uniform(*AMOUNTS.parenthesis_foot)
    depth = random.uniform(*AMOUNTS.parenthesis_depth) * (1 if random.random() < 0.5 else -1)
    return [
        line(*((depth * t * t, top + (foot - top) * (t + 1) / 2) for t in np.linspace(-1, 1, 9)))
    ]


def _write_hash(random: np.random.Generator) -> list[Stroke]:
    """Draw a hash, whose level strokes are longer than its upright ones are apart."""
    lean, gap = random.uniform(*AMOUNTS.hash_lean), random.uniform(*AMOUNTS.hash_gap)
    rows = (AMOUNTS.hash_y, AMOUNTS.hash_y + random.uniform(*AMOUNTS.hash_rows))
    return [
        *(line((x + lean, 0), (x - lean, 1)) for x in (0, gap)),
        *(line((-0.3, y + 0.03), (gap + 0.3, y - 0.03)) for y in rows),
    ]


def _write_star(random: np.random.Generator) -> list[Stroke]:
    """Draw a star of three or four strokes."""
    radius, y = random.uniform(*AMOUNTS.star_radius), random.uniform(*AMOUNTS.star_y)
    count = integer(AMOUNTS.star_strokes, random)
    angles = np.arange(count) * np.pi / count + random.uniform(0, np.pi)
    ends = [(radius * np.cos(angle), radius * np.sin(angle)) for angle in angles]
    return [line((across, y + down), (-across, y - down)) for across, down in ends]


def _write_colon(random: np.random.Generator) -> list[Stroke]:
    """Draw two points above each other."""
    top, foot = random.uniform(*AMOUNTS.colon_top), random.uniform(*AMOUNTS.colon_foot)
    length, shift = AMOUNTS.point_length, random.normal(*AMOUNTS.colon_jitter)
    return [line((0, top), (length, top)), line((shift, foot), (length, foot))]


def write_ring(random: np.random.Generator) -> list[Stroke]:
    """Draw a ring that goes around a digit."""
    rx, ry = random.uniform(*AMOUNTS.ring_rx), random.uniform(*AMOUNTS.ring_ry)
    start = random.uniform(0, 360)
    return [arc(0.0, 0.5, rx, ry, start, start + random.uniform(*AMOUNTS.ring_sweep))]


COLON = Mark("?", _write_colon)

SIGNS = tuple(
    Mark("?", write)
    for write in (
        _write_cross,
        _write_plus,
        _write_division,
        _write_parenthesis,
        _write_hash,
        _write_star,
    )
)
"""Signs that stand between numbers or around them."""
