"""Synthetic handwriting: pen strokes of digits in several writing styles, to draw on the page.

The shapes follow how people write, but are not recorded from anyone. A digit consists of strokes;
a stroke is the list of the pen's positions from where it is put down to where it is lifted.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

Stroke = list[tuple[float, float]]

# One line for each style: knots "x,y" in hundredths of the digit's height, from its upper left. The
# pen follows a smooth curve through the knots; it turns sharply at a "!", and is lifted at a "/".
_KNOTS = {
    0: (
        # Anticlockwise; clockwise; left open; narrow; wide, past its start; with a loop.
        "38,2 28,2 14,11 3,34 1,60 10,88 30,99 50,90 62,64 60,32 50,11 36,2 29,1",
        "20,8 40,0 58,18 64,50 56,84 34,100 12,88 1,56 6,24 20,6 32,1",
        "34,7 18,12 5,34 2,66 14,92 36,99 56,86 66,56 63,24 54,6",
        "26,2 20,2 9,16 3,42 4,74 13,96 26,99 38,84 42,52 38,18 28,3 20,1",
        "48,2 24,5 6,26 1,54 10,84 34,99 60,90 75,62 70,28 54,8 36,5 26,12",
        "32,4 12,18 2,46 6,80 26,99 48,88 59,56 54,22 38,3 30,10 40,17 60,9",
    ),
    1: (
        # Bare; with a flag; with flag and foot; leaning; with a long flag; leaning, with a flag.
        "11,0 9,48 10,100",
        "2,25 14,15 24,0! 24,50 23,100",
        "6,24 20,13 30,0! 30,50 30,98 / 6,99 30,98 56,99",
        "34,0 18,50 2,100",
        "0,40 18,23 34,0! 34,50 33,100",
        "10,28 22,16 35,0! 29,36 22,70 15,100",
    ),
    2: (
        # Plain; with a loop; angular; with a hook; narrow; wide, its foot a wave.
        "4,22 12,6 34,0 54,12 56,32 40,58 18,82 2,98! 30,97 64,96",
        "6,24 18,5 38,0 54,15 52,40 34,68 16,90 5,95 3,86 14,81 32,89 50,97 68,90",
        "2,12 20,1 42,4 50,22 36,52 2,99! 30,98 60,97",
        "16,32 5,24 10,8 30,0 50,8 56,26 44,52 24,76 4,96! 24,92 42,98 64,92",
        "2,20 14,4 30,0 42,14 40,36 26,64 0,98! 22,99 50,97",
        "0,16 26,0 56,6 64,26 48,54 22,78 2,96! 22,89 46,96 74,96",
    ),
    3: (
        # Round; with a flat top; with a loop; with a large belly; narrow; without a sharp turn.
        "4,12 20,0 44,4 54,20 44,38 22,46! 46,50 60,70 50,92 24,100 2,88",
        "4,3 30,3 56,2! 40,21 24,40! 48,46 60,68 50,92 24,100 2,90",
        "6,14 22,0 44,6 50,24 36,42 20,50 15,45 24,43 44,51 56,72 44,94 20,100 0,86",
        "10,14 24,2 40,6 44,20 32,34 18,38! 46,42 64,64 56,90 28,100 0,88",
        "0,10 20,0 40,8 42,26 26,42 14,46! 34,48 46,66 42,88 22,100 2,94",
        "2,8 26,0 52,10 52,32 30,46 50,56 58,76 42,97 16,99 0,90",
    ),
    4: (
        # Open; closed; closed in one stroke; a bowl and a stem in one stroke; angular; with a bowl.
        "12,2 7,28 2,56! 30,57 64,54 / 48,14 46,56 44,100",
        "46,0 24,30 2,64! 34,66 70,63 / 46,0 46,50 45,100",
        "66,66 34,67 2,64! 26,30 48,0! 47,50 46,100",
        "10,2 3,32 6,54 22,58 40,46 52,12! 48,56 42,100",
        "20,0 11,30 2,60! 30,60 62,57 / 46,28 41,64 36,100",
        "4,2 2,34 10,51 30,53 53,46 / 55,2 53,50 51,100",
    ),
    5: (
        # With a bar of its own; in one stroke; as an S; its bar apart; with a long neck; wide.
        "14,4 10,24 8,44! 30,38 54,48 60,70 48,92 24,100 2,90 / 14,4 36,4 60,2",
        "58,2 36,3 14,4! 10,24 7,44! 30,37 54,48 58,72 44,94 20,100 0,90",
        "56,4 34,3 18,9 10,26 14,41 34,48 52,60 52,82 34,98 12,98 0,90",
        "16,7 12,26 9,46! 30,40 52,50 56,72 44,94 22,100 2,92 / 22,1 42,2 64,0",
        "12,2 8,30 4,56! 24,46 44,54 48,74 36,94 16,100 0,94 / 12,3 30,4 52,2",
        "70,2 48,3 28,4! 20,22 14,40! 38,35 60,47 62,70 42,94 16,100 0,92",
    ),
    6: (
        # Plain; straight; with a curl; with a small bowl; with a large bowl; with an open bowl.
        "44,2 24,16 8,44 2,70 10,92 30,100 50,90 56,72 46,56 28,54 10,64 3,76",
        "36,0 20,30 6,62 5,86 22,100 44,92 50,74 38,60 20,62 6,76",
        "58,12 46,0 26,8 8,36 2,66 10,92 32,100 54,88 58,68 44,54 22,56 4,72",
        "30,0 12,26 2,58 4,86 18,99 36,94 42,80 32,68 16,70 4,82",
        "48,0 22,18 4,46 2,76 20,98 46,96 64,76 58,54 36,44 14,54 3,70",
        "40,0 18,22 4,52 4,82 22,100 46,92 54,74 44,58 26,59 16,69",
    ),
    7: (
        # Plain; crossed; curved; with a hook; crossed, with a wave; narrow.
        "2,6 30,4 58,2! 40,34 24,70 14,100",
        "2,4 30,4 58,3! 42,36 28,70 20,100 / 14,50 36,49 60,47",
        "0,8 28,4 62,4! 44,28 32,60 30,100",
        "4,20 4,5! 30,6 60,2! 42,36 28,68 20,100",
        "2,18 8,3 30,8 60,2! 38,40 24,70 16,100 / 10,53 30,49 56,51",
        "0,3 22,3 46,2! 36,50 28,100",
    ),
    8: (
        # From an S; two rings; from its top to the right; left open; narrow; from its middle.
        "50,10 30,0 10,9 8,28 28,45 50,62 54,84 32,100 8,88 6,68 26,50 48,32 55,16 48,8",
        "30,0 14,6 11,32 28,45 46,32 46,11 26,1 / 30,45 18,47 4,68 12,95 40,98 54,76 42,50 25,46",
        "26,1 46,8 48,26 26,46 6,66 6,88 28,100 52,88 50,66 28,46 8,28 10,9 28,0",
        "44,5 28,1 12,10 13,28 34,46 54,66 50,90 28,100 6,88 10,66 32,46 54,26 62,5",
        "38,10 24,0 8,10 8,28 22,46 38,66 38,88 22,100 6,88 6,68 22,48 36,30 38,8",
        "30,48 10,30 14,7 34,0 52,13 46,34 28,50 8,68 8,90 30,100 54,88 50,64 30,47",
    ),
    9: (
        # With a straight leg; with a hook; as a 6 turned; small; a ring and a leg; its top open.
        "52,14 34,0 10,8 4,30 18,48 40,42 53,12! 53,56 51,100",
        "54,18 38,0 12,8 4,30 18,50 42,44 56,14! 57,52 46,88 22,100 4,92",
        "52,36 26,50 5,36 9,10 32,0 51,12 55,40 46,74 28,100",
        "47,10 26,0 6,14 8,34 28,38 47,8! 41,50 34,100",
        "48,18 34,1 12,6 3,26 14,46 36,44 48,18 / 49,3 49,50 47,100",
        "40,8 24,3 6,17 7,38 26,47 46,37 58,3! 56,50 53,100",
    ),
}
_STEP = 0.06
"""Distance between two points of a stroke, in heights of the digit."""
_MIN_POINTS, _MAX_POINTS = 15, 40


def _spline(knots: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Centripetal Catmull–Rom spline through the knots, 16 points per segment."""
    around = np.vstack([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    times = np.linalg.norm(np.diff(around, axis=0), axis=1, keepdims=True) ** 0.5
    speeds = np.diff(around, axis=0) / times
    across = (around[2:] - around[:-2]) / (times[:-1] + times[1:])
    tangents = speeds[:-1] + speeds[1:] - across
    u = np.linspace(0, 1, 16, endpoint=False)[:, None]
    parts = [
        (1 + 2 * u) * (1 - u) ** 2 * a
        + u**2 * (3 - 2 * u) * b
        + u * (1 - u) * ((1 - u) * p - u * q) * time
        for (a, b), (p, q), time in zip(
            pairwise(knots), pairwise(tangents), times[1:-1], strict=True
        )
    ]
    return np.vstack([*parts, knots[-1:]])


def _resample(curve: Float[np.ndarray, "m 2"], steps: int) -> Float[np.ndarray, "n 2"]:
    """Points at equal distances along a curve."""
    lengths = np.append(0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1)))
    at = np.linspace(0, lengths[-1], steps + 1)
    return np.stack(
        [np.interp(at, lengths, curve[:, 0]), np.interp(at, lengths, curve[:, 1])], axis=1
    )


def _stroke(knots: str) -> Float[np.ndarray, "n 2"]:
    sections = [
        np.array([knot.split(",") for knot in section.split()], float) / 100
        for section in knots.split("!")
    ]
    curves = [_spline(sections[0])]
    curves += [_spline(np.vstack([before[-1:], after])) for before, after in pairwise(sections)]
    lengths = [float(np.linalg.norm(np.diff(c, axis=0), axis=1).sum()) for c in curves]
    step = sum(lengths) / np.clip(sum(lengths) / _STEP, _MIN_POINTS, _MAX_POINTS - len(curves))
    points = [_resample(c, max(2, round(n / step))) for c, n in zip(curves, lengths, strict=True)]
    return np.vstack([points[0], *(curve[1:] for curve in points[1:])])


def _strokes(knots: str) -> list[Stroke]:
    """Strokes of a digit of height 1, whose upper left corner is at 0, 0."""
    strokes = [_stroke(stroke) for stroke in knots.split("/")]
    corner, end = np.vstack(strokes).min(axis=0), np.vstack(strokes).max(axis=0)
    return [_as_stroke((stroke - corner) / (end - corner)[1]) for stroke in strokes]


def _as_stroke(points: Float[np.ndarray, "n 2"]) -> Stroke:
    return [(x, y) for x, y in points.tolist()]


STYLES: dict[int, list[list[Stroke]]] = {
    digit: [_strokes(knots) for knots in styles] for digit, styles in _KNOTS.items()
}
"""Strokes of each digit, in each writing style."""


def written(
    digit: int,
    style: int,
    *,
    left: float,
    top: float,
    height: float,
    slant: float = 0.0,
    wobble: float = 0.0,
    seed: int = 0,
) -> list[Stroke]:
    """Strokes of a digit on a canvas, in pixels.

    Args:
        digit: 0 to 9.
        style: Index of the writing style, modulo the number of styles.
        left: Left edge of the slanted digit, before the wobble.
        top: Top edge of the digit, before the wobble.
        height: Height of the digit, before the wobble.
        slant: Distance by which the top is shifted to the right of the foot, in heights.
        wobble: Largest deviation of the pen to each side, in heights.
        seed: Seed of the wobble.
    """
    rng = np.random.default_rng(seed)
    strokes = [np.array(stroke) for stroke in STYLES[digit][style % len(STYLES[digit])]]
    strokes = [np.stack([s[:, 0] + slant * (1 - s[:, 1]), s[:, 1]], axis=1) for s in strokes]
    start = min(float(stroke[:, 0].min()) for stroke in strokes)
    return [
        _as_stroke((s - (start, 0) + wobble * _waves(len(s), rng)) * height + (left, top))
        for s in strokes
    ]


def _waves(n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
    """Low-frequency waves in x and y, from -1 to 1."""
    turns, phases = rng.uniform(0.3, 2, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 2))
    at = 2 * np.pi * np.linspace(0, 1, n)[:, None, None]
    return np.asarray(np.sin(turns * at + phases).mean(axis=1))


def number(
    text: str,
    *,
    left: float,
    top: float,
    height: float,
    style: int,
    gap: float = 0.25,
    seed: int = 0,
) -> list[Stroke]:
    """Strokes of a number, whose digits vary slightly in size, slant, line and style.

    Args:
        text: Digits, from left to right.
        left: Left edge of the first digit, in pixels.
        top: Top edge of the highest digit, in pixels.
        height: Height of the highest digit, in pixels.
        style: Writing style of the first digit; each following digit has the next style.
        gap: Distance between two digits, in heights.
        seed: Seed of the variation.
    """
    rng = np.random.default_rng(seed)
    strokes: list[Stroke] = []
    for index, digit in enumerate(text):
        size = height * rng.uniform(0.9, 1)
        strokes += written(
            int(digit),
            style + index,
            left=left,
            top=top + (height - size) * rng.uniform(),
            height=size,
            slant=rng.uniform(-0.05, 0.15),
            wobble=0.017,
            seed=int(rng.integers(2**32)),
        )
        left = max(x for stroke in strokes for x, _ in stroke) + gap * height
    return strokes


def scribble(*, left: float, top: float, width: float, height: float, seed: int) -> list[Stroke]:
    """A meaningless stroke that winds around in a box, and fills it."""
    rng = np.random.default_rng(seed)
    angles = 2 * np.arange(24) + rng.uniform(-0.7, 0.7, 24)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    curve = _resample(_spline(around * rng.uniform(0.2, 1, (24, 1))), 240)
    curve = (curve - curve.min(axis=0)) / np.ptp(curve, axis=0)
    return [_as_stroke(curve * (width, height) + (left, top))]
