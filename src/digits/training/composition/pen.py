"""Pen: the ink of a line as another pen would leave it, thicker or thinner, bent, uneven, dry."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from digits.training.augmentation.drawing import Range
from digits.training.composition.chance import smooth_field


@dataclass(frozen=True)
class PenAmounts:
    """Amounts of what a pen does.

    Source: chosen by eye, to look like what people write.
    """

    part_redrawn: float = 0.6
    """Part of the lines whose strokes become thicker or thinner, harder or softer; 0 to 1."""
    blur: Range = (0.6, 1.3)
    """Standard deviation of the blur before that, in pixels."""
    threshold: Range = (0.15, 0.66)
    """Blurred ink at which a stroke's edge then is; 0 to 1."""
    edge: Range = (0.03, 0.14)
    """Width of that edge, in ink."""
    least_peak: float = 0.3
    """Strongest ink up to which a line is not made as strong as others; 0 to 1."""
    part_uneven: float = 0.3
    """Part of the lines whose ink is uneven; 0 to 1."""
    unevenness: float = 0.35
    """Standard deviation of the ink of these, as a part of it."""
    uneven: Range = (0.2, 1.3)
    """Least and greatest ink of these, likewise."""
    uneven_rows: int = 3
    """Number of points down of the field that makes ink uneven; at least 2."""
    part_bent: float = 0.5
    """Part of the lines whose strokes are bent; 0 to 1."""
    bend: Range = (0.3, 1.3)
    """Standard deviation of the field that bends strokes, in pixels."""
    bend_rows: int = 4
    """Number of points down of that field; at least 2."""
    least_columns: int = 3
    """Least number of points across of both fields; at least 2."""
    column_distance: int = 12
    """Distance between points across of both fields, in pixels."""
    part_dry: float = 0.06
    """Part of the lines written with a dry pen; 0 to 1."""
    dryness: Range = (0.05, 0.3)
    """Part of the paper that is without ink in these; 0 to 1."""


AMOUNTS = PenAmounts()


def redraw(
    ink: Float32[np.ndarray, "h w"], random: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Write a line with another pen: thicker or thinner, harder or softer, uneven, bent, dry.

    Args:
        ink: The line's ink, 0 to 1.
        random: A generator.
    """
    height, width = ink.shape
    columns = max(AMOUNTS.least_columns, width // AMOUNTS.column_distance)
    if random.random() < AMOUNTS.part_redrawn:
        ink = _with_edges(ink, random)
    if random.random() < AMOUNTS.part_uneven:
        field = smooth_field(ink.shape, (AMOUNTS.uneven_rows, columns), random)
        ink = ink * np.clip(1 + AMOUNTS.unevenness * field, *AMOUNTS.uneven)
    if random.random() < AMOUNTS.part_bent:
        amount = random.uniform(*AMOUNTS.bend)
        points = (AMOUNTS.bend_rows, columns)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        dx, dy = (amount * smooth_field(ink.shape, points, random) for _ in range(2))
        ink = cv2.remap(ink, x + dx, y + dy, cv2.INTER_LINEAR)
    if random.random() < AMOUNTS.part_dry:
        grain = random.random((height // 2, max(2, width // 2)), dtype=np.float32)
        ink = ink * (cv2.resize(grain, (width, height)) > random.uniform(*AMOUNTS.dryness))
    return np.ascontiguousarray(ink, dtype=np.float32)


def _with_edges(
    ink: Float32[np.ndarray, "h w"], random: np.random.Generator
) -> Float[np.ndarray, "h w"]:
    """Blur strokes, and give them new edges: a logistic curve of the blurred ink, 0 without ink."""
    soft = cv2.GaussianBlur(ink, (0, 0), random.uniform(*AMOUNTS.blur))
    threshold, edge = random.uniform(*AMOUNTS.threshold), random.uniform(*AMOUNTS.edge)
    drawn = 1 / (1 + np.exp(-(soft - threshold) / edge))
    floor = 1 / (1 + np.exp(threshold / edge))
    drawn = np.maximum(0, (drawn - floor) / (1 - floor))
    strong: Float[np.ndarray, "h w"] = drawn / max(AMOUNTS.least_peak, float(drawn.max()))
    return strong
