"""Ink to rows of marks: lines, frames and specks are left away, what stands in a row is joined."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import (
    connected_components,
    deepest,
    stroke_width,
    typical_height,
)
from digits.reading.ink.ruled_lines import without_ruled_lines

SMALLEST_MARK = 7
"""What is smaller is grain, in pixels of the picture as it is looked at."""

MOST_MARKS = 15_000
"""A picture with more has no writing but texture."""

LOW, TALLEST = 2.0, 4.0
"""A row that is more than the one times as high as its digits is turned level if it leans at all;
none is more than the other times as high then."""

SLANT_LIMIT = 8.0
"""Rows that rise or fall by more than this are turned level, too, in degrees."""


@dataclass(frozen=True)
class Word:
    """Digits that stand beside each other, turned level and cut out."""

    contrast: Float32[np.ndarray, "h w"]
    mask: Bool[np.ndarray, "h w"]
    height: float
    """Of a typical digit, in pixels."""
    to_picture: Float[np.ndarray, "2 3"]
    """From places here, x and y, to places in the picture."""

    def box_in_picture(self, box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        """The upright box around a box of this row: left, top, width, height."""
        left, top, width, height = box
        x, y = np.array([left, left + width]), np.array([top, top + height])
        corners = np.array([[a, b, 1] for a in x for b in y]) @ self.to_picture.T
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        return float(x0), float(y0), float(x1 - x0), float(y1 - y0)


def find_lines(ink: Ink) -> list[list[Word]]:
    """The lines of a picture from top to bottom, each as its rows from left to right.

    Returns:
        Lines; two rows are on one line when they are beside each other with a wide gap between.
    """
    mask = without_ruled_lines(ink.mask)
    marks = _Components.of(mask).without_shadows()
    if not len(marks.boxes):
        return []
    height = typical_height(marks.heights, marks.areas)
    marks = marks.without_specks(height, stroke_width(mask))
    if len(marks.boxes) > MOST_MARKS:
        return []
    groups = marks.groups(height)
    rows = [(_box_around(marks.boxes[group]), _cut_out(ink, marks, group)) for group in groups]
    rows = [
        (box, row)
        for box, row in rows
        if row.height >= SMALLEST_MARK and len(row.mask) < TALLEST * row.height
    ]
    return [[row for _, row in line] for line in _in_lines(rows)]


@dataclass(frozen=True)
class _Components:
    """Connected pieces of ink."""

    labels: Int[np.ndarray, "h w"]
    numbers: Int[np.ndarray, " n"]
    """Of each mark in `labels`."""
    boxes: Int[np.ndarray, "n 4"]
    """Left, top, right, bottom of each."""
    areas: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "h w"]) -> "_Components":
        labels, pieces = connected_components(mask)
        left, top, width, height, areas = pieces.T
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        return cls(labels, np.arange(1, len(pieces) + 1), boxes, areas)

    def choose(self, which: Bool[np.ndarray, " n"]) -> "_Components":
        return _Components(self.labels, self.numbers[which], self.boxes[which], self.areas[which])

    @property
    def widths(self) -> Int[np.ndarray, " n"]:
        return np.asarray(self.boxes[:, 2] - self.boxes[:, 0])

    @property
    def heights(self) -> Int[np.ndarray, " n"]:
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])

    def without_shadows(self) -> "_Components":
        """Without what reaches in from the edge and is much thicker than the other strokes."""
        at_edge = self._at_edge()
        if not at_edge.any():
            return self
        usual = stroke_width(np.isin(self.labels, self.numbers))
        is_shadow = np.zeros(len(self.boxes), bool)
        for index in np.flatnonzero(at_edge):
            left, top, right, bottom = self.boxes[index]
            own = self.labels[top:bottom, left:right] == self.numbers[index]
            is_shadow[index] = deepest(own) > 2 * usual
        return self.choose(~is_shadow)

    def _at_edge(self) -> Bool[np.ndarray, " n"]:
        height, width = self.labels.shape
        end = (width - 1, height - 1)
        return np.asarray((self.boxes[:, :2] <= 1).any(1) | (self.boxes[:, 2:] >= end).any(1))

    def without_specks(self, height: float, stroke: float) -> "_Components":
        """Without dots, dirt and what the edge cut off."""
        sizes = np.maximum(self.widths, self.heights)
        is_speck = (sizes < 0.22 * height) | ((sizes < 2 * stroke) & (sizes < 0.4 * height))
        is_speck |= sizes < SMALLEST_MARK
        is_speck |= self._at_edge() & (sizes < 0.5 * height)
        return self.choose(~is_speck)

    def groups(self, height: float) -> list[Int[np.ndarray, " n"]]:
        """Indices of marks that stand in one row each.

        Tall marks are chained to those beside them; small ones join the row that they stand in if
        they are above or below one of its marks, like the roof of a 5, and are dropped otherwise,
        like a dash.
        """
        is_tall = self.heights >= 0.42 * height
        tall = np.flatnonzero(is_tall)
        if abs(_angle(self.boxes[tall], height)) > SLANT_LIMIT:
            return [np.arange(len(self.boxes))]
        by_left = tall[np.argsort(self.boxes[tall, 0], kind="stable")]
        group = _chained(self.boxes[by_left], height)
        members = [by_left[group == number] for number in range(group.max(initial=-1) + 1)]
        extra: list[list[int]] = [[] for _ in members]
        left, top, right, bottom = self.boxes[by_left].T
        for index in np.flatnonzero(~is_tall):
            x0, y0, x1, y1 = self.boxes[index]
            shared = np.minimum(x1, right) - np.maximum(x0, left)
            gap = np.maximum(y0 - bottom, top - y1)
            near = (shared > 0.5 * (x1 - x0)) & (gap < 0.2 * height)
            if near.any():
                extra[group[near].min()].append(int(index))
        return [np.append(own, more).astype(int) for own, more in zip(members, extra, strict=True)]


def _chained(boxes: Int[np.ndarray, "n 4"], height: float) -> Int[np.ndarray, " n"]:
    """The number of each mark's row, from 0: marks beside each other stand in one.

    Args:
        boxes: Left, top, right, bottom of each, from left to right.
        height: Of a digit.
    """
    left, top, right, bottom = boxes.T
    group = np.arange(len(boxes))
    ends = np.searchsorted(left, right + 2.2 * height, side="right")
    for one, end in enumerate(ends):
        others = slice(one + 1, end)
        shared = np.minimum(bottom[one], bottom[others]) - np.maximum(top[one], top[others])
        least = np.minimum(bottom[one] - top[one], bottom[others] - top[others])
        for other in one + 1 + np.flatnonzero(shared > 0.4 * least):
            if group[other] != group[one]:
                first, second = sorted((group[one], group[other]))
                group[group == second] = first
    return np.unique(group, return_inverse=True)[1]


def _box_around(boxes: Int[np.ndarray, "n 4"]) -> tuple[int, int, int, int]:
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def _cut_out(ink: Ink, marks: _Components, group: Int[np.ndarray, " n"]) -> Word:
    left, top, right, bottom = _box_around(marks.boxes[group])
    mask = np.isin(marks.labels[top:bottom, left:right], marks.numbers[group])
    contrast = np.ascontiguousarray(ink.contrast[top:bottom, left:right])
    boxes = marks.boxes[group]
    height = float(np.median(np.sort(boxes[:, 3] - boxes[:, 1])[len(boxes) // 2 :]))
    shift = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
    angle = _angle(boxes, height)
    if abs(angle) < SLANT_LIMIT and len(mask) < LOW * height:
        return Word(contrast, mask, height, shift)
    turned, turned_mask, back = _turn(contrast, mask, angle)
    return Word(turned, turned_mask, height, shift @ np.vstack([back, [0, 0, 1]]))


def _angle(boxes: Int[np.ndarray, "n 4"], height: float) -> float:
    """By how much a row falls to the right, in degrees; 0 unless three marks or more agree."""
    tall = boxes[boxes[:, 3] - boxes[:, 1] > 0.5 * height]
    if len(tall) < 3:
        return 0.0
    x, y = (tall[:, 0] + tall[:, 2]) / 2, (tall[:, 1] + tall[:, 3]) / 2
    if np.ptp(x) < height:
        return 0.0
    slope, start = np.polyfit(x, y, 1)
    residual = float(np.abs(y - slope * x - start).max())
    return float(np.degrees(np.arctan(slope))) if residual < 0.45 * height else 0.0


def _turn(
    contrast: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"], angle: float
) -> tuple[Float32[np.ndarray, "h2 w2"], Bool[np.ndarray, "h2 w2"], Float[np.ndarray, "2 3"]]:
    """Turn a row that falls by `angle` degrees level; and the way back."""
    height, width = mask.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ turn.T
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    turn[:, 2] -= low
    size = int(high[0] - low[0]), int(high[1] - low[1])
    amounts = cv2.warpAffine(contrast, turn, size)
    kept = cv2.warpAffine(mask.astype(np.uint8), turn, size, flags=cv2.INTER_NEAREST) > 0
    left, top, wide, tall = cv2.boundingRect(kept.astype(np.uint8))
    turn[:, 2] -= left, top
    window = slice(top, top + tall), slice(left, left + wide)
    return np.ascontiguousarray(amounts[window]), kept[window], cv2.invertAffineTransform(turn)


def _in_lines(
    rows: list[tuple[tuple[int, int, int, int], Word]],
) -> list[list[tuple[tuple[int, int, int, int], Word]]]:
    """Rows in reading order: those beside each other on one line, from the left."""
    lines: list[list[tuple[tuple[int, int, int, int], Word]]] = []
    for box, row in sorted(rows, key=lambda item: item[0][1] + item[0][3]):
        for line in lines:
            top, bottom = line[-1][0][1], line[-1][0][3]
            shared = min(bottom, box[3]) - max(top, box[1])
            if shared > 0.5 * min(bottom - top, box[3] - box[1]):
                line.append((box, row))
                break
        else:
            lines.append([(box, row)])
    return [sorted(line, key=lambda item: item[0][0]) for line in lines]
