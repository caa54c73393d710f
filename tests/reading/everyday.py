"""Numbers as people write them, on the paper and in the light that readers meet every day."""

import cv2
import numpy as np
from jaxtyping import Float32

from tests.reading.drawings import PAPER
from tests.reading.pen import (
    Composed,
    Maker,
    Pen,
    blurred,
    grained,
    inked,
    levels,
    mnist_test,
    padded,
    place,
    turned,
)

EVERYDAY: dict[str, Maker] = {}


def category(make: Maker) -> Maker:
    EVERYDAY[make.__name__] = make
    return make


@category
def plain(pen: Pen, rng: np.random.Generator) -> Composed:
    """Dark on light, of any height and with clear gaps."""
    number, height = pen.number(), rng.uniform(24, 110)
    row = pen.row(number, height, gap=rng.uniform(0.1, 0.5), weight=rng.uniform(0.8, 1.3))
    page = inked(padded(row, round(rng.uniform(0.3, 1.5) * height)))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def light_on_dark(pen: Pen, rng: np.random.Generator) -> Composed:
    """Chalk on a board."""
    number, height = pen.number(), rng.uniform(24, 90)
    row = pen.row(number, height, gap=rng.uniform(0.1, 0.5))
    page = inked(padded(row, round(0.6 * height)), ink=215, paper=45)
    return Composed(levels(grained(page, rng, 4)), (number,))


@category
def touching(pen: Pen, rng: np.random.Generator) -> Composed:
    """Each digit touches the next one."""
    number, height = pen.number(2, 5), rng.uniform(40, 80)
    page = inked(padded(pen.row(number, height, gap=0), round(0.5 * height)))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def overlapping(pen: Pen, rng: np.random.Generator) -> Composed:
    """Each digit runs into the next one."""
    number, height = pen.number(2, 4), rng.uniform(40, 80)
    page = inked(padded(pen.row(number, height, gap=-rng.uniform(0.03, 0.12)), round(0.5 * height)))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def close(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits that nearly touch, and lean into each other's columns."""
    number, height = pen.number(3, 8), rng.uniform(30, 80)
    row = pen.row(number, height, gap=rng.uniform(-0.02, 0.04), slant=rng.uniform(0.1, 0.5))
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def slanted(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits that lean to the right or to the left."""
    number, height = pen.number(2, 7), rng.uniform(30, 80)
    row = pen.row(number, height, gap=rng.uniform(0.02, 0.2), slant=rng.uniform(-0.25, 0.6))
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def small_zeros(pen: Pen, rng: np.random.Generator) -> Composed:
    """Zeros half as high as the other digits, as in amounts of money."""
    number, height = pen.number(2, 5, of="123456789") + "00", rng.uniform(40, 80)
    small = rng.uniform(0.45, 0.65)
    sizes = [small if digit == "0" else 1.0 for digit in number]
    row = pen.row(number, height, sizes=sizes, gap=0.15, at_middle=bool(rng.integers(2)))
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def sizes_vary(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits from 0.6 to 1.3 heights."""
    number, height = pen.number(3, 7), rng.uniform(35, 70)
    row = pen.row(number, height, gap=0.15, sizes=rng.uniform(0.6, 1.3, len(number)).tolist())
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def rising(pen: Pen, rng: np.random.Generator) -> Composed:
    """Rows that rise or fall a little."""
    number, height = pen.number(4, 8), rng.uniform(30, 60)
    slope = float(rng.choice([-1, 1]) * rng.uniform(3, 9))
    row = pen.row(number, height, gap=rng.uniform(0.1, 0.4), slope=slope)
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def steep(pen: Pen, rng: np.random.Generator) -> Composed:
    """Pictures of one row, held askew."""
    number, height = pen.number(4, 7), rng.uniform(35, 60)
    row = inked(padded(pen.row(number, height, gap=0.25), 10))
    page = turned(row, float(rng.choice([-1, 1]) * rng.uniform(9, 30)))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def words(pen: Pen, rng: np.random.Generator) -> Composed:
    """Two or three numbers on a line, wide apart."""
    numbers, height = [pen.number(1, 4) for _ in range(int(rng.integers(2, 4)))], 40.0
    rows = [pen.row(number, height, gap=0.2) for number in numbers]
    lefts, left = [], 30
    for row in rows:
        lefts.append(left)
        left += row.shape[1] + round(rng.uniform(2.5, 4) * height)
    page = place([(row, x, 30) for row, x in zip(rows, lefts, strict=True)], (100, left))
    return Composed(levels(grained(inked(page), rng, 3)), (" ".join(numbers),))


@category
def spaced(pen: Pen, rng: np.random.Generator) -> Composed:
    """One number with wide gaps, up to twice the height of a digit."""
    number, height = pen.number(3, 5), rng.uniform(30, 50)
    row = pen.row(number, height, gap=rng.uniform(1.3, 2.0))
    return Composed(levels(grained(inked(padded(row, 30)), rng, 3)), (number,))


@category
def several_lines(pen: Pen, rng: np.random.Generator) -> Composed:
    """Two to four lines, as close to each other as people write them."""
    numbers, height = [pen.number(2, 6) for _ in range(int(rng.integers(2, 5)))], 40.0
    rows = [pen.row(number, height, gap=0.2, slope=rng.uniform(-1, 1)) for number in numbers]
    step = round(rng.uniform(1.25, 2) * height)
    tops = [20 + step * index for index in range(len(rows))]
    lefts = [20 + int(rng.integers(30)) for _ in rows]
    size = tops[-1] + 80, max(row.shape[1] for row in rows) + 80
    page = place(list(zip(rows, lefts, tops, strict=True)), size)
    return Composed(levels(grained(inked(page), rng, 3)), tuple(numbers))


def _in_cells(
    pen: Pen, number: str, *, cell: tuple[int, int], height: float, form: str, line: int, ink: int
) -> Float32[np.ndarray, "h w"]:
    """Each digit in its place on a printed form, with a margin of 30 pixels."""
    wide, tall = cell
    page = np.full((tall + 60, wide * len(number) + 60), PAPER, np.float32)
    for index, digit in enumerate(number):
        left, top, right, bottom = 30 + index * wide, 30, 30 + (index + 1) * wide, 30 + tall
        if form == "boxes":
            cv2.rectangle(page, (left, top), (right, bottom), ink, line)
        elif form == "apart":
            cv2.rectangle(page, (left + 5, top), (right - 5, bottom), ink, line)
        else:
            cv2.line(page, (left, bottom), (right, bottom), ink, line)
            for x in (left, right):
                cv2.line(page, (x, bottom - tall // 4), (x, bottom), ink, line)
        own = pen.digit(digit, height)
        y = top + round((tall - own.shape[0]) / 2 + pen.rng.uniform(-2, 2))
        x = left + round((wide - own.shape[1]) / 2 + pen.rng.uniform(-2, 2))
        part = page[y : y + own.shape[0], x : x + own.shape[1]]
        np.minimum(part, inked(own), out=part)
    return page


@category
def boxes(pen: Pen, rng: np.random.Generator) -> Composed:
    """A row of printed boxes with a digit in each, level or leaning."""
    number, height = pen.number(2, 6), rng.uniform(35, 60)
    side = round(rng.uniform(1.3, 1.9) * height)
    page = _in_cells(
        pen, number, cell=(side, round(1.1 * side)), height=height,
        form=str(rng.choice(["boxes", "apart"])), line=int(rng.integers(1, 5)),
        ink=int(rng.choice([30, 90, 170])),
    )  # fmt: skip
    page = turned(page, float(rng.choice([0, rng.uniform(-6, 6)])))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def combs(pen: Pen, rng: np.random.Generator) -> Composed:
    """A line with teeth, between which digits stand."""
    number, height = pen.number(3, 7), rng.uniform(35, 60)
    side = round(rng.uniform(1.2, 1.7) * height)
    page = _in_cells(
        pen, number, cell=(side, round(1.6 * height)), height=height, form="comb",
        line=int(rng.integers(1, 4)), ink=int(rng.choice([30, 90])),
    )  # fmt: skip
    page = turned(page, float(rng.choice([0, rng.uniform(-4, 4)])))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def ruled(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ruled paper, whose lines run through the digits."""
    number, height = pen.number(3, 7), rng.uniform(40, 80)
    page = inked(padded(pen.row(number, height, gap=0.25), 40))
    step, line = round(rng.uniform(0.3, 0.8) * height), int(rng.integers(1, 4))
    for offset in range(line):
        page[offset::step] = np.minimum(page[offset::step], float(rng.choice([100, 150])))
    page = turned(page, float(rng.choice([0, rng.uniform(-5, 5)])))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def underlined(pen: Pen, rng: np.random.Generator) -> Composed:
    """A number on a line drawn by hand, which some of its digits touch."""
    number, height = pen.number(3, 7), rng.uniform(35, 70)
    row = padded(pen.row(number, height, gap=0.2), 30)
    y = row.shape[0] - 30 + int(rng.integers(-3, 5))
    ends = (8, y), (row.shape[1] - 8, y + int(rng.integers(-4, 5)))
    cv2.line(row, *ends, 1.0, int(rng.integers(2, 5)), cv2.LINE_AA)
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def squared(pen: Pen, rng: np.random.Generator) -> Composed:
    """Squared paper, four or five squares to a digit."""
    number, height = pen.number(3, 6), rng.uniform(50, 90)
    page = inked(padded(pen.row(number, height, gap=0.3), 40))
    step = round(rng.uniform(0.3, 0.6) * height)
    page[::step] = np.minimum(page[::step], 160)
    page[:, ::step] = np.minimum(page[:, ::step], 160)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def uneven_light(pen: Pen, rng: np.random.Generator) -> Composed:
    """Light that falls off to one side, or to the corners."""
    number, height = pen.number(2, 7), rng.uniform(30, 80)
    page = inked(padded(pen.row(number, height, gap=0.2), round(rng.uniform(0.4, 1.5) * height)))
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in page.shape)
    if rng.integers(2):
        light = (0.65 + rng.uniform(-0.3, 0.3) * x)[None, :] * (1 + rng.uniform(-0.3, 0.3) * y)[
            :, None
        ]
    else:
        light = 1 - rng.uniform(0.3, 0.7) * (x[None, :] ** 2 + y[:, None] ** 2) / 2
    return Composed(levels(grained(page * light, rng, 3)), (number,))


@category
def in_shadow(pen: Pen, rng: np.random.Generator) -> Composed:
    """A shadow with a hard edge, which crosses the digits."""
    number, height = pen.number(2, 6), rng.uniform(30, 80)
    page = inked(padded(pen.row(number, height, gap=0.2), 40))
    degrees, share = rng.uniform(-90, 90), rng.uniform(0.25, 0.75)
    y, x = np.indices(page.shape, np.float32)
    towards = np.cos(np.radians(degrees)) * y - np.sin(np.radians(degrees)) * x
    shade = (towards > np.quantile(towards, 1 - share)).astype(np.float32)
    shade = blurred(shade, rng.uniform(0.5, 3))
    return Composed(levels(grained(page * (1 - rng.uniform(0.3, 0.6) * shade), rng, 4)), (number,))


@category
def patterned(pen: Pen, rng: np.random.Generator) -> Composed:
    """Waves printed under the number, as on cheques."""
    number, height = pen.number(2, 6), rng.uniform(45, 80)
    page = inked(padded(pen.row(number, height, gap=0.2, weight=1.3), 40))
    y, x = np.indices(page.shape, np.float32)
    waves = np.sin((y + 6 * np.sin(x / 23)) * 0.9) + np.sin((x + 8 * np.sin(y / 17)) * 0.8)
    page = np.minimum(page, PAPER - rng.uniform(25, 90) * (waves > 0.9))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def noisy(pen: Pen, rng: np.random.Generator) -> Composed:
    """Grain of up to a third of the ink's contrast."""
    number, height = pen.number(2, 6), rng.uniform(30, 80)
    page = inked(padded(pen.row(number, height, gap=0.2), 30), ink=90, paper=200)
    return Composed(levels(grained(page, rng, rng.uniform(10, 36))), (number,))


@category
def blurry(pen: Pen, rng: np.random.Generator) -> Composed:
    """Out of focus, by up to a tenth of a digit's height."""
    number, height = pen.number(2, 6), rng.uniform(40, 90)
    page = inked(padded(pen.row(number, height, gap=0.25), round(0.6 * height)))
    page = blurred(page, rng.uniform(0.03, 0.09) * height)
    return Composed(levels(grained(page, rng, 2)), (number,))


@category
def faint(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ink that hardly differs from its paper."""
    number, height = pen.number(2, 6), rng.uniform(40, 80)
    contrast = rng.uniform(12, 40)
    page = inked(padded(pen.row(number, height, gap=0.2), 30), ink=220 - contrast, paper=220)
    return Composed(levels(grained(page, rng, contrast / 12)), (number,))


@category
def coloured(pen: Pen, rng: np.random.Generator) -> Composed:
    """Ink and paper of any two colours, also of the same brightness."""
    number, height = pen.number(2, 6), rng.uniform(40, 80)
    amounts = padded(pen.row(number, height, gap=0.2), 30)[..., None]
    colours = [
        ((250, 235, 120), (30, 40, 160)),
        ((60, 80, 190), (210, 50, 60)),
        ((120, 170, 90), (240, 140, 30)),
        ((30, 80, 60), (220, 225, 210)),
        ((200, 200, 200), (240, 180, 190)),
        ((150, 150, 150), (190, 130, 150)),
    ]
    paper, ink = (np.array(colour) for colour in colours[int(rng.integers(len(colours)))])
    page = paper * (1 - amounts) + ink * amounts
    return Composed(levels(page + rng.normal(0, 3, page.shape)), (number,))


@category
def on_table(pen: Pen, rng: np.random.Generator) -> Composed:
    """A sheet of paper on a table, seen askew."""
    number = pen.number(3, 6)
    row = inked(padded(pen.row(number, 50, gap=0.25), int(rng.integers(35, 60))))
    tall, wide = row.shape
    around = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
    room = rng.uniform(20, 90, 2)
    corners = around + room + rng.uniform(-12, 12, (4, 2))
    size = round(tall + 2 * room[1]), round(wide + 2 * room[0])
    view = cv2.getPerspectiveTransform(around, corners.astype(np.float32))
    table = rng.normal(float(rng.choice([20, 60, 110])), 40, size).astype(np.float32)
    table = blurred(table, 2)
    is_page = cv2.warpPerspective(np.ones_like(row), view, size[::-1]) > 0
    table[is_page] = cv2.warpPerspective(row, view, size[::-1])[is_page]
    return Composed(levels(grained(table, rng, 3)), (number,))


@category
def dotted(pen: Pen, rng: np.random.Generator) -> Composed:
    """Dots, commas and dashes between digits."""
    number, height = pen.number(3, 6), rng.uniform(40, 70)
    parts = [pen.row(digit, height) for digit in number]
    gap = round(0.45 * height)
    page = np.zeros(
        (round(height) + 80, sum(part.shape[1] + gap for part in parts) + 80), np.float32
    )
    left = 40
    for part in parts:
        page[40 : 40 + part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1]
        x, base = left + gap // 2, 40 + round(height)
        kind = rng.integers(4)
        if kind == 0:
            cv2.circle(page, (x, base - 3), round(0.05 * height), 1.0, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.line(page, (x, base - 4), (x - 4, base + round(0.12 * height)), 1.0, 3, cv2.LINE_AA)
        elif kind == 2:
            middle, half = base - round(height / 2), round(0.13 * height)
            cv2.line(page, (x - half, middle), (x + half, middle), 1.0, 4, cv2.LINE_AA)
        left += gap
    return Composed(levels(grained(inked(page), rng, 3)), (number,))


@category
def specked(pen: Pen, rng: np.random.Generator) -> Composed:
    """Dirt around the number."""
    number, height = pen.number(2, 6), rng.uniform(45, 80)
    page = inked(padded(pen.row(number, height, gap=0.2), 40))
    bare = cv2.erode((page > 230).astype(np.uint8), np.ones((15, 15), np.uint8))
    for _ in range(int(rng.integers(3, 12))):
        y, x = (int(rng.integers(side)) for side in page.shape)
        if bare[y, x]:
            cv2.circle(page, (x, y), int(rng.integers(1, 5)), 60, -1, cv2.LINE_AA)
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def thin(pen: Pen, rng: np.random.Generator) -> Composed:
    """Strokes of a fine pen."""
    number, height = pen.number(2, 6), rng.uniform(60, 120)
    page = inked(padded(pen.row(number, height, gap=0.2, weight=0.62), 30))
    return Composed(levels(grained(page, rng, 3)), (number,))


@category
def thick(pen: Pen, rng: np.random.Generator) -> Composed:
    """Strokes of a marker."""
    number, height = pen.number(1, 5), rng.uniform(40, 100)
    row = pen.row(number, height, gap=0.35)
    width = round(rng.uniform(0.03, 0.1) * height)
    row = cv2.dilate(padded(row, 20), np.ones((width, width), np.uint8))
    return Composed(levels(grained(inked(np.asarray(row, np.float32)), rng, 3)), (number,))


@category
def broken(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits whose strokes are parted by level scratches."""
    number, height = pen.number(2, 5), rng.uniform(45, 80)
    row = padded(pen.row(number, height, gap=0.25), 30)
    for _ in range(int(rng.integers(1, 3))):
        y = 30 + int(rng.uniform(0.15, 0.85) * height)
        row[y : y + int(rng.integers(2, 5))] = 0
    return Composed(levels(grained(inked(row), rng, 3)), (number,))


@category
def wide(pen: Pen, rng: np.random.Generator) -> Composed:
    """Digits wider than high."""
    number, height = pen.number(2, 5), rng.uniform(35, 60)
    row = padded(pen.row(number, height, gap=0.2), 20)
    factor = rng.uniform(1.4, 2.2)
    row = cv2.resize(row, None, fx=factor, fy=1, interpolation=cv2.INTER_LINEAR)
    return Composed(levels(grained(inked(np.asarray(row, np.float32)), rng, 3)), (number,))


@category
def drawings(pen: Pen, rng: np.random.Generator) -> Composed:
    """Drawn on the plain canvas of a program: no grain, no light."""
    number, height = pen.number(1, 5), rng.uniform(30, 100)
    row = pen.row(number, height, gap=rng.uniform(0, 0.3), weight=rng.uniform(0.8, 1.6))
    ink, paper = (255, 0) if rng.integers(2) else (0, 255)
    return Composed(
        levels(inked(padded(row, int(rng.integers(5, 60))), ink=ink, paper=paper)), (number,)
    )


@category
def small_pictures(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit in a square of 16 to 32 pixels."""
    digit, side = pen.number(1, 1), int(rng.integers(16, 33))
    own = pen.digit(digit, rng.uniform(0.6, 0.8) * side)[:, : side - 2]
    canvas = np.zeros((side, side), np.float32)
    y, x = (int(rng.integers(0, side - n + 1)) for n in own.shape)
    canvas[y : y + own.shape[0], x : x + own.shape[1]] = own
    page = inked(canvas, ink=60, paper=210) if rng.integers(2) else inked(canvas, ink=230, paper=20)
    return Composed(levels(grained(page, rng, 3)), (digit,))


@category
def glyphs(pen: Pen, rng: np.random.Generator) -> Composed:
    """MNIST's own images."""
    images, of_digits = mnist_test()
    digit = pen.number(1, 1)
    return Composed(images[int(rng.choice(of_digits[int(digit)]))], (digit,), is_single=True)


@category
def low_pictures(pen: Pen, rng: np.random.Generator) -> Composed:
    """Rows in pictures of 20 to 50 pixels in height."""
    number, height = pen.number(2, 6), rng.uniform(14, 36)
    page = inked(padded(pen.row(number, height, gap=0.2), int(rng.integers(3, 8))))
    return Composed(levels(grained(page, rng, 3)), (number,))


def _cell(pen: Pen, digit: str, side: int, height: float) -> Float32[np.ndarray, "h w"]:
    """One digit near the middle of a square."""
    own = pen.digit(digit, height)[:, : side - 2]
    canvas = np.zeros((side, side), np.float32)
    y, x = (round((side - n) / 2 + pen.rng.uniform(-0.05, 0.05) * side) for n in own.shape)
    y, x = max(0, y), max(0, x)
    canvas[y : y + own.shape[0], x : x + own.shape[1]] = own[: side - y, : side - x]
    return inked(canvas)


@category
def cells(pen: Pen, rng: np.random.Generator) -> Composed:
    """Cells cut out of a printed grid, with its lines at some edges."""
    digit, side = pen.number(1, 1), int(rng.integers(50, 100))
    page = _cell(pen, digit, side, rng.uniform(0.5, 0.65) * side)
    for edge in range(4):
        if rng.integers(2):
            lines, at = (page if edge < 2 else page.T), int(rng.integers(0, 5))
            line = slice(at, at + 3) if edge % 2 else slice(side - at - 3, side - at)
            lines[line] = np.minimum(lines[line], 70)
    return Composed(levels(grained(page, rng, 4)), (digit,), is_single=True)


@category
def neighbours(pen: Pen, rng: np.random.Generator) -> Composed:
    """A digit cut out of a row, with parts of those beside it."""
    before, digit, after = list(pen.number(3, 3))
    height = rng.uniform(35, 60)
    own = [pen.digit(each, height) for each in (before, digit, after)]
    side = round(1.4 * height)
    page = np.zeros((side, side), np.float32)
    top, left = round(0.2 * height), (side - own[1].shape[1]) // 2
    left = max(0, left)
    for amounts, x in (
        (own[1], left),
        (own[0], left - own[0].shape[1] - round(rng.uniform(0.1, 0.2) * height)),
        (own[2], left + own[1].shape[1] + round(rng.uniform(0.1, 0.2) * height)),
    ):
        low, high = max(0, x), min(side, x + amounts.shape[1])
        if low < high:
            page[top : top + amounts.shape[0], low:high] = np.maximum(
                page[top : top + amounts.shape[0], low:high], amounts[:, low - x : high - x]
            )
    return Composed(levels(grained(inked(page), rng, 4)), (digit,), is_single=True)


@category
def singles(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit on paper, anywhere and of any size, with dirt and in shadow."""
    digit, side = pen.number(1, 1), int(rng.integers(40, 120))
    page = _cell(pen, digit, side, rng.uniform(0.35, 0.8) * side)
    for _ in range(int(rng.integers(0, 4))):
        y, x = (int(rng.integers(side)) for _ in range(2))
        cv2.circle(page, (x, y), int(rng.integers(1, 3)), 60, -1)
    if rng.integers(2):
        page[:, int(rng.uniform(0.3, 0.7) * side) :] *= 0.5
    page = 255 - page if rng.integers(2) else page
    return Composed(levels(grained(page, rng, 5)), (digit,), is_single=True)


@category
def broken_singles(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit, parted by a level or an upright scratch."""
    digit, side = pen.number(1, 1), int(rng.integers(50, 100))
    page = _cell(pen, digit, side, 0.65 * side)
    at, width = int(rng.uniform(0.3, 0.7) * side), int(rng.integers(2, 5))
    lines = page if rng.integers(2) else page.T
    lines[at : at + width] = PAPER
    return Composed(levels(grained(page, rng, 4)), (digit,), is_single=True)


@category
def boxed_singles(pen: Pen, rng: np.random.Generator) -> Composed:
    """One digit in a box."""
    digit, side = pen.number(1, 1), int(rng.integers(60, 110))
    page = _cell(pen, digit, side, rng.uniform(0.4, 0.6) * side)
    at = int(rng.integers(1, max(2, side // 9)))
    line, ink = int(rng.integers(1, 5)), float(rng.choice([30, 90, 150]))
    cv2.rectangle(page, (at, at), (side - 1 - at, side - 1 - at), ink, line)
    return Composed(levels(grained(page, rng, 4)), (digit,), is_single=True)


@category
def blank(pen: Pen, rng: np.random.Generator) -> Composed:
    """Paper without anything on it."""
    page = np.full((int(rng.integers(100, 200)), 200), rng.uniform(60, 240), np.float32)
    light = np.linspace(1, rng.uniform(0.7, 1), 200, dtype=np.float32)
    return Composed(levels(grained(page * light, rng, rng.uniform(1, 8))), ())
