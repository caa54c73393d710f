"""Ink without what was printed to write on: ruled lines, boxes, grids."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Bool, Int

from digits.reading.ink.components import (
    connected_components,
    stroke_width,
    typical_height,
    window_around,
)

LINE_LENGTH = 1.6
"""A straight run that is longer than this many heights of a digit is no part of one."""

SIDE_LENGTH = 1.1
"""The same where a mark is a frame."""

ENCLOSED = 0.25
"""What is in a hole, and so many times as high at least, makes a frame of what is around it."""

RECTANGULAR = 0.92
"""Part of the smallest rectangle around a hole that its hull covers, at least, in a frame."""

LEAST_SIDE = 10
"""Of such a hole, in pixels."""

LEAST_FILL = 0.08
"""Part of its box that a digit covers, at least."""

LONG = 3.0
"""What is more than so many heights of a digit wide or high may be ruled."""

STRAIGHT = 0.5
"""Part of the smallest rectangle around a tooth of a comb that it fills, at least."""

APART = 0.05
"""Part of the ink that stands apart from frames, at least, for digits to be known by it."""

LEVEL = 0.3
"""Frames that lean by less are level, in degrees."""

ENOUGH = 16
"""So many of the largest frames, or lines, tell how all lean."""

ODD = 2.0
"""One of these that leans by so much more or less does so by itself, in degrees."""


def without_ruled_lines(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Without frames and ruled lines; strokes that cross them stay.

    Frames, and marks that are much longer than digits are high, may lean.
    """
    rest, height = without_boxes(mask)
    rest = _without_lines(rest, LINE_LENGTH * height)
    return _without_ticks(rest, mask & ~rest, SIDE_LENGTH * height)


def without_boxes(mask: Bool[np.ndarray, "h w"]) -> tuple[Bool[np.ndarray, "h w"], float]:
    """Without boxes and grids; what touches them stays, but for what is straight and long.

    Returns:
        The ink that is left, and the typical height of a digit, in pixels.
    """
    labels, pieces = connected_components(mask)
    if not len(pieces):
        return mask, float(mask.shape[0])
    _, _, widths, heights, areas = pieces.T
    is_frame = np.isin(np.arange(1, len(pieces) + 1), _frames(mask, labels))
    # Neither frames nor lines are as high as digits; frames that fill little of their boxes may be
    # open, and where nearly all ink is one frame, that is digits on lines.
    usual = (areas > LEAST_FILL * widths * heights) & (widths < LONG * heights)
    if areas[usual & ~is_frame].sum() > APART * areas[usual].sum():
        usual &= ~is_frame
    height = float(mask.shape[0])
    if usual.any():
        height = typical_height(heights[usual], areas[usual])
    is_ruled = (is_frame & (heights > SIDE_LENGTH * height)) | (
        np.maximum(widths, heights) > LONG * height
    )
    mask = mask.copy()
    for is_kind, length in ((is_frame, SIDE_LENGTH * height), (~is_frame, LINE_LENGTH * height)):
        chosen = np.flatnonzero(is_ruled & is_kind)
        if not chosen.size:
            continue
        largest = chosen[np.argsort(-areas[chosen])][:ENOUGH]
        angles = np.array([_lean(own) for _, own in _cut_out(labels, pieces, largest)])
        angle = float(np.median(angles))
        odd = np.abs(angles - angle) > ODD
        for (window, own), its in zip(
            _cut_out(labels, pieces, largest[odd]), angles[odd], strict=True
        ):
            mask[window] &= ~own | _without_leaning_lines(own, float(its), length)
        rest = np.isin(labels, np.setdiff1d(chosen, largest[odd]) + 1)
        mask &= ~rest | _without_leaning_lines(rest, angle, length)
    return mask, height


def _cut_out(
    labels: Int[np.ndarray, "h w"], pieces: Int[np.ndarray, "n 5"], chosen: Int[np.ndarray, " m"]
) -> Iterator[tuple[tuple[slice, slice], Bool[np.ndarray, "h2 w2"]]]:
    """Where each piece is, and its own ink there."""
    for index in chosen:
        left, top, width, height, _ = pieces[index]
        window = slice(top, top + height), slice(left, left + width)
        yield window, labels[window] == index + 1


def _lean(mask: Bool[np.ndarray, "h w"]) -> float:
    """By how much the smallest rectangle around a mark leans, in degrees."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    return float((cv2.minAreaRect(points)[2] + 45) % 90 - 45)


def _frames(mask: Bool[np.ndarray, "h w"], labels: Int[np.ndarray, "h w"]) -> list[int]:
    """Labels of marks with a rectangular hole, or a hole in which stands what is no speck there."""
    contours, hierarchy = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
    )
    parents = hierarchy[0, :, 3]
    generations = np.zeros(len(parents), int)
    ancestors = parents
    while (ancestors >= 0).any():
        generations += ancestors >= 0
        ancestors = np.where(ancestors >= 0, parents[ancestors], -1)
    heights = [cv2.boundingRect(contour)[3] for contour in contours]
    frames = set()
    for index in np.flatnonzero(generations).tolist():
        contour, parent = contours[index], int(parents[index])
        if generations[index] % 2:  # a hole; around it is its mark
            owner, is_frame = parent, _is_rectangular(contour)
        else:  # a mark in a hole
            owner, is_frame = parents[parent], heights[index] >= ENCLOSED * heights[parent]
        if is_frame:
            x, y = contours[owner][0, 0]
            frames.add(int(labels[y, x]))
    return sorted(frames)


def _is_rectangular(contour: Int[np.ndarray, "n 1 2"]) -> bool:
    if max(cv2.boundingRect(contour)[2:]) < LEAST_SIDE:
        return False
    sides = cv2.minAreaRect(contour)[1]
    if min(sides) < LEAST_SIDE:
        return False
    return bool(cv2.contourArea(cv2.convexHull(contour)) > RECTANGULAR * sides[0] * sides[1])


def _without_leaning_lines(
    mask: Bool[np.ndarray, "h w"], angle: float, at_least: float
) -> Bool[np.ndarray, "h w"]:
    """Without straight lines that lean by an angle in degrees, and those across them."""
    if abs(angle) < LEVEL:
        return _without_lines(mask, at_least)
    height, width = mask.shape
    pad = round(abs(np.sin(np.radians(angle))) * max(height, width)) + 2
    padded = cv2.copyMakeBorder(
        mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0
    )
    centre = (width / 2 + pad, height / 2 + pad)
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    level = cv2.warpAffine(padded, turn, padded.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    rest = _without_lines(level, at_least).astype(np.uint8)
    back = cv2.invertAffineTransform(turn)
    turned_back = cv2.warpAffine(rest, back, padded.shape[::-1], flags=cv2.INTER_NEAREST)
    whole = cv2.dilate(turned_back, np.ones((2, 2), np.uint8)) > 0  # turning leaves holes
    return np.asarray(mask & whole[pad:-pad, pad:-pad])


def _without_ticks(
    mask: Bool[np.ndarray, "h w"], lines: Bool[np.ndarray, "h w"], longest: float
) -> Bool[np.ndarray, "h w"]:
    """Without the teeth of combs: thin straight marks, two or more, that stood on lines."""
    if not lines.any():
        return mask
    thickest = stroke_width(lines) + 3
    labels, pieces = connected_components(mask)
    near = cv2.dilate(lines.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    ticks = []
    for number in np.unique(labels[near & mask]):
        left, top, width, height, area = pieces[number - 1]
        if max(width, height) > longest:
            continue
        own = labels[top : top + height, left : left + width] == number
        points = np.argwhere(own)[:, ::-1].astype(np.int32)
        short, long = sorted(side + 1 for side in cv2.minAreaRect(points)[1])
        if short <= thickest < long and area > STRAIGHT * short * long:
            ticks.append(number)
    return mask & ~np.isin(labels, ticks) if len(ticks) > 1 else mask


def _without_lines(mask: Bool[np.ndarray, "h w"], at_least: float) -> Bool[np.ndarray, "h w"]:
    """Without straight lines, level and upright; strokes that cross them stay."""
    for axis in (0, 1):
        across = mask if axis == 0 else mask.T
        length = round(min(at_least, 0.95 * across.shape[1]))
        if length < 12 or not across.any():
            continue
        window = window_around(across, margin=length)
        lines = _level_lines(across[window], length)
        if lines is not None:
            across = across.copy()
            across[window] &= ~lines
            mask = across if axis == 0 else across.T
    return mask


def _level_lines(mask: Bool[np.ndarray, "h w"], length: int) -> Bool[np.ndarray, "h w"] | None:
    """Level lines without the strokes that cross them; none if there are no such lines."""
    pixels = np.ascontiguousarray(mask, np.uint8)
    # A line may rise a little: let runs go on from one row of pixels to the next.
    thick = cv2.dilate(pixels, np.ones((3, 1), np.uint8))
    # At the edges of the picture, half of a run is enough.
    least = length // 2 if thick[:, [0, -1]].any() else length
    may_run = np.flatnonzero(np.count_nonzero(thick, axis=1) >= least)
    if not may_run.size:
        return None
    opened = np.zeros_like(thick)
    opened[may_run] = cv2.morphologyEx(
        thick[may_run], cv2.MORPH_OPEN, np.ones((1, length), np.uint8)
    )
    runs = (opened > 0) & (pixels > 0)
    if not runs.any():
        return None
    width = stroke_width(runs) + 2
    # What is taller than the line, where it runs, is a stroke that crosses it.
    crossing = cv2.morphologyEx(
        pixels, cv2.MORPH_OPEN, np.ones((round(2 * width) + 1, 1), np.uint8)
    )
    return np.asarray(runs & (crossing == 0))
