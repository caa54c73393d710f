"""Ground: what light, cameras and printed paper do to the image of a line."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from digits.training.augmentation.drawing import TURN, Range
from digits.training.composition.chance import smooth_field


@dataclass(frozen=True)
class GroundAmounts:
    """Amounts of what is done to images. Brightness is contrast to the paper, 0 to 1.

    Source: chosen by eye, to look like scans and photos of forms and cheques.
    """

    part_blurred: float = 0.35
    """Part of the lines that are blurred; 0 to 1."""
    blur: Range = (0.3, 1.0)
    """Standard deviation of the blur, in pixels."""
    part_plain: float = 0.85
    """Part of the lines whose ink is about as strong as MNIST's; 0 to 1. The others are faint."""
    plain: Range = (0.65, 1.15)
    """Strength of the ink of these, in MNIST's."""
    faint: Range = (0.35, 0.65)
    """Strength of the ink of the others, likewise."""
    part_with_waves: float = 0.3
    """Part of the lines on a ground of waves; 0 to 1."""
    part_crossed: float = 0.4
    """Part of these that have a second family of waves across the first; 0 to 1."""
    part_round: float = 0.5
    """Part of the families of waves that are arcs about a centre; the others are parallel."""
    wave_radius: Range = (10, 150)
    """Distance of the centre from the middle of the image, in pixels."""
    wave_frequency: Range = (0.6, 2.4)
    """Frequency of the waves, in radians a pixel; below π."""
    wave_bend: float = 2.0
    """Standard deviation of the field that bends the waves, in pixels."""
    wave_points: int = 4
    """Points down of that field, and least number across; at least 2."""
    wave_distance: int = 12
    """Distance between points across of that field, in pixels."""
    wave_grey: Range = (0.05, 0.28)
    """Brightness of the waves."""
    part_with_blots: float = 0.08
    """Part of the lines on a ground with blots, as printed ones have; 0 to 1."""
    blot_size: int = 3
    """Size of the blots, in pixels."""
    blot_threshold: Range = (0.3, 1.2)
    """Standard deviations above which a smooth field is a blot."""
    blot_rows: int = 3
    """Points down of the field that says where blots are, and least number across; at least 2."""
    blot_distance: int = 20
    """Distance between points across of that field, in pixels."""
    blot_places: Range = (-0.5, 1)
    """Standard deviations above which that field has blots."""
    blot_grey: Range = (0.1, 0.5)
    """Brightness of a blot for each standard deviation beyond the threshold."""
    part_noisy: float = 0.35
    """Part of the lines with noise; 0 to 1."""
    noise_deviation: Range = (0, 0.12)
    """Standard deviation of the noise."""
    part_shaded: float = 0.15
    """Part of the lines in uneven light; 0 to 1."""
    shade_deviation: float = 0.12
    """Standard deviation of the light."""
    shade_points: tuple[int, int] = (4, 8)
    """Points down and across of the field of light; at least 2."""
    part_with_contrast: float = 0.35
    """Part of the lines with another contrast; 0 to 1."""
    log_gamma: Range = (-0.7, 0.6)
    """Natural logarithm of the power of the pixels that changes the contrast."""


AMOUNTS = GroundAmounts()


def add_ground(image: Float32[np.ndarray, "h w"], random: np.random.Generator) -> None:
    """Blur, fade and grain an image, and put a pattern below the ink. Works in place.

    Args:
        image: Contrast to the paper, 0 to 1; noise may go beyond.
        random: A generator.
    """
    if random.random() < AMOUNTS.part_blurred:
        image[:] = cv2.GaussianBlur(image, (0, 0), random.uniform(*AMOUNTS.blur))
    is_plain = random.random() < AMOUNTS.part_plain
    image *= random.uniform(*(AMOUNTS.plain if is_plain else AMOUNTS.faint))
    if random.random() < AMOUNTS.part_with_waves:
        _add_waves(image, random)
    if random.random() < AMOUNTS.part_with_blots:
        _add_blots(image, random)
    if random.random() < AMOUNTS.part_noisy:
        deviation = random.uniform(*AMOUNTS.noise_deviation)
        image += random.normal(0, deviation, image.shape).astype(np.float32)
    if random.random() < AMOUNTS.part_shaded:
        image += AMOUNTS.shade_deviation * smooth_field(image.shape, AMOUNTS.shade_points, random)
    if random.random() < AMOUNTS.part_with_contrast:
        np.clip(image, 0, 1, out=image)
        image **= np.exp(random.uniform(*AMOUNTS.log_gamma))


def _add_waves(image: Float32[np.ndarray, "h w"], random: np.random.Generator) -> None:
    """Draw faint lines, parallel or round, as on cheques and bank notes, in place."""
    for _ in range(1 + (random.random() < AMOUNTS.part_crossed)):
        waves = np.cos(draw_phases(image.shape, random))
        waves = np.maximum(0, waves) ** 2 * random.uniform(*AMOUNTS.wave_grey)
        np.maximum(image, waves, out=image)


def draw_phases(shape: tuple[int, ...], random: np.random.Generator) -> Float32[np.ndarray, "h w"]:
    """Draw the phase of one family of waves at each pixel, in radians.

    Args:
        shape: Height and width of the image, in pixels.
        random: A generator.
    """
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, frequency = random.uniform(*TURN), random.uniform(*AMOUNTS.wave_frequency)
    if random.random() < AMOUNTS.part_round:
        radius = random.uniform(*AMOUNTS.wave_radius)
        centre = width / 2 + radius * np.cos(angle), height / 2 + radius * np.sin(angle)
        distance = np.hypot(x - centre[0], y - centre[1])
    else:
        distance = x * np.cos(angle) + y * np.sin(angle)
    points = (AMOUNTS.wave_points, max(AMOUNTS.wave_points, width // AMOUNTS.wave_distance))
    bent = AMOUNTS.wave_bend * smooth_field(shape, points, random)
    phases: Float32[np.ndarray, "h w"] = (frequency * (distance + bent)).astype(np.float32)
    return phases


def _add_blots(image: Float32[np.ndarray, "h w"], random: np.random.Generator) -> None:
    """Draw small blots in some places, as a printed ground leaves, in place."""
    height, width = image.shape
    size = AMOUNTS.blot_size
    fine = smooth_field(image.shape, (height // size, max(2, width // size)), random)
    columns = max(AMOUNTS.blot_rows, width // AMOUNTS.blot_distance)
    places = smooth_field(image.shape, (AMOUNTS.blot_rows, columns), random)
    blots = np.clip(fine - random.uniform(*AMOUNTS.blot_threshold), 0, 1)
    blots = blots * (places > random.uniform(*AMOUNTS.blot_places))
    np.maximum(image, blots * random.uniform(*AMOUNTS.blot_grey), out=image)
