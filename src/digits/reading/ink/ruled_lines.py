"""Removal of ruled lines and form boxes: what was printed for people to write on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Int

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import (
    connected_components,
    mask_of,
    reach_edge,
    stroke_width,
    typical_height,
    window_around,
)
from digits.reading.ink.page import PAGE
from digits.reading.tuning import Tuned, number

NUM_MEASURED = 16
"""Limit on time: number of the largest boxes, or lines, whose median skew is taken for all."""

MAX_POINTS = 20_000
"""Limit on time: pixels of ink by which the angle of a paper's lines is found."""

STEEPEST = 8.0
"""Limit on time: greatest angle of a paper's lines that is tried, in degrees."""

ANGLE_STEP = 0.25
"""Limit on time: step between the angles that are tried, in degrees."""


@dataclass(frozen=True)
class RuledLinesParameters(Tuned):
    """Tuned numbers of the removal of ruled lines and form boxes."""

    line_length: float = number(1.6, "heights of a digit", low=0.5, high=5)
    """A straight run that is longer than this is part of a ruled line."""
    side_length: float = number(1.1, "heights of a digit", low=0.5, high=5)
    """A straight run of a box that is longer than this is part of its side."""
    shortest: float = number(12, "pixels", low=4, high=50)
    """No run that is shorter than this is part of a line, nor any side of a box."""
    long_rule: float = number(0.5, "shorter sides of the picture", low=0.2, high=1)
    """A straight run that is longer than this may be a line of lined or squared paper."""
    thick_rule: float = number(0.025, "shorter sides of the picture", low=0.005, high=0.1)
    """Thickness of a line of lined or squared paper, at most."""
    parts: int = number(2, "factor", low=1, high=5)
    """Factor by which a part of such a line may be shorter, once whole ones are found."""
    num_rules: int = number(3, "lines", low=2, high=8)
    """Number of level, or of upright lines of lined or squared paper, at least."""
    whole_width: float = number(0.95, "part of the picture's side", low=0.5, high=1)
    """A straight run that is longer than this is part of a ruled line."""
    cell_edge: float = number(0.15, "shorter sides of the picture", low=0.02, high=0.3)
    """Where no ink is further from the picture's edges than this, it is what is left of a cell."""
    whole_side: float = number(0.85, "part of the picture's side", low=0.5, high=1)
    """A side of a cell that is cut out is longer than this."""
    crossing: float = number(2.0, "line widths", low=0.5, high=8)
    """Ink that is higher than this, where a line runs, is a stroke that crosses the line."""
    speck: float = number(0.22, "heights of a digit, or of a hole", low=0, high=0.5)
    """A component smaller than this is a speck; a larger one in a hole makes a box of the hole."""
    long: float = number(3.0, "heights of a digit", low=1, high=10)
    """A component that is wider or higher than this may be a ruled line, and is no digit."""
    odd: float = number(2.0, "degrees", low=0.1, high=10)
    """A box or line whose skew differs from the median by more than this keeps its own."""
    tooth_margin: float = number(3, "pixels", low=0, high=10)
    """A comb's tooth is thicker than the line it stands on by this, at most."""
    tooth_reach: int = number(2, "pixels", low=1, high=10)
    """Gap between a comb's tooth and the line it stands on, at most."""
    straight: float = number(0.5, "part of the smallest rectangle around it", low=0, high=1)
    """Ink of a comb's tooth, at least."""


RULED_LINES = RuledLinesParameters()


def erase_ruled_lines(ink: Ink) -> Ink:
    """Erase boxes and ruled lines from the ink of a picture, with their soft edges."""
    return _without(ink, ink.mask & ~without_ruled_lines(ink.mask))


def erase_upright_lines(ink: Ink, erased: Ink, height: float) -> Ink:
    """Erase of all ruled lines those alone that are upright: none is more like a one.

    Args:
        ink: The ink of a picture.
        erased: The same without any ruled lines.
        height: Height of a digit, in pixels.
    """
    ruled = (ink.mask & ~erased.mask).astype(np.uint8)
    if not ruled.any():
        return ink
    # A line may lean a little: let runs go on from one column of pixels to the next.
    thick = cv2.dilate(ruled, np.ones((1, 3), np.uint8))
    length = max(1, round(RULED_LINES.side_length * height))
    upright = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    return _without(ink, (ruled & upright) > 0)


def _without(ink: Ink, ruled: Bool[np.ndarray, "h w"]) -> Ink:
    """Take some pixels from the ink of a picture, with their soft edges."""
    if not ruled.any():
        return ink
    mask = ink.mask & ~ruled
    near = cv2.dilate(ruled.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return replace(ink, mask=mask, contrast=np.where(near & ~mask, 0, ink.contrast))


def without_ruled_lines(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Remove boxes and ruled lines; strokes that cross them stay.

    Boxes, and components that are much longer than digits are high, may be skewed; so may the
    paper.
    """
    unruled = _without_rules_of_paper(mask)
    rest, height = without_boxes(unruled)
    rest = _without_lines(rest, RULED_LINES.line_length * height)
    return _without_teeth(rest, mask & ~rest, RULED_LINES.side_length * height)


def _without_rules_of_paper(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Remove the lines of lined or squared paper: some long ones, parallel, at any small angle."""
    shorter = min(mask.shape)
    length = round(RULED_LINES.long_rule * shorter)
    if not _may_have_rules(mask, length):
        return mask
    angle = _angle_of_rules(mask)
    thickest = round(RULED_LINES.thick_rule * shorter)
    thickness: list[float] = []

    def without(level: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
        for across in (False, True):
            turned = level.T if across else level
            lines = _level_lines(turned, length, thickest)
            if lines is None or _num_lines(lines, length) < RULED_LINES.num_rules:
                break  # where no lines are level, upright ones are digits
            thickness.append(stroke_width(lines))
            turned = turned & ~lines
            # Where they are faint, they have gaps.
            parts = _level_lines(turned, length // RULED_LINES.parts, _thin(thickness))
            turned = turned if parts is None else turned & ~parts
            level = turned.T if across else turned
        return level

    rest = _in_level_frame(mask, angle, without)
    if not thickness:
        return mask
    labels, stats = connected_components(rest)
    is_line = stats[:, 2:4].max(axis=1, initial=0) > length
    long = np.flatnonzero(is_line)
    largest = long[np.argsort(-stats[long, 4])][:NUM_MEASURED]
    # Some lines are left where paper is askew. Digits may be as long, but are thicker.
    is_line[largest] = [
        stroke_width(own) <= thickest for _, own in _cut_out(labels, stats, largest)
    ]
    left, top, width, height, areas = stats.T
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    # What is straight has as much ink as it is long, times its thickness.
    is_thin = areas <= _thin(thickness) * np.hypot(width, height)
    is_line |= reach_edge(boxes, mask.shape) & is_thin
    return np.asarray(rest & ~np.concatenate([[False], is_line])[labels])


def _thin(thickness: list[float]) -> int:
    """Thickness of a line's parts in pixels, at most, by that of the whole lines."""
    return round(max(thickness)) + 1


def _may_have_rules(mask: Bool[np.ndarray, "h w"], length: int) -> bool:
    """Tell whether there is ink enough for level lines of some length, one above the other."""
    begins = np.count_nonzero(mask[0]) + np.count_nonzero(mask[1:] > mask[:-1])
    return bool(begins >= RULED_LINES.num_rules * length * np.cos(np.radians(STEEPEST)))


def _angle_of_rules(mask: Bool[np.ndarray, "h w"]) -> float:
    """Find the angle in degrees at which most ink lies in few rows."""
    y, x = np.nonzero(mask)
    step = -(-len(y) // MAX_POINTS)
    y, x = y[::step], x[::step]
    angles = np.arange(-STEEPEST, STEEPEST + 0.01, ANGLE_STEP)
    scores = []
    for angle in angles:
        rows = np.rint(y - x * np.tan(np.radians(angle))).astype(int)
        counts = np.bincount(rows - rows.min())
        scores.append(float((counts.astype(float) ** 2).sum()))
    return float(angles[int(np.argmax(scores))])


def _num_lines(lines: Bool[np.ndarray, "h w"], length: int) -> int:
    """Count level lines: runs of rows that have ink in so many columns."""
    edges = np.flatnonzero(np.diff(lines.any(axis=1).astype(np.int8), prepend=0, append=0))
    return sum(
        int(lines[first:end].any(axis=0).sum()) >= length
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    )


def without_boxes(mask: Bool[np.ndarray, "h w"]) -> tuple[Bool[np.ndarray, "h w"], float]:
    """Remove form boxes, grids and skewed lines; what touches them stays, unless straight and long.

    Returns:
        The ink that is left, and the typical height of a digit, in pixels.
    """
    if is_empty_cell(mask):
        return np.zeros_like(mask), float(mask.shape[0])
    labels, stats = connected_components(mask)
    if not len(stats):
        return mask, float(mask.shape[0])
    _, _, widths, heights, areas = stats.T
    empty, filled = _form_boxes(mask, labels)
    numbers = np.arange(1, len(stats) + 1)
    is_box = np.isin(numbers, [*empty, *filled])
    # Neither boxes nor lines are as high as digits; but where all ink but specks is one box, that
    # is digits on lines.
    usual = (widths < RULED_LINES.long * heights) & ~np.isin(numbers, list(filled))
    if areas[usual & ~is_box].sum() > RULED_LINES.speck * areas[usual].sum():
        usual &= ~is_box
    height = float(mask.shape[0])
    if usual.any():
        height = typical_height(heights[usual], areas[usual])
    line_length, side_length = RULED_LINES.line_length * height, RULED_LINES.side_length * height
    is_ruled = (is_box & (heights > side_length)) | (
        np.maximum(widths, heights) > RULED_LINES.long * height
    )
    mask = mask.copy()
    for is_kind, length in ((is_box, side_length), (~is_box, line_length)):
        chosen = np.flatnonzero(is_ruled & is_kind)
        if not chosen.size:
            continue
        largest = chosen[np.argsort(-areas[chosen])][:NUM_MEASURED]
        angles = np.array([_skew(own) for _, own in _cut_out(labels, stats, largest)])
        angle = float(np.median(angles))
        odd = np.abs(angles - angle) > RULED_LINES.odd
        for (window, own), its in zip(
            _cut_out(labels, stats, largest[odd]), angles[odd], strict=True
        ):
            mask[window] &= ~own | _without_skewed_lines(own, float(its), length)
        rest = mask_of(labels, np.setdiff1d(chosen, largest[odd]) + 1)
        mask &= ~rest | _without_skewed_lines(rest, angle, length)
    return mask, height


def is_empty_cell(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Tell whether all ink runs along the picture's edges, as the sides of a cell that is cut out.

    One side at least goes from edge to edge, or nearly so.
    """
    margin = round(RULED_LINES.cell_edge * min(mask.shape))
    if not margin or mask[margin:-margin, margin:-margin].any():
        return False
    sides = mask[:margin], mask[-margin:], mask[:, :margin].T, mask[:, -margin:].T
    return any(side.any(axis=0).mean() > RULED_LINES.whole_side for side in sides)


def _cut_out(
    labels: Int[np.ndarray, "h w"], stats: Int[np.ndarray, "n 5"], chosen: Int[np.ndarray, " m"]
) -> Iterator[tuple[tuple[slice, slice], Bool[np.ndarray, "h2 w2"]]]:
    """Yield the window of each chosen component, and its own ink there."""
    for index in chosen:
        left, top, width, height, _ = stats[index]
        window = slice(top, top + height), slice(left, left + width)
        yield window, labels[window] == index + 1


def _skew(mask: Bool[np.ndarray, "h w"]) -> float:
    """Angle of the smallest rectangle around a component, from -45 to 45 degrees."""
    rows = np.flatnonzero(mask.any(axis=1))
    ends = mask[rows].argmax(axis=1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    # The outermost pixels of each row have the same rectangle, and are far fewer.
    points = np.concatenate([np.stack([end, rows], axis=1) for end in ends]).astype(np.int32)
    return float((cv2.minAreaRect(points)[2] + 45) % 90 - 45)


def _form_boxes(
    mask: Bool[np.ndarray, "h w"], labels: Int[np.ndarray, "h w"]
) -> tuple[set[int], set[int]]:
    """Labels of components with a rectangular hole, and with one in which more than a speck stands.

    A component that has both is among the second.
    """
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
    empty: set[int] = set()
    filled: set[int] = set()
    for index in np.flatnonzero(generations).tolist():
        contour, parent = contours[index], int(parents[index])
        if generations[index] % 2:  # a hole; around it is its component
            owner, is_box = parent, _is_rectangular(contour)
        else:  # a component in a hole
            owner = int(parents[parent])
            is_box = heights[index] >= RULED_LINES.speck * heights[parent]
        if is_box:
            x, y = contours[owner][0, 0]
            (empty if generations[index] % 2 else filled).add(int(labels[y, x]))
    return empty - filled, filled


def _is_rectangular(contour: Int[np.ndarray, "n 1 2"]) -> bool:
    if max(cv2.boundingRect(contour)[2:]) < RULED_LINES.shortest:
        return False
    sides = cv2.minAreaRect(contour)[1]
    if min(sides) < RULED_LINES.shortest:
        return False
    hull = cv2.contourArea(cv2.convexHull(contour))
    return bool(hull > PAGE.polygonal * sides[0] * sides[1])


def _without_skewed_lines(
    mask: Bool[np.ndarray, "h w"], angle: float, at_least: float
) -> Bool[np.ndarray, "h w"]:
    """Remove straight lines that are skewed by an angle in degrees, and those across them."""
    return _in_level_frame(mask, angle, lambda level: _without_lines(level, at_least))


def _in_level_frame(
    mask: Bool[np.ndarray, "h w"], angle: float, remove: Callable[[np.ndarray], np.ndarray]
) -> Bool[np.ndarray, "h w"]:
    """Turn a mask level by an angle in degrees, remove ink there, and turn what is left back."""
    height, width = mask.shape
    rise = abs(np.sin(np.radians(angle))) * max(height, width)
    if rise < 1:  # pixel: it is as level as can be
        return remove(mask)
    pad = round(rise) + 2
    padded = cv2.copyMakeBorder(
        mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0
    )
    centre = (width / 2 + pad, height / 2 + pad)
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    level = cv2.warpAffine(padded, turn, padded.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    rest = remove(level).astype(np.uint8)
    back = cv2.invertAffineTransform(turn)
    turned_back = cv2.warpAffine(rest, back, padded.shape[::-1], flags=cv2.INTER_NEAREST)
    whole = cv2.dilate(turned_back, np.ones((2, 2), np.uint8)) > 0  # turning leaves holes
    return np.asarray(mask & whole[pad:-pad, pad:-pad])


def _without_teeth(
    mask: Bool[np.ndarray, "h w"], lines: Bool[np.ndarray, "h w"], longest: float
) -> Bool[np.ndarray, "h w"]:
    """Remove the teeth of combs: thin straight components, two or more, that stood on lines.

    Args:
        mask: Ink without lines.
        lines: Lines that were removed.
        longest: Length of a tooth, at most, in pixels.
    """
    if not lines.any():
        return mask
    thickest = stroke_width(lines) + RULED_LINES.tooth_margin
    labels, stats = connected_components(mask)
    size = 2 * RULED_LINES.tooth_reach + 1
    near = cv2.dilate(lines.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    widths, heights = stats[:, 2], stats[:, 3]
    # Of the many specks of a noisy picture none is as long as a line is thick.
    may_be_tooth = np.hypot(widths - 1, heights - 1) + 1 > thickest
    may_be_tooth &= np.maximum(widths, heights) <= longest
    standing = np.unique(labels[near & mask])
    teeth = []
    for label in standing[may_be_tooth[standing - 1]]:
        left, top, width, height, area = stats[label - 1]
        own = labels[top : top + height, left : left + width] == label
        points = cv2.findNonZero(own.view(np.uint8))
        short, long = sorted(side + 1 for side in cv2.minAreaRect(points)[1])
        if short <= thickest < long and area > RULED_LINES.straight * short * long:
            teeth.append(label)
    return mask & ~mask_of(labels, np.array(teeth)) if len(teeth) > 1 else mask


def _without_lines(mask: Bool[np.ndarray, "h w"], at_least: float) -> Bool[np.ndarray, "h w"]:
    """Remove straight lines, level and upright; strokes that cross them stay."""
    for axis in (0, 1):
        across = mask if axis == 0 else mask.T
        length = round(min(at_least, RULED_LINES.whole_width * across.shape[1]))
        if length < RULED_LINES.shortest or not across.any():
            continue
        window = window_around(across, margin=length)
        if not _may_have_lines(across[window], length):
            continue
        lines = _level_lines(across[window], length)
        if lines is not None:
            across = across.copy()
            across[window] &= ~lines
            mask = across if axis == 0 else across.T
    return mask


def _may_have_lines(mask: Bool[np.ndarray, "h w"], length: int) -> bool:
    """Tell whether ink reaches far enough across for level lines of some length."""
    has_ink = np.flatnonzero(mask.any(axis=0))
    return bool(has_ink[-1] - has_ink[0] + 1 >= _least_run(mask, length))


def _least_run(mask: Bool[np.ndarray, "h w"], length: int) -> int:
    """Length of the shortest run of ink that is taken to be as long as a line.

    Opening takes ink to go on outside of the picture: at its edges, half of a run is enough.
    """
    return length // 2 if mask[:, [0, -1]].any() else length


def _level_lines(
    mask: Bool[np.ndarray, "h w"], length: int, thickest: int | None = None
) -> Bool[np.ndarray, "h w"] | None:
    """Find level lines, less the strokes that cross them; none if there are no such lines.

    Args:
        mask: Where there is ink.
        length: Length of a line, at least, in pixels.
        thickest: Thickness of a line, at most, in pixels; any if not given.
    """
    pixels = np.ascontiguousarray(mask, np.uint8)
    # A line may rise a little: let runs go on from one row of pixels to the next.
    thick = cv2.dilate(pixels, np.ones((3, 1), np.uint8))
    may_run = np.flatnonzero(np.count_nonzero(thick, axis=1) >= _least_run(mask, length))
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
    least = round(RULED_LINES.crossing * width) + 1
    if thickest is not None:
        least = min(least, thickest + 1)
    crossing = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, np.ones((least, 1), np.uint8))
    return np.asarray(runs & (crossing == 0))
