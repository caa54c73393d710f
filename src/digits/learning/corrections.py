"""Corrections: labelled pictures, in folders by label, and what the networks see of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from digits.data.cropping import LeftOut
from digits.data.custom import find_labelled
from digits.data.labelled import LabelledPicture
from digits.errors import DigitsError, InvalidInput
from digits.learning.likelihood import split_number
from digits.reading.ink import (
    Ink,
    LineImage,
    LineView,
    Picture,
    TooManyMarks,
    hypotheses,
    open_picture,
)
from digits.reading.line_network import LineNetwork
from digits.reading.line_reader import cut_out_lines, cut_out_words
from digits.reading.line_views import LINE_VIEWS
from digits.reading.model_folder import Networks
from digits.reading.network import Network
from digits.reading.scoring import digits_of
from digits.reading.single_reader import Single, frame_hypotheses

MOST_WORDS = 12
"""Limit on time: most words of a picture to which its number is given word by word."""

NO_GLYPHS = np.zeros((0, 28, 28), np.uint8)

NOTHING_WRITTEN = "there is no ink to learn from"


@dataclass(frozen=True)
class ViewAmounts:
    """Amounts of the views in which the words of a correction are seen; drawn evenly.

    Source: as wide as the views of reading, `reading.line_views`.
    """

    num_views: int = 16
    """Number of views of each word, 1 to 100."""
    size: tuple[float, float] = (0.86, 1.15)
    """Least and greatest height of its digits, in usual heights; 0.5 to 1.5."""
    stretch: tuple[float, float] = (0.85, 1.17)
    """Least and greatest width of its digits, as a part of their width; 0.5 to 2."""
    shear: tuple[float, float] = (-0.2, 0.2)
    """Least and greatest shift to the side for each pixel down; -0.5 to 0.5."""
    part_ruled: float = 0.5
    """Part of the views in which ruled lines are seen, too; 0 to 1."""


AMOUNTS = ViewAmounts()


class LabelledWord(NamedTuple):
    """A word of a picture as the line network sees it, and the digits that stand there."""

    images: list[UInt8[np.ndarray, "40 _"]]
    digits: str


@dataclass(frozen=True, eq=False)  # == of arrays is elementwise.
class Correction:
    """A labelled picture, and what the networks see of it."""

    name: str
    """Where it is in its folder."""
    source: Path | UInt8[np.ndarray, "..."]
    """The file, or the pixels."""
    number: str
    """The digits that stand on it."""
    glyphs: UInt8[np.ndarray, "n 28 28"]
    """The ways in which the network of glyphs sees its digit; none if there are several digits."""
    words: list[LabelledWord]
    """Its words; none if no word was found."""


def read_corrections(
    folder: Path, networks: Networks, *, seed: int
) -> tuple[list[Correction], list[LeftOut]]:
    """Read the corrections in a folder, as the networks will see them.

    Of several ways to see a picture's ink, the one is taken in which its label is likeliest.

    Args:
        folder: Labelled pictures, as `digits.data.custom.find_labelled` takes them; each label is
            one digit, or several.
        networks: The networks that are going to learn.
        seed: Seed of the views in which words are seen.

    Returns:
        The corrections, and the pictures that were left out.

    Raises:
        InvalidInput: If there are no pictures, a label is no number, or nothing is left.
    """
    labelled, left_out = _without_copies(find_labelled(folder).pictures)
    numbers = [digits_of(each.label) for each in labelled]
    random = np.random.default_rng(seed)
    corrections: list[Correction] = []
    for each, number in zip(labelled, numbers, strict=True):
        try:
            corrections.append(_see(each, number, networks, random))
        except DigitsError as error:
            left_out.append(LeftOut(each.name, str(error)))
    if not corrections:
        first = left_out[0]
        raise InvalidInput(
            f"{folder}: expected pictures to learn from, found {len(left_out)}, none of which can "
            f"be used; the first is {first.name}: {first.reason}"
        )
    return corrections, left_out


def _without_copies(
    labelled: list[LabelledPicture],
) -> tuple[list[LabelledPicture], list[LeftOut]]:
    """Take each picture once: of copies the last by name, as names of corrections tell the time."""
    last: dict[bytes, LabelledPicture] = {}
    keys = [_key(each) for each in labelled]
    for each, key in zip(labelled, keys, strict=True):
        if key not in last or Path(each.name).name >= Path(last[key].name).name:
            last[key] = each
    left_out = [
        LeftOut(each.name, f"It is a copy of {last[key].name}.")
        for each, key in zip(labelled, keys, strict=True)
        if last[key] is not each
    ]
    return list(last.values()), left_out


def _key(labelled: LabelledPicture) -> bytes:
    """Digest of what a picture is; of one that can't be read, that is told later, its name."""
    source = labelled.source
    try:
        content = source.read_bytes() if isinstance(source, Path) else source.tobytes()
    except OSError:
        content = labelled.name.encode(errors="surrogateescape")
    return hashlib.sha256(content).digest()


def _see(
    labelled: LabelledPicture, number: str, networks: Networks, random: np.random.Generator
) -> Correction:
    """See a picture as each of the networks will.

    Raises:
        DigitsError: If it can't be read, or there is nothing on it.
    """
    picture = open_picture(labelled.source)
    is_single = len(number) == 1
    singles = frame_hypotheses(picture) if is_single else []
    seen = see_glyph(singles, int(number), networks.glyphs) if is_single else NO_GLYPHS
    words = see_words(picture, number, networks.lines, random)
    if not len(seen) and not words:
        raise InvalidInput(NOTHING_WRITTEN)
    return Correction(labelled.name, labelled.source, number, seen, words)


def see_glyph(singles: list[Single], label: int, network: Network) -> UInt8[np.ndarray, "n 28 28"]:
    """See a picture's one digit by the likelier polarity of its ink, in all ways to frame it.

    Args:
        singles: The digit by each hypothesis about the picture's ink.
        label: The digit.
        network: The network that tells which polarity is likelier.
    """
    inked = [single for single in singles if single.glyph.pixels.any()]
    if not inked:
        return NO_GLYPHS
    framed = network.probabilities(np.stack([single.glyph.pixels for single in inked]))
    is_dark = inked[int(framed[:, label].argmax())].ink.is_dark
    return np.stack(
        [
            image
            for single in inked
            if single.ink.is_dark == is_dark
            for image in (single.glyph.pixels, *single.wholes)
        ]
    )


def see_words(
    picture: Picture, number: str, network: LineNetwork, random: np.random.Generator
) -> list[LabelledWord]:
    """See a picture's words by the hypothesis about its ink in which its number is likeliest."""
    best: tuple[float, list[str], Way, Ink] | None = None
    for ink in (hypothesis.ink for hypothesis in hypotheses(picture.grey)):
        for way in WAYS:
            words = _pixels(way(ink, LINE_VIEWS.views()))
            if 0 < len(words) <= MOST_WORDS:
                likelihood, digits = split_number(number, [network.columns(w) for w in words])
                if best is None or likelihood > best[0]:
                    best = likelihood, digits, way, ink
    if best is None:
        return []
    _, digits, way, ink = best
    words = _pixels(way(ink, _draw_views(random)))
    return [LabelledWord(*pair) for pair in zip(words, digits, strict=True)]


def _as_words(ink: Ink, views: list[LineView]) -> list[list[LineImage]]:
    """Cut out the words of some ink; none where there is too much for reading."""
    try:
        return cut_out_words(ink, views)
    except TooManyMarks:
        return []


def _as_line(ink: Ink, views: list[LineView]) -> list[list[LineImage]]:
    """Cut out some ink as one word."""
    return cut_out_lines(ink, views)[:1]


Way = Callable[[Ink, list[LineView]], list[list[LineImage]]]
WAYS: tuple[Way, ...] = (_as_words, _as_line)
"""Ways to part a picture's ink into words, as reading has them."""


def _pixels(words: list[list[LineImage]]) -> list[list[UInt8[np.ndarray, "40 _"]]]:
    return [[image.pixels for image in images] for images in words]


def _draw_views(random: np.random.Generator) -> list[LineView]:
    """Draw views to see words in; the first is the usual one."""
    drawn = [
        LineView(
            size=random.uniform(*AMOUNTS.size),
            stretch=random.uniform(*AMOUNTS.stretch),
            shear=random.uniform(*AMOUNTS.shear),
            is_ruled=bool(random.random() < AMOUNTS.part_ruled),
        )
        for _ in range(AMOUNTS.num_views - 1)
    ]
    return [LineView(), *drawn]
