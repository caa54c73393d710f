"""Layout analysis: connected components of ink, grouped into words and text lines, and deskewed."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from digits.reading.ink.binarization import Ink
from digits.reading.ink.components import (
    connected_components,
    deepest,
    mask_of,
    reach_edge,
    stroke_width,
    typical_height,
)
from digits.reading.ink.contrast import reached
from digits.reading.ink.ruled_lines import RULED_LINES
from digits.reading.tuning import Tuned, number

MAX_COMPONENTS, MAX_WORDS = 8_000, 400
"""Limits on a picture's time: one with more components, or words, holds no writing but texture."""


LONG = 16
"""Limit on time: width, in heights of a digit, of a word that is cut where there is a gap."""


@dataclass(frozen=True)
class LayoutParameters(Tuned):
    """Tuned numbers of the layout analysis."""

    smallest: float = number(7, "pixels", low=1, high=28)
    """Components and words that are smaller are grain."""
    shadow_depth: float = number(2.0, "stroke widths", low=0.5, high=8)
    """A component at the picture's edge that is deeper than this is a shadow."""
    dot: float = number(0.4, "heights of a digit", low=0, high=1)
    """A component that is smaller than this, and than `dot_strokes`, is a dot."""
    dot_strokes: float = number(2.0, "stroke widths", low=0, high=8)
    """Largest side of a dot."""
    edge_speck: float = number(0.5, "heights of a digit", low=0, high=1)
    """A component at the picture's edge that is smaller than this was cut off by it."""
    tall: float = number(0.42, "heights of a digit", low=0.1, high=1)
    """Least height of a component that begins a word; lower ones join a word or are dropped."""
    reach: float = number(2.2, "heights of a digit", low=0.5, high=5)
    """Widest gap between two components of a word."""
    beside: float = number(0.4, "part of the smaller height", low=0, high=1)
    """Vertical overlap of two components that stand beside each other in a word, at least."""
    above: float = number(0.5, "part of the small component's width", low=0, high=1)
    """Horizontal overlap of a small component with the tall one that it joins, at least."""
    above_gap: float = number(0.25, "heights of a digit", low=0, high=1)
    """Vertical gap between the two, at most."""
    same_line: float = number(0.5, "part of the smaller height", low=0, high=1)
    """Vertical overlap of two words that stand on one line, at least."""
    skew_limit: float = number(8.0, "degrees", low=0, high=45)
    """Words that are skewed by more than this are deskewed; so are those that rise by a digit."""
    skew_tall: float = number(0.5, "heights of a digit", low=0.1, high=1)
    """Least height of the components to whose centres the baseline is fitted."""
    skew_residual: float = number(0.45, "heights of a digit", low=0.05, high=2)
    """Largest distance of a centre to the fitted line for the skew to be believed."""
    full_share: float = number(0.2, "share of the pixels", low=0, high=0.7)
    """Share of a word's ink that has at least the contrast of a full stroke."""
    solid: float = number(0.4, "contrasts of a full stroke", low=0.1, high=0.8)
    """Least contrast of ink that counts, where the whole picture is one line."""
    full_row: float = number(0.7, "part of the picture's width", low=0.3, high=1)
    """A row of pixels of such a picture with more ink than this is a rule."""
    tail: float = number(0.03, "part of the ink", low=0, high=0.2)
    """Ink of such a picture that is above its digits, and below them."""
    ascent: float = number(0.75, "part of the line's height", low=0.4, high=1)
    """Height of its digits, where some strokes are longer than digits are high."""


LAYOUT = LayoutParameters()


@dataclass(frozen=True)
class Word:
    """Digits that stand beside each other, as an oriented rectangle in the picture."""

    centre: tuple[float, float]
    """Its middle: x and y, in pixels of the picture."""
    width: float
    """Length of its baseline, in pixels."""
    height: float
    """Typical height of its digits, in pixels."""
    angle: float
    """Angle by which it falls to the right, in degrees."""
    level: float
    """Contrast of a full stroke of its ink, in grey levels."""
    stroke: float
    """Typical width of its strokes, in pixels."""
    room: tuple[float, float] = (np.inf, np.inf)
    """Distance to the middle of the gap before and after it, in pixels."""
    goes_on: bool = False
    """Whether it goes on where the one before it was cut, without a wide gap between."""

    @property
    def corners(self) -> Float[np.ndarray, "4 2"]:
        """Its four corners in the picture, x and y of each."""
        angle = np.radians(self.angle)
        along, down = (
            np.array([np.cos(angle), np.sin(angle)]),
            np.array([-np.sin(angle), np.cos(angle)]),
        )
        half = along * self.width / 2, down * self.height / 2
        return np.array([self.centre + x * half[0] + y * half[1] for x in (-1, 1) for y in (-1, 1)])


class TooManyMarks(Exception):  # noqa: N818 - nothing went wrong
    """There are more marks of ink than a page of writing has."""


def find_lines(ink: Ink) -> list[list[Word]]:
    """Group ink into text lines; shadows and specks are left out.

    Args:
        ink: The ink of a picture, without ruled lines.

    Returns:
        The lines from top to bottom, each as its words from left to right: two words stand on one
        line when they are beside each other with a wide gap between.

    Raises:
        TooManyMarks: If there are more than a page of writing has.
    """
    mask = ink.mask
    components = _Components.of(mask).without_shadows()
    if not len(components.boxes):
        return []
    height = typical_height(components.heights, components.areas)
    components = components.without_specks(height)
    if len(components.boxes) > MAX_COMPONENTS:
        raise TooManyMarks
    groups = components.group(height)
    parts = [components.cut(group, LONG * height) for group in groups]
    if sum(map(len, parts)) > MAX_WORDS:
        raise TooManyMarks
    words = [
        (_box_around(components.boxes[group]), measured)
        for group, its in zip(groups, parts, strict=True)
        if (measured := _measure_parts(ink, components, its))
    ]
    return [
        _with_room([part for _, its in line for part in its]) for line in _in_reading_order(words)
    ]


def whole_lines(ink: Ink) -> list[Word]:
    """Take the whole picture for one line, whatever its components are, in digits of two heights.

    Ink may hold together by a ruled line or a patterned ground, where no components tell digits.
    """
    height, width = ink.contrast.shape
    strength = np.clip(ink.contrast / max(ink.level, 1), 0, 1)
    strength[strength < LAYOUT.solid] = 0
    rows = strength.sum(axis=1)
    rows[rows > LAYOUT.full_row * width] = 0
    mass = np.cumsum(rows)
    if not mass[-1] or width < height:
        return []
    tail = LAYOUT.tail * mass[-1]
    top, bottom = np.searchsorted(mass, [tail, mass[-1] - tail])
    centre = ((width - 1) / 2, float(top + bottom) / 2)
    extent, stroke = float(bottom - top + 1), stroke_width(strength > 0)
    return [
        Word(centre, width, max(extent * part, LAYOUT.smallest), 0.0, ink.level, stroke)
        for part in (1.0, LAYOUT.ascent)
    ]


Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

Parts = list[tuple[Box, Word]]
"""A word, or the parts that it was cut into, each with its box."""


@dataclass(frozen=True)
class _Components:
    """Connected components of ink."""

    labels: Int[np.ndarray, "h w"]
    numbers: Int[np.ndarray, " n"]
    """Label of each component in `labels`."""
    boxes: Int[np.ndarray, "n 4"]
    """Left, top, right, bottom of each."""
    areas: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "h w"]) -> "_Components":
        labels, stats = connected_components(mask)
        left, top, width, height, areas = stats.T
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        return cls(labels, np.arange(1, len(stats) + 1), boxes, areas)

    def choose(self, which: Bool[np.ndarray, " n"]) -> "_Components":
        return _Components(self.labels, self.numbers[which], self.boxes[which], self.areas[which])

    @property
    def widths(self) -> Int[np.ndarray, " n"]:
        return np.asarray(self.boxes[:, 2] - self.boxes[:, 0])

    @property
    def heights(self) -> Int[np.ndarray, " n"]:
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])

    def without_shadows(self) -> "_Components":
        """Drop what reaches in from the picture's edge and is much thicker than other strokes."""
        at_edge = reach_edge(self.boxes, self.labels.shape)
        if not at_edge.any():
            return self
        usual = stroke_width(mask_of(self.labels, self.numbers))
        is_shadow = np.zeros(len(self.boxes), bool)
        for index in np.flatnonzero(at_edge):
            left, top, right, bottom = self.boxes[index]
            own = self.labels[top:bottom, left:right] == self.numbers[index]
            is_shadow[index] = deepest(own) > LAYOUT.shadow_depth * usual
        return self.choose(~is_shadow)

    def without_specks(self, height: float) -> "_Components":
        """Drop dots, dirt and what the picture's edge cut off.

        Args:
            height: Typical height of a digit, in pixels.
        """
        sizes = np.maximum(self.widths, self.heights)
        is_speck = sizes < RULED_LINES.speck * height
        may_be_dot = sizes < LAYOUT.dot * height
        if may_be_dot.any():
            stroke = stroke_width(self.labels > 0)
            is_speck |= may_be_dot & (sizes < LAYOUT.dot_strokes * stroke)
        is_speck |= sizes < LAYOUT.smallest
        is_speck |= reach_edge(self.boxes, self.labels.shape) & (sizes < LAYOUT.edge_speck * height)
        return self.choose(~is_speck)

    def group(self, height: float) -> list[Int[np.ndarray, " n"]]:
        """Group the components into words.

        Tall components are chained to those beside them. A small one joins a word if it stands
        above or below one of its tall components, like the roof of a 5, and is dropped otherwise,
        like a dash.

        Args:
            height: Typical height of a digit, in pixels.

        Returns:
            Indices of the components of each word.
        """
        is_tall = self.heights >= LAYOUT.tall * height
        tall = np.flatnonzero(is_tall)
        if abs(_skew(self.boxes[tall], height)) > LAYOUT.skew_limit:
            return [np.arange(len(self.boxes))]
        by_left = tall[np.argsort(self.boxes[tall, 0], kind="stable")]
        word = _chained(self.boxes[by_left], height)
        members = [by_left[word == index] for index in range(word.max(initial=-1) + 1)]
        extra: list[list[int]] = [[] for _ in members]
        left, top, right, bottom = self.boxes[by_left].T
        for index in np.flatnonzero(~is_tall):
            x0, y0, x1, y1 = self.boxes[index]
            shared = np.minimum(x1, right) - np.maximum(x0, left)
            gap = np.maximum(y0 - bottom, top - y1)
            near = (shared > LAYOUT.above * (x1 - x0)) & (gap < LAYOUT.above_gap * height)
            if near.any():
                extra[word[near].min()].append(int(index))
        return [np.append(own, more).astype(int) for own, more in zip(members, extra, strict=True)]

    def cut(self, group: Int[np.ndarray, " n"], longest: float) -> list[Int[np.ndarray, " _"]]:
        """Cut a long word at its widest gaps into parts, from left to right.

        Args:
            group: Indices of its components.
            longest: Width of a part, in pixels; one without gaps, or skewed, may be wider.
        """
        group = group[np.argsort(self.boxes[group, 0], kind="stable")]
        left, _, right, _ = self.boxes[group].T
        ends = np.maximum.accumulate(right)
        width = ends[-1] - left[0]
        if width <= longest or abs(_skew(self.boxes[group], longest / LONG)) > LAYOUT.skew_limit:
            return [group]
        gaps = left[1:] - ends[:-1]
        # In the middle, if there is any: single digits tell less than numbers.
        middle = np.abs((left[1:] + ends[:-1]) / 2 - left[0] - width / 2) < width / 4
        gaps = np.where(middle & (gaps > 0), gaps + width, gaps)
        place = int(gaps.argmax()) if len(gaps) else 0
        if not len(gaps) or gaps[place] <= 0:
            return [group]
        return [
            part
            for side in (group[: place + 1], group[place + 1 :])
            for part in self.cut(side, longest)
        ]


def _chained(boxes: Int[np.ndarray, "n 4"], height: float) -> Int[np.ndarray, " n"]:
    """Number the word of each component, from 0: those beside each other stand in one.

    Args:
        boxes: Left, top, right, bottom of each, from left to right.
        height: Typical height of a digit, in pixels.
    """
    left, top, right, bottom = boxes.T
    is_huge = bottom - top > RULED_LINES.long * height  # it would chain the lines beside it
    word = np.arange(len(boxes))
    ends = np.searchsorted(left, right + LAYOUT.reach * height, side="right")
    for one, end in enumerate(ends):
        others = slice(one + 1, end)
        shared = np.minimum(bottom[one], bottom[others]) - np.maximum(top[one], top[others])
        shared[is_huge[one] | is_huge[others]] = 0
        least = np.minimum(bottom[one] - top[one], bottom[others] - top[others])
        for other in one + 1 + np.flatnonzero(shared > LAYOUT.beside * least):
            if word[other] != word[one]:
                first, second = sorted((word[one], word[other]))
                word[word == second] = first
    return np.unique(word, return_inverse=True)[1]


def _box_around(boxes: Int[np.ndarray, "n 4"]) -> Box:
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def _measure_parts(ink: Ink, components: _Components, parts: list[Int[np.ndarray, " _"]]) -> Parts:
    """Measure the parts of a word, each with its box; without those that are grain."""
    words = [
        (_box_around(components.boxes[part]), _measure(ink, components, part)) for part in parts
    ]
    words = [(box, word) for box, word in words if word.height >= LAYOUT.smallest]
    return [(box, replace(word, goes_on=number > 0)) for number, (box, word) in enumerate(words)]


def _measure(ink: Ink, components: _Components, group: Int[np.ndarray, " n"]) -> Word:
    left, top, right, bottom = _box_around(components.boxes[group])
    mask = mask_of(components.labels[top:bottom, left:right], components.numbers[group])
    boxes = components.boxes[group]
    # The median of the higher half: parts of broken digits are low.
    height = float(np.median(np.sort(boxes[:, 3] - boxes[:, 1])[len(boxes) // 2 :]))
    angle = _skew(boxes, height)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    half = (boxes[:, 2] - boxes[:, 0]) / 2
    along, down = x * cosine + y * sine, y * cosine - x * sine
    first, last = float((along - half).min()), float((along + half).max())
    is_tall = boxes[:, 3] - boxes[:, 1] > LAYOUT.skew_tall * height
    middle, depth = (first + last) / 2, float(np.median(down[is_tall]))
    centre = (middle * cosine - depth * sine, middle * sine + depth * cosine)
    level = reached(ink.contrast[top:bottom, left:right][mask], LAYOUT.full_share)
    return Word(centre, last - first, height, angle, level, stroke_width(mask))


def _with_room(line: Parts) -> list[Word]:
    """Tell each word of a line how far it is to the middle of the gaps beside it."""
    gaps = [
        max(0.0, (after[0] - before[2]) / 2) for (before, _), (after, _) in itertools.pairwise(line)
    ]
    rooms = zip([np.inf, *gaps], [*gaps, np.inf], strict=True)
    return [replace(word, room=room) for (_, word), room in zip(line, rooms, strict=True)]


def _skew(boxes: Int[np.ndarray, "n 4"], height: float) -> float:
    """Angle by which a word falls to the right, in degrees; 0 if fewer than three digits agree."""
    tall = boxes[boxes[:, 3] - boxes[:, 1] > LAYOUT.skew_tall * height]
    if len(tall) < 3:  # a line goes through any two
        return 0.0
    x, y = (tall[:, 0] + tall[:, 2]) / 2, (tall[:, 1] + tall[:, 3]) / 2
    if np.ptp(x) < height:
        return 0.0
    slope, start = np.polyfit(x, y, 1)
    residual = float(np.abs(y - slope * x - start).max())
    is_line = residual < LAYOUT.skew_residual * height
    return float(np.degrees(np.arctan(slope))) if is_line else 0.0


def _in_reading_order(words: list[tuple[Box, Parts]]) -> list[list[tuple[Box, Parts]]]:
    """Sort words, each with its box, into lines: from the top, and each line from the left."""
    lines: list[list[tuple[Box, Parts]]] = []
    for box, word in sorted(words, key=lambda item: item[0][1] + item[0][3]):
        for line in lines:
            top, bottom = line[-1][0][1], line[-1][0][3]
            shared = min(bottom, box[3]) - max(top, box[1])
            is_beside = all(box[0] >= other[2] or box[2] <= other[0] for other, _ in line)
            if is_beside and shared > LAYOUT.same_line * min(bottom - top, box[3] - box[1]):
                line.append((box, word))
                break
        else:
            lines.append([(box, word)])
    return [sorted(line, key=lambda item: item[0][0]) for line in lines]
