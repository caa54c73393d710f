"""Draw the figures of docs/concepts, in light and dark: a page being read, confidence and errors.

    python benchmarks/concept_pictures.py

The page is made here: digits of MNIST's test set on lined paper under a lamp, two of which touch,
one of which nobody can tell, and a letter.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np
import torch
from composed_rows import tight
from jaxtyping import Float32, UInt8
from matplotlib.figure import Figure
from pictures import IMAGES
from PIL import Image
from PIL.ImageColor import getrgb

import digits
from digits import plots
from digits.evaluation.metrics import Reliability, RiskCoverage, reliability, risk_coverage
from digits.evaluation.prediction import predict
from digits.files import write_atomic
from digits.plots.colours import palette
from digits.plots.readings import explanation
from digits.reading.ctc import log_likelihoods
from digits.reading.decode import propose
from digits.reading.ink import Ink, LineImage, erase_ruled_lines, find_lines, hypotheses
from digits.reading.ink.binarization import binarize
from digits.reading.ink.shadows import binarize_under_shadows
from digits.reading.line_network import Columns, LineNetwork
from digits.reading.line_reader import cut_out_words
from digits.reading.line_views import LINE_VIEWS
from digits.reading.symbols import SYMBOLS
from digits.training.composition.letters import LETTERS
from digits.training.composition.strokes import to_ink
from digits.weights import pretrained_run

WIDTH_INCHES = 4.0
"""Width of these figures, whose letters are as large on a phone as its own."""

WIDTH, HEIGHT = 760, 400
"""Size of the page, in pixels."""

DIGIT, RULE, PEN = 92, 78, 5
"""Height of a digit, distance of the ruled lines, and width of the pen, in pixels."""

PAPER, INK, RULED = 232, 52, 110
"""Grey levels of paper, ink and ruled lines, in full light."""

FIRST, SECOND = ((24, 4), (55, 0), (76, 3), (14, 1), (52, 5), (62, 9)), ((84, 8), (22, 6))
"""Digits of both lines: the place of an image of MNIST's test set, and its label."""

NUM_GREYS, NUM_COLOURS, GREYISH = 52, 24, 6
"""Greys and colours of a file, and how far the channels of a grey differ at most, in levels."""

UNCLEAR = 8527
"""Place of the last digit of the second line in the test set, where it bears the label 4."""

VIEWS = (
    "as it is", "smaller, ruled lines seen", "larger", "narrower, ruled lines seen", "wider",
    "leaning, ruled lines seen", "leaning the other way",
)  # fmt: skip
"""What is changed in each view."""


class Seen(NamedTuple):
    """What the line network makes of a word in all its views."""

    images: list[LineImage]
    columns: list[Columns]
    readings: dict[str, list[float]]
    """Probability of each reading in each view; the likeliest on average first."""


def make_page() -> UInt8[np.ndarray, "h w"]:
    """Make the page."""
    ink = np.zeros((HEIGHT, WIDTH), np.float32)
    left = 70
    for (place, _), gap in zip(FIRST, (0, 20, 14, 24, 40, -6), strict=True):
        left = _write(ink, _digit(place), left + gap, 168)
    left = 70
    for place, gap in zip((*(place for place, _ in SECOND), UNCLEAR), (0, 22, 30), strict=True):
        left = _write(ink, _digit(place), left + gap, 324)
    letter, _, _ = to_ink(LETTERS["k"], DIGIT, 11)
    _write(ink, letter, left + 70, 324)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    rules = np.clip(1.6 - np.abs((y + 8) % RULE - RULE / 2), 0, 1)
    sheet = PAPER - (PAPER - RULED) * rules
    sheet -= (sheet - INK) * cv2.GaussianBlur(ink, (0, 0), 0.8)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 1.5, 1.06)
    sheet = cv2.warpAffine(sheet, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    light = 1 / (1 + 3 * ((x / WIDTH - 0.7) ** 2 + ((y - 0.2 * HEIGHT) / WIDTH) ** 2))
    grain = np.random.default_rng(0).normal(0, 0.4, sheet.shape)
    return np.asarray(np.clip(sheet * light + grain, 0, 255), np.uint8)


def see_word(ink: Ink, network: LineNetwork, place: int) -> Seen:
    """See a word of some ink in all views, and compute how likely its readings are in each."""
    views = LINE_VIEWS.views()
    word = cut_out_words(ink, views)[place]
    # As they are cut out without ruled lines first; here they stand in the views' own order.
    order = sorted(range(len(views)), key=lambda index: views[index].is_ruled)
    images = [image for _, image in sorted(zip(order, word, strict=True), key=lambda one: one[0])]
    columns = network.columns([image.pixels for image in images])
    proposals = sorted(set.union(*map(propose, columns)))
    found: dict[str, list[float]] = {}
    for reading in proposals:
        text = "".join(SYMBOLS[symbol - 1] for symbol in reading)
        found[text] = [
            float(np.exp(log_likelihoods(one.log_probabilities[None], [reading])[0, 0]))
            for one in columns
        ]
    ordered = sorted(found.items(), key=lambda item: -np.mean(item[1]))
    return Seen(images, columns, dict(ordered))


def of_ink(mask: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """Draw ink black on white."""
    return np.where(mask, 0, 255).astype(np.uint8)


def draw_picture(page: UInt8[np.ndarray, "h w"]) -> Figure:
    """Draw the page, and pixels of it."""
    part = page[84:116, 120:180]
    return _pictures([page, part], ["the page, in grey levels", "60 × 32 pixels of it"])


def draw_hypotheses(page: UInt8[np.ndarray, "h w"]) -> Figure:
    """Draw the ink of the page by three hypotheses."""
    dark = binarize(page)
    narrow = binarize_under_shadows(page, dark)
    inks = [
        dark.mask,
        binarize(page, dark=False).mask,
        dark.mask if narrow is None else narrow.mask,
    ]
    return _pictures(
        list(map(of_ink, inks)), ["darker than its paper", "lighter", "narrower than its paper"]
    )


def draw_light(page: UInt8[np.ndarray, "h w"], ink: Ink) -> Figure:
    """Draw how the light is taken away."""
    paper = np.clip(page + ink.contrast, 0, 255)
    contrast = np.clip(255 - 255 * ink.contrast / ink.level, 0, 255)
    return _pictures(
        [page, paper, contrast, of_ink(ink.mask)],
        ["the page", "its paper alone", "the difference", "what is strong: ink"],
    )


def draw_rules(ink: Ink, unruled: Ink) -> Figure:
    """Draw what is erased as ruled lines, and what is left."""
    masks = [ink.mask & ~unruled.mask, unruled.mask]
    return _pictures(list(map(of_ink, masks)), ["ruled lines", "what is left"])


def draw_views(seen: Seen) -> Figure:
    """Draw a word in its views."""
    return _pictures([image.pixels for image in seen.images], VIEWS)


def measure_balanced() -> tuple[tuple[Reliability, Reliability], RiskCoverage]:
    """Measure how sure `balanced` is of MNIST's test digits, at its temperature and at 1."""
    run, test = pretrained_run("balanced"), digits.load("mnist").test
    logits = predict(run.model, test.images, device="cpu", precision="float32")
    after, before = (
        (logits / temperature).softmax(dim=1) for temperature in (run.temperature or 1.0, 1.0)
    )
    bins = reliability(after, test.labels), reliability(before, test.labels)
    return bins, risk_coverage(after, test.labels)


def small_png(figure: Figure) -> bytes:
    """Render a figure as PNG with the palette in use, greys for photos, and shades of its own."""
    buffer = BytesIO()
    with Image.open(BytesIO(plots.to_png(figure))) as image:
        pixels = np.asarray(image.convert("RGB"))
    is_colour = np.ptp(pixels, axis=2) > GREYISH
    shades = Image.fromarray(pixels[is_colour][None]).quantize(NUM_COLOURS).getpalette() or []
    greys = np.linspace(0, 255, NUM_GREYS).astype(int).repeat(3).tolist()
    named = [part for colour in astuple(palette()) for part in getrgb(colour)]
    table = np.array(named + greys + shades).reshape(-1, 3)
    # The nearest exactly: Pillow's own choice is a few levels off, also of white.
    codes, place = np.unique(pixels @ np.array([65536, 256, 1]), return_inverse=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    nearest = np.square(colours[:, None] - table).sum(axis=2).argmin(axis=1).astype(np.uint8)
    few = Image.fromarray(nearest[place].reshape(is_colour.shape), mode="P")
    few.putpalette(table.ravel().tolist())
    few.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _pictures(images: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    return plots.pictures(images, titles, num_columns=2, width_inches=WIDTH_INCHES)


def _digit(place: int) -> Float32[np.ndarray, "h w"]:
    """Cut out a digit of MNIST's test set, as high as others, with a pen's sharp edges."""
    image = tight(digits.load("mnist").test.images[place].numpy())
    factor = DIGIT / 20
    large = cv2.resize(
        image.astype(np.float32) / 255, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC
    )
    smooth = cv2.GaussianBlur(large, (0, 0), factor / 2.5)
    return np.asarray(np.clip((smooth - 0.3) / 0.3, 0, 1), np.float32)


def _write(
    ink: Float32[np.ndarray, "h w"], part: Float32[np.ndarray, "_ _"], left: int, bottom: int
) -> int:
    """Write what was cut out onto a sheet; returns where it ends."""
    height, width = part.shape
    spot = ink[bottom - height : bottom, left : left + width]
    np.maximum(spot, part, out=spot)
    return int(left + width)


def main() -> None:
    torch.set_num_threads(1)
    page = make_page()
    reader = digits.Reader()
    reading = reader.read(page)
    ink = hypotheses(page)[0].ink
    unruled = erase_ruled_lines(ink)
    lines = [[word.corners for word in line] for line in find_lines(unruled)]
    seen = see_word(ink, reader.networks.lines, 0)
    best = np.exp(seen.columns[0].log_probabilities)
    bins, curve = measure_balanced()
    figures: dict[str, Callable[[], Figure]] = {
        "stage-picture": partial(draw_picture, page),
        "stage-hypotheses": partial(draw_hypotheses, page),
        "stage-light": partial(draw_light, page, ink),
        "stage-rules": partial(draw_rules, ink, unruled),
        "stage-words": partial(plots.words, page, lines, width_inches=WIDTH_INCHES),
        "stage-views": partial(draw_views, seen),
        "stage-columns": partial(
            plots.columns, seen.images[0].pixels, best, SYMBOLS, width_inches=WIDTH_INCHES
        ),
        "stage-reading": partial(explanation, reading, width_inches=WIDTH_INCHES),
        "reliability": partial(plots.reliability_diagram, *bins, width_inches=WIDTH_INCHES),
        "risk-coverage": partial(plots.risk_coverage_curve, curve, width_inches=WIDTH_INCHES),
    }
    for name, draw in figures.items():
        write_atomic(IMAGES / f"{name}.png", small_png(draw()))
        with plots.dark():
            write_atomic(IMAGES / f"{name}-dark.png", small_png(draw()))


if __name__ == "__main__":
    main()
