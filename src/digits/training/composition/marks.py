"""Marks: separators, signs and letter-like shapes, drawn with the strokes of a line's pen."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float32

Stroke = list[tuple[float, float]]
"""Points of a stroke, x and y, in heights of a digit: y is 0 at a digit's top and 1 at its foot."""

SHIFT = 4
"""Binary digits behind the point with which OpenCV draws coordinates."""


def draw(
    strokes: list[Stroke], height: float, pen: float
) -> tuple[Float32[np.ndarray, "h w"], float, float]:
    """Draw strokes.

    Args:
        strokes: The strokes, in heights of a digit.
        height: Height of a digit, in pixels.
        pen: Width of the pen, in pixels.

    Returns:
        Ink from 0 to 1, and how far its left and upper edges are from the origin, in pixels.
    """
    points = [np.array(stroke, np.float64) * height for stroke in strokes]
    margin = pen / 2 + 1
    low = np.min([p.min(axis=0) for p in points], axis=0) - margin
    size = np.max([p.max(axis=0) for p in points], axis=0) + margin - low
    canvas = np.zeros((int(np.ceil(size[1])) + 1, int(np.ceil(size[0])) + 1), np.uint8)
    fixed = [np.rint((p - low) * 2**SHIFT).astype(np.int32) for p in points]
    thickness = max(1, round(pen))
    cv2.polylines(canvas, fixed, False, 255, thickness, cv2.LINE_AA, SHIFT)
    ink = canvas.astype(np.float32) / 255
    if pen < 1:
        ink *= pen
    return ink, float(low[0]), float(low[1])


def point(random: np.random.Generator) -> list[Stroke]:
    """Draw a point, on the baseline or above it."""
    y = random.normal(0.95, 0.06) if random.random() < 0.8 else random.uniform(0.4, 0.8)
    x, size = 0.0, random.uniform(0, 0.07)
    return [[(x, y), (x + size, y + random.uniform(-0.05, 0.05))]]


def comma(random: np.random.Generator) -> list[Stroke]:
    """Draw a comma, sometimes a long one or one that bends."""
    y, length = random.normal(0.92, 0.07), random.uniform(0.13, 0.42)
    x = -length * random.uniform(-0.1, 0.9)
    bend = random.uniform(0, 0.1)
    return [[(0, y), (x / 2 + bend, y + length / 2), (x, y + length)]]


def apostrophe(random: np.random.Generator) -> list[Stroke]:
    """Draw a tick above the middle, as between thousands."""
    y, length = random.uniform(-0.15, 0.25), random.uniform(0.1, 0.3)
    return [[(0, y), (-length * random.uniform(-0.3, 0.8), y + length)]]


def dash(random: np.random.Generator) -> list[Stroke]:
    """Draw a dash, sometimes bent or hooked."""
    y, length, rise = random.normal(0.55, 0.13), random.uniform(0.18, 1.0), random.normal(0, 0.07)
    if random.random() < 0.15:
        rise -= random.uniform(0.1, 0.5)
    middle = (length / 2, y + rise / 2 + random.normal(0, 0.03))
    stroke = [(0.0, y), middle, (length, y + rise)]
    if random.random() < 0.15:
        stroke.insert(0, (-random.uniform(0, 0.12), y - random.uniform(0.03, 0.2)))
    return [stroke]


def two_dashes(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of equality."""
    upper = dash(random)
    gap, drift = random.uniform(0.15, 0.4), random.normal(0, 0.04)
    lower = [(x + drift, y + gap + random.normal(0, 0.02)) for x, y in upper[0]]
    return [[(x, y - gap / 2) for x, y in stroke] for stroke in (upper[0], lower)]


def slash(random: np.random.Generator) -> list[Stroke]:
    """Draw a slash: longer than a digit, and leaning more."""
    top, foot = random.uniform(-0.35, 0.0), random.uniform(1.0, 1.35)
    lean = (foot - top) * random.uniform(0.35, 0.8)
    return [[(lean, top), (lean / 2 + random.normal(0, 0.03), (top + foot) / 2), (0, foot)]]


def cross(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of multiplication."""
    half, y = random.uniform(0.18, 0.4), random.normal(0.58, 0.08)
    jitter = random.normal(0, 0.04, 8)
    return [
        [(-half + jitter[0], y - half + jitter[1]), (half + jitter[2], y + half + jitter[3])],
        [(half + jitter[4], y - half + jitter[5]), (-half + jitter[6], y + half + jitter[7])],
    ]


def plus(random: np.random.Generator) -> list[Stroke]:
    """Draw a plus."""
    half, y = random.uniform(0.2, 0.45), random.normal(0.55, 0.08)
    jitter = random.normal(0, 0.035, 8)
    return [
        [(-half + jitter[0], y + jitter[1]), (half + jitter[2], y + jitter[3])],
        [(jitter[4], y - half + jitter[5]), (jitter[6], y + half + jitter[7])],
    ]


def division(random: np.random.Generator) -> list[Stroke]:
    """Draw a sign of division: a dash between two points."""
    half, y, gap = random.uniform(0.2, 0.4), random.normal(0.55, 0.06), random.uniform(0.2, 0.32)
    return [
        [(-half, y), (half, y)],
        [(0, y - gap), (0.02, y - gap)],
        [(0, y + gap), (0.02, y + gap)],
    ]


def parenthesis(random: np.random.Generator) -> list[Stroke]:
    """Draw an opening or closing parenthesis, well bent."""
    top, foot = random.uniform(-0.25, 0.0), random.uniform(1.0, 1.25)
    depth = random.uniform(0.18, 0.4) * (1 if random.random() < 0.5 else -1)
    t = np.linspace(-1, 1, 9)
    return [[(float(depth * a * a), float(top + (foot - top) * (a + 1) / 2)) for a in t]]


def number_sign(random: np.random.Generator) -> list[Stroke]:
    """Draw a hash."""
    lean, gap = random.uniform(0, 0.25), random.uniform(0.22, 0.4)
    strokes: list[Stroke] = [[(x + lean, 0.0), (x - lean, 1.0)] for x in (0.0, gap)]
    rows = (0.35, 0.35 + random.uniform(0.2, 0.35))
    return strokes + [[(-0.3, y + 0.03), (gap + 0.3, y - 0.03)] for y in rows]


def asterisk(random: np.random.Generator) -> list[Stroke]:
    """Draw a star of three or four strokes."""
    radius, y, count = random.uniform(0.15, 0.35), random.uniform(0.3, 0.6), random.integers(3, 5)
    angles = np.arange(count) * np.pi / count + random.uniform(0, np.pi)
    return [
        [
            (radius * np.cos(a), y + radius * np.sin(a)),
            (-radius * np.cos(a), y - radius * np.sin(a)),
        ]
        for a in angles
    ]


def colon(random: np.random.Generator) -> list[Stroke]:
    """Draw two points above each other."""
    top, foot = random.uniform(0.25, 0.5), random.uniform(0.75, 1.0)
    return [[(0.0, top), (0.02, top)], [(random.normal(0, 0.03), foot), (0.02, foot)]]


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Points on an ellipse, between two angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 13))
    return [(float(x + rx * np.cos(a)), float(y + ry * np.sin(a))) for a in angles]


def _letters() -> dict[str, list[Stroke]]:
    """Shapes of letters that are no digits, of lines and arcs, in heights of a digit."""
    stem: Stroke = [(0, 0), (0, 1)]
    return {
        "A": [[(0, 1), (0.35, 0), (0.7, 1)], [(0.15, 0.65), (0.55, 0.65)]],
        "E": [stem, [(0, 0), (0.5, 0)], [(0, 0.5), (0.4, 0.5)], [(0, 1), (0.5, 1)]],
        "F": [stem, [(0, 0), (0.5, 0)], [(0, 0.48), (0.4, 0.48)]],
        "H": [stem, [(0.6, 0), (0.6, 1)], [(0, 0.5), (0.6, 0.5)]],
        "K": [stem, [(0.55, 0), (0, 0.55), (0.6, 1)]],
        "L": [[(0, 0), (0, 1), (0.5, 1)]],
        "M": [[(0, 1), (0.05, 0), (0.4, 0.7), (0.75, 0), (0.8, 1)]],
        "N": [[(0, 1), (0, 0), (0.6, 1), (0.6, 0)]],
        "P": [stem, _arc(0, 0.27, 0.45, 0.27, -90, 90)],
        "R": [stem, _arc(0, 0.26, 0.45, 0.26, -90, 90), [(0.05, 0.52), (0.55, 1)]],
        "T": [[(0, 0), (0.7, 0)], [(0.35, 0), (0.35, 1)]],
        "U": [[(0, 0), (0, 0.6), *_arc(0.3, 0.7, 0.3, 0.3, 180, 0)[1:-1], (0.6, 0.6), (0.6, 0)]],
        "V": [[(0, 0), (0.35, 1), (0.7, 0)]],
        "W": [[(0, 0), (0.25, 1), (0.45, 0.3), (0.65, 1), (0.9, 0)]],
        "X": [[(0, 0), (0.6, 1)], [(0.6, 0), (0, 1)]],
        "Y": [[(0, 0), (0.3, 0.5), (0.6, 0)], [(0.3, 0.5), (0.3, 1)]],
        "C": [_arc(0.4, 0.5, 0.4, 0.5, -50, -310)],
        "J": [[(0.4, 0), (0.4, 0.75), *_arc(0.2, 0.78, 0.2, 0.22, 0, 180)]],
        "e": [[(0.0, 0.7), (0.5, 0.7), *_arc(0.25, 0.72, 0.25, 0.27, 0, -310)]],
        "h": [stem, [*_arc(0.22, 0.66, 0.22, 0.24, 180, 360), (0.44, 1)]],
        "k": [stem, [(0.4, 0.4), (0, 0.7), (0.45, 1)]],
        "m": [
            [(0, 0.4), (0, 1)],
            [*_arc(0.17, 0.6, 0.17, 0.2, 180, 360), (0.34, 1)],
            [*_arc(0.51, 0.6, 0.17, 0.2, 180, 360), (0.68, 1)],
        ],
        "n": [[(0, 0.4), (0, 1)], [*_arc(0.2, 0.62, 0.2, 0.22, 180, 360), (0.4, 1)]],
        "r": [[(0, 0.4), (0, 1)], _arc(0.22, 0.64, 0.22, 0.24, 180, 300)],
        "u": [
            [(0, 0.4), (0, 0.8), *_arc(0.2, 0.8, 0.2, 0.2, 180, 0), (0.4, 0.4)],
            [(0.4, 0.4), (0.4, 1)],
        ],
        "w": [[(0, 0.4), (0.17, 1), (0.33, 0.5), (0.5, 1), (0.66, 0.4)]],
        "d": [_arc(0.22, 0.75, 0.22, 0.25, 0, 360), [(0.45, 0), (0.45, 1)]],
        "a": [_arc(0.22, 0.7, 0.22, 0.28, 0, 360), [(0.44, 0.42), (0.44, 0.9), (0.52, 1)]],
        "triangle": [[(0.4, 0), (0.8, 0.9), (0, 0.9), (0.4, 0)]],
        "square": [[(0, 0), (0.8, 0), (0.8, 0.8), (0, 0.8), (0, 0)]],
        "euro": [
            _arc(0.45, 0.5, 0.4, 0.5, -50, -310),
            [(-0.05, 0.4), (0.5, 0.4)],
            [(-0.05, 0.6), (0.5, 0.6)],
        ],
        "percent": [
            _arc(0.15, 0.2, 0.14, 0.18, 0, 360),
            _arc(0.7, 0.8, 0.14, 0.18, 0, 360),
            [(0.75, 0), (0.1, 1)],
        ],
        "tick": [[(0, 0.6), (0.2, 0.95), (0.7, 0.0)]],
    }


LETTERS = _letters()


def letter(random: np.random.Generator) -> list[Stroke]:
    """Draw a letter-like shape: a known one, distorted, or a few lines and arcs at random."""
    if random.random() < 0.25:
        strokes = _scribble(random)
    else:
        names = sorted(LETTERS)
        strokes = LETTERS[names[random.integers(len(names))]]
    wide, tall = random.uniform(0.75, 1.35), random.uniform(0.75, 1.15)
    lean = random.normal(0, 0.15)
    foot = random.normal(1.0, 0.05)
    return [
        [
            (
                wide * x + lean * (1 - y) + random.normal(0, 0.025),
                foot - tall * (1 - y) + random.normal(0, 0.025),
            )
            for x, y in stroke
        ]
        for stroke in strokes
    ]


def _scribble(random: np.random.Generator) -> list[Stroke]:
    """Draw three to five lines and arcs between points of a small grid."""
    strokes: list[Stroke] = []
    for _ in range(random.integers(3, 6)):
        (x0, y0), (x1, y1) = random.integers(0, 4, (2, 2)) * (0.25, 1 / 3)
        if random.random() < 0.5:
            bend = random.normal(0, 0.25, 2)
            middle = ((x0 + x1) / 2 + bend[0], (y0 + y1) / 2 + bend[1])
            strokes.append([(x0, y0), middle, (x1, y1)])
        else:
            strokes.append([(x0, y0), (x1, y1)])
    return strokes


SEGMENTS: dict[str, Stroke] = {
    "a": [(0, 0), (1, 0)],
    "b": [(1, 0), (1, 1)],
    "c": [(1, 1), (1, 2)],
    "d": [(0, 2), (1, 2)],
    "e": [(0, 1), (0, 2)],
    "f": [(0, 0), (0, 1)],
    "g": [(0, 1), (1, 1)],
}
"""The segments of a display, in units of their length."""

DISPLAYED = ("abcdef", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abcdefg", "abcdfg")
"""Segments that a display lights for its digits, but for 1 and 7, which look like written ones."""


def display(random: np.random.Generator) -> list[Stroke]:
    """Draw a digit of a seven-segment display, whose segments do not touch."""
    lit = DISPLAYED[random.integers(len(DISPLAYED))]
    gap, wide = random.uniform(0.06, 0.16), random.uniform(0.8, 1.1)
    strokes = []
    for name in lit:
        (x0, y0), (x1, y1) = (np.array(point, float) for point in SEGMENTS[name])
        inner = [(1 - gap) * x0 + gap * x1, (1 - gap) * y0 + gap * y1]
        outer = [gap * x0 + (1 - gap) * x1, gap * y0 + (1 - gap) * y1]
        strokes.append([(wide * x / 2, y / 2) for x, y in (inner, outer)])
    return strokes


def ring(random: np.random.Generator) -> list[Stroke]:
    """Draw a ring that goes around a digit."""
    rx, ry = random.uniform(0.75, 1.0), random.uniform(0.75, 0.98)
    start = random.uniform(0, 360)
    return [_arc(0.0, 0.5, rx, ry, start, start + random.uniform(330, 380))]


Mark = Callable[[np.random.Generator], list[Stroke]]

SIGNS: tuple[Mark, ...] = (
    cross,
    plus,
    division,
    parenthesis,
    number_sign,
    asterisk,
)
"""Signs between or around numbers, which are no separators."""
