"""Manner: how one writer writes a line, drawn at random."""

from dataclasses import dataclass

import numpy as np

from digits.reading.symbols import DIGIT_HEIGHT
from digits.training.augmentation.drawing import Range
from digits.training.composition.allographs import ALLOGRAPHS, Allograph
from digits.training.composition.chance import Normal, Parts, factor


@dataclass(frozen=True)
class MannerAmounts:
    """Amounts in which writers differ. Pixels are those of MNIST's digits, before `scale`.

    Source: chosen by eye, to look like what people write.
    """

    scale: Range = (1.0, 1.5)
    """Size of a line's digits, in sizes of MNIST's; above 0."""
    slant: Normal = (0.02, 0.2)
    """Shift to the right for each pixel further up."""
    spacing_parts: Parts = (0.36, 0.12, 0.34, 0.18)
    """Parts of the writers whose digits are apart, far apart, touch, and overlap; they sum to 1."""
    gaps: tuple[Range, ...] = ((1.0, 6.0), (6.0, 24.0), (-1.2, 1.2), (-4.0, -0.8))
    """Mean gap between the digits of each of these, in pixels; below 0 if they overlap."""
    gap_deviations: tuple[float, ...] = (1.5, 2.5, 1.2, 1.2)
    """Standard deviation of a gap in a line of each of these, in pixels."""
    size_deviations: tuple[float, ...] = (0.04, 0.09, 0.17)
    """Standard deviations of the logarithm of a digit's size in a line."""
    size_parts: Parts = (0.45, 0.4, 0.15)
    """Parts of the writers with each of these; they sum to 1."""
    width_deviation: float = 0.16
    """Standard deviation of the logarithm of the digits' width among writers."""
    part_with_small_zeros: float = 0.35
    """Part of the writers with small zeros; 0 to 1."""
    small_zero: Range = (0.35, 0.95)
    """Size of such zeros, in sizes of the other digits."""
    part_with_raised_zeros: float = 0.35
    """Part of the writers whose small zeros stand above the line; 0 to 1."""
    zero_rise: Range = (0, 0.6)
    """Height of such zeros above the line, in heights that they are smaller than other digits."""
    part_with_tall_ones: float = 0.25
    """Part of the writers with tall ones; 0 to 1."""
    tall_one: Range = (1, 1.6)
    """Size of such ones, in sizes of the other digits."""
    drift_deviation: float = 0.04
    """Standard deviation of a line's slope: pixels downwards for each pixel across."""
    waves: tuple[float, ...] = (0.02, 0.07, 0.16)
    """Standard deviations of a digit's distance from the line, in heights of a digit."""
    wave_parts: Parts = (0.35, 0.45, 0.2)
    """Parts of the writers with each of these; they sum to 1."""
    part_continental: float = 0.5
    """Part of the writers who learned ones with an upstroke and sevens with a bar; 0 to 1."""
    upstroke_parts: tuple[float, float] = (0.1, 0.9)
    """Part of the other writers, and of these, whose ones have an upstroke; 0 to 1."""
    bar_parts: tuple[float, float] = (0.1, 0.92)
    """Part of the other writers, and of these, whose sevens have a bar; 0 to 1."""
    upstroke: Range = (0.2, 1.0)
    """Length of an upstroke, in heights of its one."""
    upstroke_angle: Range = (32, 75)
    """Angle between an upstroke and the horizontal, in degrees."""
    least_angle: float = 48
    """Least such angle of writers whose sevens have no bar, who could not tell the two else."""
    part_with_foot: float = 0.1
    """Part of the writers whose ones with an upstroke have a foot as well; 0 to 1."""
    part_without_flag: float = 0.12
    """Part of the writers whose fives lack the stroke at their tops; 0 to 1."""
    part_with_curl: float = 0.1
    """Part of the writers whose zeros end in a curl at their tops; 0 to 1."""
    part_with_filled_zeros: float = 0.04
    """Part of the writers whose zeros are filled with ink; 0 to 1."""
    part_of_allographs: float = 0.2
    """Part of the writers who write a digit in one of its allographs; 0 to 1."""
    turn_deviation: float = 0.06
    """Standard deviation of the angle by which a writer turns all digits, in radians."""


AMOUNTS = MannerAmounts()


@dataclass(frozen=True)
class Manner:
    """The manner in which one writer writes a line."""

    scale: float
    """Size of the digits, in sizes of MNIST's."""
    slant: float
    """Shift to the right for each pixel further up."""
    gap: float
    """Mean gap between two digits, in pixels before `scale`."""
    gap_deviation: float
    """Standard deviation of the gaps, in pixels before `scale`."""
    size_deviation: float
    """Standard deviation of the logarithm of a digit's size."""
    width: float
    """Width of the digits, in widths of MNIST's."""
    zero_size: float
    """Size of the zeros, in sizes of other digits."""
    zero_rise: float
    """Height of the zeros above the line, in heights that they are smaller than other digits."""
    one_size: float
    """Size of the ones, in sizes of other digits."""
    drift: float
    """Slope of the line: pixels downwards for each pixel across."""
    wave: float
    """Standard deviation of a digit's distance from the line, in heights of a digit."""
    upstroke: float
    """Length of the upstroke of the ones, in their heights; 0 for none."""
    upstroke_angle: float
    """Angle between upstroke and horizontal, in degrees."""
    has_foot: bool
    """Whether ones with an upstroke have a foot."""
    has_bar: bool
    """Whether sevens have a bar."""
    has_flag: bool
    """Whether fives have the stroke at their tops."""
    has_curl: bool
    """Whether zeros end in a curl at their tops."""
    has_filled_zeros: bool
    """Whether zeros are filled with ink."""
    allographs: dict[int, Allograph]
    """Allograph of each digit that the writer does not write as in MNIST."""
    turn: float
    """Angle by which all digits are turned against the line, in radians."""
    pen_width: float = DIGIT_HEIGHT / 10
    """Width of the pen, in pixels of the line; a line has that of its writer's digits."""

    @property
    def digit_height(self) -> float:
        """Height of a digit, in pixels of the line."""
        return DIGIT_HEIGHT * self.scale


def draw_manner(random: np.random.Generator) -> Manner:
    """Draw the manner of a writer."""
    scale = random.uniform(*AMOUNTS.scale)
    slant = random.normal(*AMOUNTS.slant)
    spacing = int(random.choice(len(AMOUNTS.gaps), p=AMOUNTS.spacing_parts))
    gap = random.uniform(*AMOUNTS.gaps[spacing])
    size_deviation = float(random.choice(AMOUNTS.size_deviations, p=AMOUNTS.size_parts))
    width = factor(AMOUNTS.width_deviation, random)
    has_small_zeros = random.random() < AMOUNTS.part_with_small_zeros
    zero_size = random.uniform(*AMOUNTS.small_zero) if has_small_zeros else 1.0
    has_raised_zeros = random.random() < AMOUNTS.part_with_raised_zeros
    zero_rise = random.uniform(*AMOUNTS.zero_rise) if has_raised_zeros else 0.0
    has_tall_ones = random.random() < AMOUNTS.part_with_tall_ones
    one_size = random.uniform(*AMOUNTS.tall_one) if has_tall_ones else 1.0
    drift = random.normal(0, AMOUNTS.drift_deviation)
    wave = float(random.choice(AMOUNTS.waves, p=AMOUNTS.wave_parts))
    is_continental = random.random() < AMOUNTS.part_continental
    has_upstroke = random.random() < AMOUNTS.upstroke_parts[is_continental]
    has_bar = random.random() < AMOUNTS.bar_parts[is_continental]
    least, greatest = AMOUNTS.upstroke_angle
    angle = random.uniform(least if has_bar else AMOUNTS.least_angle, greatest)
    return Manner(
        scale=scale,
        slant=slant,
        gap=gap,
        gap_deviation=AMOUNTS.gap_deviations[spacing],
        size_deviation=size_deviation,
        width=width,
        zero_size=zero_size,
        zero_rise=zero_rise,
        one_size=one_size,
        drift=drift,
        wave=wave,
        upstroke=random.uniform(*AMOUNTS.upstroke) if has_upstroke else 0.0,
        upstroke_angle=angle,
        has_foot=random.random() < AMOUNTS.part_with_foot,
        has_bar=has_bar,
        has_flag=random.random() >= AMOUNTS.part_without_flag,
        has_curl=random.random() < AMOUNTS.part_with_curl,
        has_filled_zeros=random.random() < AMOUNTS.part_with_filled_zeros,
        allographs={
            label: forms[random.integers(len(forms))]
            for label, forms in ALLOGRAPHS.items()
            if random.random() < AMOUNTS.part_of_allographs
        },
        turn=random.normal(0, AMOUNTS.turn_deviation),
    )
