"""Pictures at the limits of reading: each category is made for one or two of its numbers."""

import cv2
import numpy as np
from jaxtyping import Float32

from tests.reading.drawings import PAPER
from tests.reading.pen import (
    Amounts,
    Composed,
    Maker,
    Pen,
    blurred,
    grained,
    inked,
    levels,
    padded,
    place,
    turned,
)

CORNER_CASES: dict[str, Maker] = {}


def category(make: Maker) -> Maker:
    CORNER_CASES[make.__name__] = make
    return make


def centred(amounts: Amounts, size: tuple[int, int], *, dx: float = 0, dy: float = 0) -> Amounts:
    """In the middle of a canvas of this height and width, moved by so many pixels."""
    top = round((size[0] - amounts.shape[0]) / 2 + dy)
    left = round((size[1] - amounts.shape[1]) / 2 + dx)
    return place([(amounts, max(0, left), max(0, top))], size)


# Confidence: what is no digit.


@category
def stretched(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit, stretched to two or three times its width."""
    digit = pen.number(1, 1, of="0235689")
    own = pen.digit(digit, 50)
    factor = rng.uniform(1.6, 3)
    own = np.asarray(cv2.resize(own, None, fx=factor, fy=1), np.float32)
    return Composed(levels(grained(inked(padded(own, 12)), rng, 3)), (digit,), is_single=True)


@category
def pairs(pen: Pen, rng: np.random.Generator) -> Composed:
    """Two digits, grown together, given for one."""
    row = pen.row(pen.number(2, 2), 50, gap=-rng.uniform(0, 0.1))
    return Composed(levels(grained(inked(padded(row, 10)), rng, 3)), ("?",), is_single=True)


@category
def blobs(pen: Pen, rng: np.random.Generator) -> Composed:
    """Solid shapes, sharp and soft."""
    page = np.zeros((100, 100), np.float32)
    axes = int(rng.integers(12, 34)), int(rng.integers(12, 34))
    kind = rng.integers(3)
    if kind == 0:
        cv2.ellipse(page, (50, 50), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(page, (50 - axes[0], 50 - axes[1]), (50 + axes[0], 50 + axes[1]), 1.0, -1)
    else:
        corners = np.rint(50 + rng.uniform(-35, 35, (3, 2))).astype(np.int32)
        cv2.fillPoly(page, [corners], 1.0, cv2.LINE_AA)
    page = blurred(page, rng.uniform(0.5, 8))
    return Composed(levels(grained(inked(page), rng, 3)), ("?",), is_single=True)


@category
def waves(pen: Pen, rng: np.random.Generator) -> Composed:
    """Wide strokes and loops that are no digits."""
    x = np.linspace(0, 1, 60)
    turns, tall = rng.uniform(0.5, 2.5), rng.uniform(4, 16)
    y = tall * np.sin(2 * np.pi * turns * x + rng.uniform(0, 6)) + rng.uniform(-8, 8) * x
    points = np.stack([12 + 76 * x, 35 + y], axis=1)
    page = np.zeros((70, 100), np.float32)
    thick = int(rng.integers(3, 8))
    cv2.polylines(page, [np.rint(points).astype(np.int32)], False, 1.0, thick, cv2.LINE_AA)
    return Composed(levels(grained(inked(page), rng, 3)), ("?",), is_single=True)


@category
def thick_singles(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit with strokes of a fifth of its height, or more."""
    digit = pen.number(1, 1)
    width = int(rng.integers(4, 12))
    own = cv2.dilate(padded(pen.digit(digit, 50), 14), np.ones((width, width), np.uint8))
    page = inked(np.asarray(own, np.float32))
    return Composed(levels(grained(page, rng, 3)), (digit,), is_single=True)


# Decoding.


@category
def split(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits parted by upright scratches."""
    number, height = pen.number(2, 5), rng.uniform(45, 70)
    row = padded(pen.row(number, height, gap=0.25), 25)
    for _ in range(int(rng.integers(1, 4))):
        x = int(rng.integers(25, row.shape[1] - 25))
        row[:, x : x + int(rng.integers(2, 7))] = 0
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def ones(pen: Pen, rng: np.random.Generator) -> Composed:
    """Narrow digits, hardly apart."""
    number, height = pen.number(3, 7, of="1117"), rng.uniform(35, 70)
    row = pen.row(number, height, gap=rng.uniform(0.04, 0.14))
    return Composed(levels(grained(inked(padded(row, 25)), rng, 3)), (number,))


@category
def signs(pen: Pen, rng: np.random.Generator) -> Composed:
    """Brackets, strokes and scrolls that stand in the row."""
    number, height = pen.number(2, 4), 50
    row = pen.row(number, height, gap=0.2)
    page = padded(row, (25, 25, 90, 90))
    left, right = 90 - 15, page.shape[1] - 90 + 15
    kind = rng.integers(4)
    if kind == 0:
        cv2.ellipse(page, (left, 50), (14, 32), 0, 90, 270, 1.0, 4, cv2.LINE_AA)
        cv2.ellipse(page, (right, 50), (14, 32), 0, -90, 90, 1.0, 4, cv2.LINE_AA)
    elif kind == 1:
        for y in (44, 58):
            cv2.line(page, (right, y), (right + 35, y), 1.0, 4, cv2.LINE_AA)
    elif kind == 2:
        x = np.arange(0, 60, 2)
        wave = np.stack([right + x, 50 + 14 * np.sin(x / rng.uniform(4, 8))], axis=1)
        cv2.polylines(page, [np.rint(wave).astype(np.int32)], False, 1.0, 4, cv2.LINE_AA)
    else:
        cv2.line(page, (right + 20, 25), (right, 78), 1.0, 4, cv2.LINE_AA)
        cv2.line(page, (right, 25), (right + 20, 78), 1.0, 4, cv2.LINE_AA)
        cv2.line(page, (right - 10, 52), (right + 30, 52), 1.0, 4, cv2.LINE_AA)
    return Composed(levels(grained(inked(page), rng, 3)), (number,))


@category
def hugged(pen: Pen, rng: np.random.Generator) -> Composed:
    """Dashes and dots so near to digits that they may belong to them."""
    number, height = pen.number(2, 5), 50
    own = [pen.digit(digit, height) for digit in number]
    page = np.zeros((100, 110 * len(own) + 60), np.float32)
    left = 30
    for amounts in own:
        page[25 : 25 + amounts.shape[0], left : left + amounts.shape[1]] = amounts
        left += amounts.shape[1] + int(rng.integers(2, 6))
        size, y = int(rng.integers(5, 20)), int(rng.integers(30, 75))
        if rng.integers(2):
            cv2.line(page, (left + 2, y), (left + size, y), 1.0, 4, cv2.LINE_AA)
        else:
            size = size // 2
            cv2.line(page, (left + 2, y), (left + 2, y + size), 1.0, 4, cv2.LINE_AA)
        left += size + int(rng.integers(2, 8))
    return Composed(levels(grained(inked(page[:, : left + 30]), rng, 3)), (number,))


# Binarization.


@category
def faint_and_noisy(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ink of 40 to 80 grey levels, and grain of a sixth of that, or more."""
    number, height = pen.number(1, 4), rng.uniform(50, 100)
    contrast = rng.uniform(40, 80)
    row = pen.row(number, height, gap=0.2, weight=1.4)
    page = inked(padded(row, 25), ink=200 - contrast, paper=200)
    return Composed(levels(grained(page, rng, rng.uniform(0.1, 0.28) * contrast)), (number,))


@category
def grainy(pen: Pen, rng: np.random.Generator) -> Composed:
    """Fine strokes in coarse or fine grain."""
    number, height = pen.number(1, 4), rng.uniform(50, 100)
    row = pen.row(number, height, gap=0.2, weight=rng.uniform(0.65, 1.2))
    page = inked(padded(row, 25), ink=100, paper=200)
    grain = rng.normal(0, 1, page.shape).astype(np.float32)
    sigma = rng.uniform(0, 1.2)
    if sigma > 0.4:
        grain = blurred(grain, sigma)
    page += grain / grain.std() * rng.uniform(8, 45)
    return Composed(levels(page), (number,))


@category
def soft_and_noisy(pen: Pen, rng: np.random.Generator) -> Composed:
    """Out of focus and grained."""
    number, height = pen.number(1, 5), rng.uniform(40, 90)
    page = inked(padded(pen.row(number, height, gap=0.25), 25), ink=80, paper=200)
    page = blurred(page, rng.uniform(0.02, 0.07) * height)
    return Composed(levels(grained(page, rng, rng.uniform(5, 35))), (number,))


@category
def fading(pen: Pen, rng: np.random.Generator) -> Composed:
    """Each digit with a pen that writes less."""
    number, height = pen.number(2, 5), rng.uniform(40, 80)
    row = padded(pen.row(number, height, gap=0.25), 25)
    row *= np.linspace(1, rng.uniform(0.25, 0.6), row.shape[1], dtype=np.float32)
    return Composed(levels(grained(inked(row), rng, rng.uniform(1, 8))), (number,))


@category
def two_pens(pen: Pen, rng: np.random.Generator) -> Composed:
    """A faint number above a strong one."""
    numbers, height = [pen.number(2, 5) for _ in range(2)], 45
    faint = pen.row(numbers[0], height, gap=0.2) * np.float32(rng.uniform(0.35, 0.7))
    strong = pen.row(numbers[1], height, gap=0.2)
    size = 200, max(faint.shape[1], strong.shape[1]) + 60
    page = inked(place([(faint, 30, 30), (strong, 30, 120)], size))
    return Composed(levels(grained(page, rng, rng.uniform(1, 6))), tuple(numbers))


@category
def smeared(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ink rubbed over the paper between digits, a fraction as dark."""
    number, height = pen.number(2, 5), rng.uniform(45, 70)
    row = padded(pen.row(number, height, gap=0.3), 25)
    smear = cv2.GaussianBlur(row, (0, 0), sigmaX=rng.uniform(6, 16), sigmaY=2)
    row = np.maximum(row, np.float32(rng.uniform(0.4, 1.1)) * np.asarray(smear, np.float32))
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


# Drawings.


@category
def thick_drawings(pen: Pen, rng: np.random.Generator) -> Composed:
    """Drawn with a thick pen, on a canvas that it nearly fills."""
    digit = pen.number(1, 2)
    width = int(rng.integers(3, 14))
    row = padded(pen.row(digit, 60, gap=0.4), int(rng.integers(6, 20)))
    row = np.asarray(cv2.dilate(row, np.ones((width, width), np.uint8)), np.float32)
    ink, paper = (255, 0) if rng.integers(2) else (0, 255)
    return Composed(levels(inked(row, ink=ink, paper=paper)), (digit,))


@category
def cards(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit cut out of a card or a button, as programs draw them."""
    digit = pen.number(1, 1)
    own = pen.digit(digit, 60)
    card = 60 + int(rng.integers(20, 60))
    page = np.full((card + 60, card + 60), PAPER, np.float32)
    if rng.integers(2):
        cv2.rectangle(page, (30, 30), (30 + card, 30 + card), 30, -1)
    else:
        cv2.circle(page, (30 + card // 2, 30 + card // 2), card // 2, 30, -1)
    light = centred(own, page.shape)
    return Composed(levels(page * (1 - light) + PAPER * light), (digit,))


# The one digit of a picture.


@category
def off_centre(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit in a corner, and a blot in the middle."""
    digit, side = pen.number(1, 1), 100
    own = pen.digit(digit, 40)
    corner = (int(rng.integers(4, 12)), side - own.shape[1] - int(rng.integers(4, 12)))
    left, top = corner[int(rng.integers(2))], int(rng.choice([4, 56]))
    page = place([(own, left, top)], (side, side))
    size = int(rng.integers(2, 8))
    cv2.circle(page, (50, 50), size, 1.0, -1, cv2.LINE_AA)
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def stacked(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit, and above or below it, apart, part of another one."""
    digit, other = list(pen.number(2, 2))
    own = pen.digit(digit, 50)
    part = pen.digit(other, 40)
    part = (
        part[: int(rng.integers(8, 24))] if rng.integers(2) else part[-int(rng.integers(8, 24)) :]
    )
    gap = int(rng.integers(10, 28))
    size = 50 + gap + part.shape[0] + 16, 90
    at_x = max(0, 45 - part.shape[1] // 2 + int(rng.integers(-6, 7)))
    if rng.integers(2):
        page = place(
            [(part, at_x, 6), (own, 45 - own.shape[1] // 2, 6 + part.shape[0] + gap)], size
        )
    else:
        page = place([(own, max(0, 45 - own.shape[1] // 2), 8), (part, at_x, 58 + gap)], size)
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def cut_off(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit, and at the edge above or below, near it, what is left of another one."""
    digit, other = list(pen.number(2, 2))
    own, part = pen.digit(digit, 50), pen.digit(other, 50)
    tall, gap = int(rng.integers(5, 16)), int(rng.integers(5, 14))
    size = 50 + gap + tall + 8, 80
    at_x = max(0, 40 - part.shape[1] // 2 + int(rng.integers(-5, 6)))
    if rng.integers(2):
        page = place(
            [(part[-tall:], at_x, 0), (own, max(0, 40 - own.shape[1] // 2), tall + gap)], size
        )
    else:
        page = place(
            [(own, max(0, 40 - own.shape[1] // 2), 8), (part[:tall], at_x, 58 + gap)], size
        )
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def beside(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit, and near it a stroke that is none of its own."""
    digit = pen.number(1, 1)
    own = pen.digit(digit, 50)
    page = centred(own, (80, 110))
    tall = int(rng.integers(15, 50))
    x = (110 + own.shape[1]) // 2 + int(rng.integers(3, 8))
    top = 15 + int(rng.integers(0, 50 - tall + 1))
    cv2.line(page, (x, top), (x, top + tall), 1.0, 3, cv2.LINE_AA)
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def scratched(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit, parted by a thin scratch anywhere, of any angle."""
    digit = pen.number(1, 1)
    page = centred(pen.digit(digit, 56, weight=1.2), (84, 84))
    angle, shift = rng.uniform(0, np.pi), rng.uniform(-24, 24)
    along = np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([42, 42]) + shift * np.array([-along[1], along[0]])
    start, end = middle - 80 * along, middle + 80 * along
    cv2.line(
        page, tuple(int(v) for v in start), tuple(int(v) for v in end), 0.0, int(rng.integers(2, 4))
    )
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def near_lines(pen: Pen, rng: np.random.Generator) -> Composed:
    """A cell of a form, with its line close under or above the digit."""
    digit = pen.number(1, 1)
    own = pen.digit(digit, 48)
    gap, line = int(rng.integers(2, 9)), int(rng.integers(2, 6))
    page = place([(own, max(0, 32 - own.shape[1] // 2), 8)], (56 + gap + line, 64))
    page[56 + gap :] = 1.0
    page = page[::-1] if rng.integers(2) and digit in "018" else page
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def tight(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit in a picture of its own size, parted by a level scratch."""
    digit = pen.number(1, 1, of="235")
    own = np.asarray(cv2.resize(pen.digit(digit, 60, weight=1.2), (60, 60)), np.float32)
    y = int(rng.choice([rng.integers(8, 18), rng.integers(42, 52)]))
    own[y : y + int(rng.integers(2, 5))] = 0
    page = inked(padded(own, int(rng.integers(0, 3))))
    return Composed(levels(grained(page, rng, 4)), (digit,), is_single=True)


@category
def tight_twos(pen: Pen, rng: np.random.Generator) -> Composed:
    """A two as wide as its picture, whose foot came off."""
    own = np.asarray(cv2.resize(pen.digit("2", 60, weight=1.2), (64, 60)), np.float32)
    y = int(rng.integers(40, 50))
    own[y : y + int(rng.integers(2, 4))] = 0
    page = inked(padded(own, (4, int(rng.integers(2)), 1, 1)))
    return Composed(levels(grained(page, rng, 2)), ("2",), is_single=True)


# Layout.


@category
def tiny(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits of 8 to 16 pixels on a larger page."""
    number, height = pen.number(2, 6), rng.uniform(9, 16)
    row = pen.row(number, height, gap=0.3, weight=1.3)
    page = inked(place([(row, 30, 40)], (100, row.shape[1] + 60)))
    return Composed(levels(grained(page, rng, 2)), (number,))


@category
def tiny_ruled(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits of 9 to 15 pixels on a line."""
    number, height = pen.number(2, 6), rng.uniform(9, 15)
    row = pen.row(number, height, gap=0.3, weight=1.3)
    amounts = place([(row, 30, 40)], (100, row.shape[1] + 60))
    y = 40 + round(height) - int(rng.integers(0, 3))
    cv2.line(amounts, (15, y), (row.shape[1] + 45, y), 1.0, 1)
    return Composed(levels(grained(inked(amounts), rng, 2)), (number,))


@category
def thumbs(pen: Pen, rng: np.random.Generator) -> Composed:
    """A blot or a thumb that reaches in from the edge."""
    number, height = pen.number(2, 5), 50
    row = pen.row(number, height, gap=0.25)
    page = padded(row, (35, 35, 30, 110))
    radius = int(rng.integers(7, 26))
    y = int(rng.integers(45, 75))
    cv2.ellipse(page, (page.shape[1], y), (2 * radius, radius), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return Composed(levels(grained(inked(page), rng, 3)), (number,))


@category
def roofs(pen: Pen, rng: np.random.Generator) -> Composed:
    """Fives and sevens whose roofs came off."""
    number, height = pen.number(2, 4, of="5573"), rng.uniform(50, 80)
    row = padded(pen.row(number, height, gap=0.25, weight=rng.uniform(0.9, 1.6)), 25)
    y = 25 + int(rng.uniform(0.1, 0.3) * height)
    row[y : y + int(rng.integers(2, 6))] = 0
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def thick_and_small(pen: Pen, rng: np.random.Generator) -> Composed:
    """Written with a marker; a small zero or one among large digits."""
    number, height = pen.number(3, 5), 50
    sizes = rng.uniform(0.9, 1.1, len(number))
    sizes[int(rng.integers(1, len(number)))] = rng.uniform(0.4, 0.65)
    row = pen.row(number, height, gap=0.35, sizes=sizes.tolist(), weight=1.3)
    width = int(rng.integers(2, 8))
    row = np.asarray(cv2.dilate(padded(row, 25), np.ones((width, width), np.uint8)), np.float32)
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def at_edges(pen: Pen, rng: np.random.Generator) -> Composed:
    """A picture cut so that its outer digits touch its edges."""
    number, height = pen.number(3, 6), 50
    sizes = rng.uniform(0.65, 1.0, len(number)).tolist()
    row = pen.row(number, height, gap=0.25, sizes=sizes)
    row = padded(row, (int(rng.integers(2)) * 20, int(rng.integers(2)) * 20, 0, 0))
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def underneath(pen: Pen, rng: np.random.Generator) -> Composed:
    """Short dashes above or under digits, apart from them."""
    number, height = pen.number(3, 5), 50
    row = padded(pen.row(number, height, gap=0.3), 40)
    gap = int(rng.integers(9, 22))
    x = int(rng.integers(45, row.shape[1] - 75))
    y = 90 + gap if rng.integers(2) else 40 - gap
    cv2.line(row, (x, y), (x + int(rng.integers(12, 22)), y + int(rng.integers(-3, 4))), 1.0, 4)
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def steep_and_spaced(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits wide apart on a row that rises or falls steeply."""
    number, height = pen.number(4, 6), rng.uniform(30, 45)
    slope = float(rng.choice([-1, 1]) * rng.uniform(7, 16))
    sizes = rng.uniform(0.75, 1.1, len(number)).tolist()
    row = pen.row(number, height, gap=rng.uniform(0.8, 2.0), slope=slope, sizes=sizes)
    return Composed(levels(grained(inked(padded(row, 25)), rng, 3)), (number,))


@category
def long_rows(pen: Pen, rng: np.random.Generator) -> Composed:
    """Long rows that rise or fall a little."""
    number, height = pen.number(10, 16), 32
    slope = float(rng.choice([-1, 1]) * rng.uniform(3, 7.5))
    row = pen.row(number, height, gap=rng.uniform(0.05, 0.3), slope=slope)
    return Composed(levels(grained(inked(padded(row, 20)), rng, 3)), (number,))


@category
def two_short_lines(pen: Pen, rng: np.random.Generator) -> Composed:
    """Two short lines, the second one further to the right or to the left."""
    numbers, height = [pen.number(1, 3) for _ in range(2)], 40
    rows = [pen.row(number, height, gap=0.2) for number in numbers]
    step = round(rng.uniform(1.15, 1.7) * height)
    shift = int(rng.integers(20, 110))
    lefts = (25, 25 + shift) if rng.integers(2) else (25 + shift, 25)
    size = step + 95, max(left + row.shape[1] for left, row in zip(lefts, rows, strict=True)) + 25
    page = place(
        [(row, left, 25 + step * i) for i, (row, left) in enumerate(zip(rows, lefts, strict=True))],
        size,
    )
    return Composed(levels(grained(inked(page), rng, 3)), tuple(numbers))


@category
def tables(pen: Pen, rng: np.random.Generator) -> Composed:
    """Two columns of numbers, not quite level with each other."""
    numbers, height = [[pen.number(1, 3) for _ in range(2)] for _ in range(2)], 36
    placed = []
    for index, line in enumerate(numbers):
        for column, number in enumerate(line):
            top = 25 + 75 * index + int(rng.integers(-8, 9))
            placed.append((pen.row(number, height, gap=0.2), 25 + 200 * column, top))
    page = place(placed, (170, 360))
    return Composed(levels(grained(inked(page), rng, 3)), tuple(" ".join(line) for line in numbers))


@category
def braced(pen: Pen, rng: np.random.Generator) -> Composed:
    """Lines close together, with a tail that runs from one into the next."""
    numbers, height = [pen.number(2, 4) for _ in range(3)], 34
    rows = [pen.row(number, height, gap=0.2) for number in numbers]
    step = round(rng.uniform(1.1, 1.5) * height)
    size = 2 * step + 90, max(row.shape[1] for row in rows) + 60
    page = place([(row, 30, 25 + step * i) for i, row in enumerate(rows)], size)
    return Composed(levels(grained(inked(page), rng, 3)), tuple(numbers))


# Ruled lines and boxes.


@category
def short_underlines(pen: Pen, rng: np.random.Generator) -> Composed:
    """A short line under one or two digits, which touches them."""
    number, height = pen.number(2, 5), 45
    row = padded(pen.row(number, height, gap=0.25), 30)
    length = round(rng.uniform(1.7, 3.4) * height)
    x = int(rng.integers(10, max(11, row.shape[1] - length - 10)))
    y = 30 + height - int(rng.integers(0, 4))
    y2 = y + int(rng.integers(-2, 3))
    cv2.line(row, (x, y), (min(x + length, row.shape[1] - 8), y2), 1.0, int(rng.integers(2, 4)))
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def empty_cells(pen: Pen, rng: np.random.Generator) -> Composed:
    """A cell of a form without a digit, cut out with one to four of its sides."""
    cell = np.zeros((int(rng.integers(40, 90)), int(rng.integers(40, 90))), np.float32)
    for side in rng.choice(4, int(rng.integers(1, 5)), replace=False).tolist():
        start, thickness = int(rng.integers(0, 4)), int(rng.integers(2, 5))
        np.rot90(cell, side)[start : start + thickness, int(rng.integers(0, 3)) :] = 1.0
    return Composed(levels(grained(inked(cell), rng, 2)), ())


@category
def filling_zeros(pen: Pen, rng: np.random.Generator) -> Composed:
    """A zero as large as the picture."""
    zero = pen.digit("0", rng.uniform(60, 120), weight=rng.uniform(0.8, 1.2))
    return Composed(levels(grained(inked(padded(zero, int(rng.integers(0, 3)))), rng, 2)), ("0",))


@category
def dark_lines(pen: Pen, rng: np.random.Generator) -> Composed:
    """Thin digits on lined paper that lies askew, its lines as dark as they."""
    number, height = pen.number(3, 6), rng.uniform(50, 80)
    page = inked(padded(pen.row(number, height, gap=0.2, weight=0.8), 30), ink=40)
    step, line = round(rng.uniform(0.45, 0.7) * height), int(rng.integers(2, 5))
    for offset in range(line):
        page[8 + offset :: step] = 40
    page = turned(page, float(rng.uniform(-5, 5)))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def narrow_ruled(pen: Pen, rng: np.random.Generator) -> Composed:
    """A narrow picture of one digit on lines that go from edge to edge."""
    digit, height = pen.number(1, 1), 60
    own = pen.digit(digit, height)
    wide = own.shape[1] + int(rng.integers(10, 40))
    row = centred(own, (110, wide))
    for _ in range(int(rng.integers(1, 3))):
        y = int(rng.integers(25, 95))
        row[y : y + int(rng.integers(1, 3))] = 1.0
    return Composed(levels(grained(inked(row), rng, 3)), (digit,))


@category
def thick_rules(pen: Pen, rng: np.random.Generator) -> Composed:
    """A thick line through or under the digits."""
    number, height = pen.number(2, 5), rng.uniform(45, 70)
    row = padded(pen.row(number, height, gap=0.25, weight=1.2), 30)
    y = 30 + int(rng.uniform(0.1, 1.0) * height)
    row[y : y + int(rng.integers(3, 8)), 5:-5] = 1.0
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


def _grid(
    number: str, own: list[Amounts], cell: tuple[int, int], line: int, ink: float, *, empty: int = 0
) -> Float32[np.ndarray, "h w"]:
    """Digits in the cells of a grid, the last cells empty."""
    wide, tall = cell
    page = np.full((tall + 50, wide * (len(number) + empty) + 50), PAPER, np.float32)
    for index in range(len(number) + empty):
        left = 25 + index * wide
        cv2.rectangle(page, (left, 25), (left + wide, 25 + tall), ink, line)
    for index, amounts in enumerate(own):
        y = max(0, 25 + round((tall - amounts.shape[0]) / 2))
        x = max(0, 25 + index * wide + round((wide - amounts.shape[1]) / 2))
        part = page[y : y + amounts.shape[0], x : x + amounts.shape[1]]
        np.minimum(part, inked(amounts)[: part.shape[0], : part.shape[1]], out=part)
    return page


@category
def tall_in_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits that touch the boxes that they stand in, and an empty box."""
    number, height = pen.number(2, 4), rng.uniform(40, 60)
    own = [pen.digit(digit, height * rng.uniform(0.9, 1.1)) for digit in number]
    cell = round(height * rng.uniform(0.8, 1.2)), round(height * rng.uniform(0.9, 1.15))
    page = _grid(number, own, cell, int(rng.integers(1, 4)), float(rng.choice([30, 90])), empty=1)
    page = turned(page, float(rng.choice([0, rng.uniform(-5, 5)])))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def small_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Boxes of 14 to 26 pixels, and digits that touch some of them."""
    number = pen.number(3, 6)
    side = int(rng.integers(13, 27))
    own = [pen.digit(digit, side * rng.uniform(0.7, 1.0), weight=1.2) for digit in number]
    page = _grid(number, own, (side, round(1.2 * side)), 1, 90, empty=1)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def touched_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Boxes apart from each other, hardly larger than the digits, of which one touches its box."""
    number, height = pen.number(3, 5), float(rng.choice([14, 40, 40]))
    touching, line = int(rng.integers(len(number))), 1 if height < 20 else int(rng.integers(1, 4))
    side = round(height * rng.uniform(1.25, 1.5))
    step = round(1.5 * side)
    page = np.full((side + 50, step * len(number) + 40), PAPER, np.float32)
    page = np.pad(page, ((20, 20), (0, 0)), constant_values=PAPER)
    for index, digit in enumerate(number):
        left, top = 25 + index * step, 45
        cv2.rectangle(page, (left, top), (left + side, top + side), 60, line)
        own = pen.digit(digit, height, weight=1.2)
        x = left + (side - own.shape[1]) // 2
        if index == touching:
            x = left + side - own.shape[1] + line // 2
        y = top + round((side - own.shape[0]) / 2)
        part = page[y : y + own.shape[0], x : x + own.shape[1]]
        np.minimum(part, inked(own), out=part)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def chamfered(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit in a box without corners, hardly more than twice its height."""
    digit, height = pen.number(1, 1), 60
    side = round(height * rng.uniform(2.0, 2.2))
    cut = round(side * rng.uniform(0.19, 0.23))
    low, high = 20, 20 + side
    corners = [
        (low + cut, low), (high - cut, low), (high, low + cut), (high, high - cut),
        (high - cut, high), (low + cut, high), (low, high - cut), (low, low + cut),
    ]  # fmt: skip
    page = centred(pen.digit(digit, height), (side + 40, side + 40))
    cv2.polylines(page, [np.array(corners, np.int32)], True, 1.0, 3)
    return Composed(levels(grained(inked(page), rng, 3)), (digit,))


@category
def heavy_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Thin small digits in boxes with thick lines."""
    number, height = pen.number(1, 4), rng.uniform(24, 36)
    own = [pen.digit(digit, height, weight=0.7) for digit in number]
    side = round(rng.uniform(1.4, 3) * height)
    page = _grid(number, own, (side, side), int(rng.integers(3, 15)), 30)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def thin_in_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Large digits of a fine pen, in boxes or on a line."""
    number, height = pen.number(1, 4, of="0123456789"), rng.uniform(80, 120)
    own = [pen.digit(digit, height, weight=0.62) for digit in number]
    side = round(rng.uniform(1.3, 1.6) * height)
    page = _grid(number, own, (side, side), 2, 60)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def skewed_underlines(pen: Pen, rng: np.random.Generator) -> Composed:
    """A line drawn askew under the number, apart from it or touching."""
    number, height = pen.number(2, 5), 45
    row = padded(pen.row(number, height, gap=0.25), 35)
    y = 35 + height + int(rng.integers(-3, 10))
    fall = int(rng.integers(-14, 15))
    ends = (10, y - fall // 2), (row.shape[1] - 10, y + fall // 2)
    cv2.line(row, *ends, 1.0, int(rng.integers(2, 4)), cv2.LINE_AA)
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def leaning_boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Boxes that lean each in its own way."""
    number = pen.number(3, 3)
    page = np.full((150, 420), PAPER, np.float32)
    for index, digit in enumerate(number):
        angle = float(rng.choice([0, 0, rng.uniform(2, 7)]))
        middle = 80 + 130 * index
        corners = cv2.boxPoints(((middle, 75), (90, 90), angle))
        cv2.polylines(page, [np.rint(corners).astype(np.int32)], True, 90, 2, cv2.LINE_AA)
        own = pen.digit(digit, 50)
        part = page[50:, middle - own.shape[1] // 2 :][: own.shape[0], : own.shape[1]]
        np.minimum(part, inked(own), out=part)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def ones_on_lines(pen: Pen, rng: np.random.Generator) -> Composed:
    """Upright ones that stand on a line, or just above it."""
    number, height = pen.number(3, 6, of="11147"), 40
    row = padded(pen.row(number, height, gap=0.35, weight=rng.uniform(0.7, 1.3)), 30)
    line = int(rng.integers(1, 4))
    y = 30 + height + int(rng.integers(-1, 5))
    row[y : y + line, 8:-8] = 1.0
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


# Pages and light.


def _on_table(
    row: Float32[np.ndarray, "h w"],
    rng: np.random.Generator,
    *,
    room: tuple[float, float],
    table: float,
    texture: float,
    askew: float = 6,
) -> Float32[np.ndarray, "h w"]:
    """A sheet on a table; room: of the table beside and above it, in pixels."""
    tall, wide = row.shape
    around = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    corners = around + np.array(room) + rng.uniform(-askew, askew, (4, 2))
    size = round(tall + 2 * room[1]), round(wide + 2 * room[0])
    view = cv2.getPerspectiveTransform(around, corners.astype(np.float32))
    photo = blurred(rng.normal(0, 1, size).astype(np.float32), 2)
    photo = np.asarray(table + photo / photo.std() * texture, np.float32)
    is_page = cv2.warpPerspective(np.ones_like(row), view, size[::-1]) > 0
    photo[is_page] = cv2.warpPerspective(row, view, size[::-1])[is_page]
    return photo


@category
def small_pages(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet that takes a fifth to a half of the picture."""
    number = pen.number(2, 5)
    row = inked(padded(pen.row(number, 40, gap=0.25), 25))
    room = rng.uniform(0.2, 0.6) * row.shape[1], rng.uniform(0.3, 0.8) * row.shape[0]
    page = _on_table(row, rng, room=room, table=rng.uniform(20, 110), texture=15)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def large_pages(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet with a narrow strip of the table around it."""
    number = pen.number(2, 5)
    row = inked(padded(pen.row(number, 40, gap=0.25), 35))
    room = tuple(rng.uniform(3, 16, 2))
    page = _on_table(
        row, rng, room=(room[0], room[1]), table=rng.uniform(20, 110), texture=15, askew=4
    )
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def light_tables(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet on a table of light wood."""
    number = pen.number(2, 5)
    row = inked(padded(pen.row(number, 40, gap=0.25), 30))
    page = _on_table(
        row, rng, room=(40, 40), table=rng.uniform(110, 175), texture=rng.uniform(8, 30)
    )
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def sparse_pages(pen: Pen, rng: np.random.Generator) -> Composed:
    """A large sheet with little on it."""
    number, height = pen.number(1, 2), 30
    row = pen.row(number, height, gap=0.25, weight=0.8)
    page = inked(padded(row, (120, 120, 160, 160)))
    photo = _on_table(page, rng, room=(50, 40), table=rng.uniform(20, 100), texture=15)
    return Composed(levels(grained(photo, rng, 3)), (number,))


@category
def dense_pages(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet that is full of ink."""
    number, height = pen.number(2, 5), 60
    row = padded(pen.row(number, height, gap=0.12, weight=1.6), 12)
    width = int(rng.integers(3, 8))
    row = np.asarray(cv2.dilate(row, np.ones((width, width), np.uint8)), np.float32)
    photo = _on_table(inked(row), rng, room=(40, 40), table=rng.uniform(20, 100), texture=15)
    return Composed(levels(grained(photo, rng, 3)), (number,))


@category
def to_the_rim(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet with digits that come close to its rim."""
    number = pen.number(2, 5)
    row = inked(padded(pen.row(number, 60, gap=0.25), int(rng.integers(6, 20))))
    photo = _on_table(row, rng, room=(50, 50), table=rng.uniform(20, 100), texture=15, askew=2)
    return Composed(levels(grained(photo, rng, 3)), (number,))


@category
def pools_of_light(pen: Pen, rng: np.random.Generator) -> Composed:
    """A lamp lights a part of the paper, with an edge that crosses the number."""
    number, height = pen.number(3, 6), 50
    page = inked(padded(pen.row(number, height, gap=0.3), 45))
    tall, wide = page.shape
    light = np.zeros_like(page)
    middle = int(rng.uniform(0.3, 0.7) * wide), int(rng.uniform(0.35, 0.65) * tall)
    axes = int(rng.uniform(0.25, 0.55) * wide), int(rng.uniform(0.3, 0.7) * tall)
    if rng.integers(2):
        cv2.ellipse(light, middle, axes, rng.uniform(-20, 20), 0, 360, 1.0, -1)
    else:
        corners = cv2.boxPoints((middle, (1.7 * axes[0], 1.7 * axes[1]), rng.uniform(-15, 15)))
        cv2.fillPoly(light, [np.rint(corners).astype(np.int32)], 1.0)
    light = blurred(light, rng.uniform(1, 4))
    page = page * (rng.uniform(0.35, 0.7) + (1 - rng.uniform(0.3, 0.6)) * light)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def deep_shadows(pen: Pen, rng: np.random.Generator) -> Composed:
    """The larger part of a page in a deep shadow, with digits in it."""
    number, height = pen.number(3, 6), 50
    page = inked(padded(pen.row(number, height, gap=0.3), int(rng.integers(25, 60))))
    degrees, share = rng.uniform(-90, 90), rng.uniform(0.2, 0.85)
    y, x = np.indices(page.shape, np.float32)
    towards = np.cos(np.radians(degrees)) * y - np.sin(np.radians(degrees)) * x
    shade = blurred((towards > np.quantile(towards, 1 - share)).astype(np.float32), 1.5)
    return Composed(levels(grained(page * (1 - rng.uniform(0.5, 0.75) * shade), rng, 3)), (number,))


@category
def lamps(pen: Pen, rng: np.random.Generator) -> Composed:
    """The light of a lamp close by: bright in the middle, dark all around."""
    number, height = pen.number(2, 6), rng.uniform(30, 60)
    page = inked(padded(pen.row(number, height, gap=0.25), round(rng.uniform(0.5, 2) * height)))
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in page.shape)
    x, y = x - np.float32(rng.uniform(-0.6, 0.6)), y - np.float32(rng.uniform(-0.6, 0.6))
    light = np.exp(-rng.uniform(0.5, 1.6) * (x[None, :] ** 2 + y[:, None] ** 2))
    page = np.asarray(page * light, np.float32)
    page = 255 - page if rng.integers(3) == 0 else page
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def frames(pen: Pen, rng: np.random.Generator) -> Composed:
    """A dark or light border around the picture, with more or less paper inside."""
    number, height = pen.number(1, 4), 50
    page = inked(padded(pen.row(number, height, gap=0.25, weight=1.3), int(rng.integers(8, 25))))
    border = int(rng.integers(2, 16))
    page = np.pad(page, border, constant_values=float(rng.choice([20, 60, 120])))
    page = 255 - page if rng.integers(2) else page
    return Composed(levels(grained(np.asarray(page, np.float32), rng, 3)), (number,))


@category
def filled(pen: Pen, rng: np.random.Generator) -> Composed:
    """A thick digit that fills its picture."""
    digit = pen.number(1, 1)
    own = pen.digit(digit, 70, weight=1.5)
    width = int(rng.integers(3, 12))
    own = cv2.dilate(padded(own, width // 2 + int(rng.integers(1, 8))), np.ones((width, width)))
    page = inked(np.asarray(own, np.float32), ink=60, paper=200)
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in page.shape)
    page = (
        page * (1 + rng.uniform(-0.3, 0.3) * x)[None, :] * (1 + rng.uniform(-0.3, 0.3) * y)[:, None]
    )
    page = 255 - page if rng.integers(2) else page
    single = bool(rng.integers(2))
    return Composed(
        levels(grained(np.asarray(page, np.float32), rng, 4)), (digit,), is_single=single
    )


@category
def striped(pen: Pen, rng: np.random.Generator) -> Composed:
    """Wide stripes, dark and light, behind the number."""
    number, height = pen.number(2, 5), 55
    page = inked(padded(pen.row(number, height, gap=0.25, weight=1.2), 30))
    x = np.indices(page.shape, np.float32)[int(rng.integers(2))]
    stripes = np.sin(x / rng.uniform(5, 20)) > rng.uniform(-0.3, 0.3)
    page = page * (1 - rng.uniform(0.15, 0.5) * blurred(stripes.astype(np.float32), 1))
    return Composed(levels(grained(page, rng, 3)), (number,))


# Decoding of pictures.


@category
def bright_glyphs(pen: Pen, rng: np.random.Generator) -> Composed:
    """A dark digit on light paper, in 28×28 pixels."""
    digit = pen.number(1, 1)
    own = pen.digit(digit, rng.uniform(16, 24))[:, :26]
    page = inked(centred(own, (28, 28)), ink=40, paper=230)
    return Composed(levels(grained(page, rng, 3)), (digit,), is_single=True)


@category
def stained(pen: Pen, rng: np.random.Generator) -> Composed:
    """Dark ink over stains of two colours that are equally bright."""
    number, height = pen.number(2, 5), 55
    amounts = padded(pen.row(number, height, gap=0.25), 25)
    stains = blurred(rng.normal(0, 1, amounts.shape).astype(np.float32), rng.uniform(3, 12))
    stains = np.tanh(stains / stains.std())[..., None]
    paper = np.array([190.0, 190, 190]) + stains * np.array([60.0, -22, -47]) * rng.uniform(0.5, 1)
    ink = paper - rng.uniform(45, 120)
    page = paper * (1 - amounts[..., None]) + ink * amounts[..., None]
    return Composed(levels(page + rng.normal(0, 2, page.shape)), (number,))


@category
def pale_colours(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ink that differs from its paper in colour only, and little."""
    number, height = pen.number(2, 5), 55
    amounts = padded(pen.row(number, height, gap=0.25), 25)[..., None]
    ink = np.array([180.0, 180, 180]) + np.array([60.0, -22, -47]) * rng.uniform(0.3, 1)
    page = 180 * (1 - amounts) + ink * amounts
    return Composed(levels(page + rng.normal(0, 1.5, page.shape)), (number,))


@category
def squared_up(pen: Pen, rng: np.random.Generator) -> Composed:
    """Made square by repeating the outermost lines, which digits touch."""
    number, height = pen.number(2, 3), 50
    contrast = float(rng.choice([14, 40, 150]))
    row = pen.row(number, height, gap=0.25)
    page = inked(row, ink=210 - contrast, paper=210)
    page = levels(grained(page, rng, rng.uniform(0, 1)))
    room = max(0, page.shape[1] - page.shape[0]) // 2
    return Composed(np.pad(page, ((room, room), (0, 0)), mode="edge"), (number,))


@category
def pixel_art(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits of large square pixels, some of them touching the upper edge."""
    number = pen.number(1, 3)
    row = pen.row(number, 14, gap=0.25) > 0.5
    row = np.pad(row, ((int(rng.integers(3)), 3), (3, 3)))
    page = inked(np.kron(row, np.ones((8, 8))).astype(np.float32))
    return Composed(levels(page), (number,))


@category
def transparent(pen: Pen, rng: np.random.Generator) -> Composed:
    """A light or dark card with digits on it, whose corners are transparent."""
    number, height = pen.number(1, 4), 50
    amounts = padded(pen.row(number, height, gap=0.25), 30)
    light = bool(rng.integers(2))
    page = inked(amounts, ink=40 if light else 220, paper=225 if light else 50)
    alpha = np.full(page.shape, 255, np.float32)
    radius = int(rng.integers(8, 40))
    y, x = np.indices(page.shape)
    tall, wide = page.shape
    corner = np.minimum(x, wide - 1 - x) + np.minimum(y, tall - 1 - y)
    alpha[corner < radius] = 0
    return Composed(levels(np.dstack([page, page, page, alpha])), (number,))


@category
def punched(pen: Pen, rng: np.random.Generator) -> Composed:
    """A light card with a number, and holes of a digit's size that are transparent."""
    number, height = pen.number(2, 4), 50
    amounts = padded(pen.row(number, height, gap=0.25), (30, 30, 30, 150))
    page = inked(amounts, ink=40, paper=225)
    alpha = np.full(page.shape, 255, np.float32)
    for x in (page.shape[1] - 100, page.shape[1] - 40):
        cv2.circle(alpha, (x, 55), int(rng.integers(10, 24)), 0.0, -1)
    return Composed(levels(np.dstack([page, page, page, alpha])), (number,))


@category
def bar_codes(pen: Pen, rng: np.random.Generator) -> Composed:
    """Bars from edge to edge, which are no ones."""
    widths = rng.integers(2, 9, 40)
    row = np.repeat(np.where(np.arange(40) % 2, 40, 220), widths).astype(np.uint8)
    return Composed(np.tile(row, (int(rng.integers(60, 120)), 1)), ())


# Segmentation.


@category
def knotted(pen: Pen, rng: np.random.Generator) -> Composed:
    """Round digits that touch side by side, and strokes that join two digits."""
    number, height = pen.number(2, 4, of="0689035"), rng.uniform(40, 70)
    row = padded(pen.row(number, height, gap=-rng.uniform(0, 0.06), weight=rng.uniform(1, 1.5)), 25)
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def joined(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits joined by a stroke of the pen."""
    number, height = pen.number(2, 4), 55
    row = padded(pen.row(number, height, gap=rng.uniform(0.1, 0.4)), 25)
    y = 25 + int(rng.uniform(0.1, 0.95) * height)
    x = int(rng.integers(30, max(31, row.shape[1] - 60)))
    cv2.line(
        row,
        (x, y),
        (x + int(rng.integers(15, 45)), y + int(rng.integers(-6, 7))),
        1.0,
        4,
        cv2.LINE_AA,
    )
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def narrow(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits half as wide as usual, which touch or nearly do."""
    number, height = pen.number(3, 6), 60
    row = pen.row(number, height, gap=rng.uniform(-0.02, 0.08))
    row = np.asarray(cv2.resize(row, None, fx=rng.uniform(0.4, 0.65), fy=1), np.float32)
    return Composed(levels(grained(inked(padded(row, 25)), rng, 3)), (number,))


@category
def leaning_close(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits that lean far, with hardly any gap."""
    number, height = pen.number(3, 6), rng.uniform(40, 60)
    row = pen.row(number, height, gap=rng.uniform(-0.3, -0.02), slant=rng.uniform(0.3, 0.9))
    return Composed(levels(grained(inked(padded(row, 25)), rng, 3)), (number,))
