"""A pen that writes numbers with MNIST's test digits, and paper, light and cameras for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

import digits
from tests.reading.drawings import INK, PAPER

Amounts = Float32[np.ndarray, "h w"]
Picture = UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Composed:
    """A picture, and what stands on it."""

    picture: Picture
    lines: tuple[str, ...]
    """Its text, a string a line, with a space between words."""
    is_single: bool = False
    """Whether it is one digit, cut out: for `read_glyphs`."""


@cache
def mnist_test() -> tuple[UInt8[np.ndarray, "n 28 28"], tuple[tuple[int, ...], ...]]:
    """MNIST's test images, and of each digit which they are."""
    test = digits.load("mnist").test
    labels = test.labels.numpy()
    of_digits = tuple(tuple(np.flatnonzero(labels == digit).tolist()) for digit in range(10))
    return test.images.numpy(), of_digits


class Pen:
    """Writes numbers with MNIST's test digits, drawn by a random generator.

    Args:
        rng: Draws which of the images are taken.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def number(self, low: int = 1, high: int = 8, *, of: str = "0123456789") -> str:
        """A number of `low` to `high` digits."""
        return "".join(self.rng.choice(list(of), int(self.rng.integers(low, high + 1))))

    def digit(
        self, digit: str, height: float, *, slant: float = 0.0, weight: float = 1.0
    ) -> Amounts:
        """One digit, `height` pixels high, as amounts of ink from 0 to 1, without any margin.

        Args:
            digit: Which.
            height: Of its ink, in pixels.
            slant: Pixels to the right for each pixel up.
            weight: Above 1 makes strokes wider, below narrower.
        """
        images, of_digits = mnist_test()
        image = images[int(self.rng.choice(of_digits[int(digit)]))]
        _, top, _, tall = cv2.boundingRect((image > 100).astype(np.uint8))
        factor = height / tall
        side = round(34 * factor)
        shear = np.array(
            [
                [factor, -slant * factor, 3 * factor + slant * factor * 14],
                [0, factor, 3 * factor],
            ],
            np.float32,
        )
        large = cv2.warpAffine(image, shear, (side + round(abs(slant) * side), side),
                               flags=cv2.INTER_CUBIC)  # fmt: skip
        # Enlarged, its edges are as sharp as those of a pen.
        sharp = max(1.0, factor / 1.5)
        amounts = np.clip((large / 255 - 0.5 / weight) * sharp + 0.5, 0, 1)
        left, top, wide, tall = cv2.boundingRect((amounts > 0.5).astype(np.uint8))
        return np.asarray(amounts[top : top + tall, left : left + wide], np.float32)

    def row(
        self,
        number: str,
        height: float,
        *,
        gap: float = 0.25,
        slant: float = 0.0,
        slope: float = 0.0,
        weight: float = 1.0,
        sizes: Sequence[float] | None = None,
        at_middle: bool = False,
    ) -> Amounts:
        """A number as amounts of ink, without any margin.

        Args:
            number: Its digits.
            height: Of a digit, in pixels.
            gap: Free columns between two digits, in heights; where it is 0 or less, they are moved
                towards each other until their ink touches, and then overlaps by so much.
            slant: Of each digit, in pixels to the right for each pixel up.
            slope: By which the row falls, in degrees.
            weight: Of strokes.
            sizes: Height of each digit, in heights.
            at_middle: Whether small digits stand in the middle of the row, not on its base.
        """
        sizes = sizes or [1.0] * len(number)
        own = [
            self.digit(digit, height * size, slant=slant, weight=weight)
            for digit, size in zip(number, sizes, strict=True)
        ]
        fall = np.tan(np.radians(slope))
        room = round(abs(fall) * sum(a.shape[1] + height for a in own)) + 4
        tallest = max(a.shape[0] for a in own)
        width = sum(a.shape[1] + round(abs(gap) * height) + 4 for a in own)
        canvas = np.zeros((tallest + 2 * room, width), np.float32)
        right = 0
        for index, amounts in enumerate(own):
            tall, wide = amounts.shape
            lift = (tallest - tall) // 2 if at_middle else 0
            left = right + round(gap * height) if index else 0
            top = room + tallest - tall - lift + round(fall * (left - (canvas.shape[1] / 2)))
            top = min(max(top, 0), canvas.shape[0] - tall)
            if index and gap <= 0:
                left = right - _depth_of_touch(canvas[top : top + tall, :right], amounts)
                left += round(gap * height)
            part = canvas[top : top + tall, left : left + wide]
            np.maximum(part, amounts[:, : part.shape[1]], out=part)
            right = max(right, left + wide)
        left, top, wide, tall = cv2.boundingRect((canvas > 0).astype(np.uint8))
        return canvas[top : top + tall, left : left + wide]


def _depth_of_touch(before: Amounts, after: Amounts) -> int:
    """How many columns a digit may be moved to the left until it touches what stands there."""
    free_before = np.where((before > 0.5).any(axis=1), (before > 0.5)[:, ::-1].argmax(axis=1), 999)
    free_after = np.where((after > 0.5).any(axis=1), (after > 0.5).argmax(axis=1), 999)
    # Neighbouring lines touch, too.
    near = np.minimum.reduce([np.roll(free_after, shift) for shift in (-1, 0, 1)])
    return int(min((free_before + near).min(), after.shape[1] // 2))


def place(amounts: Sequence[tuple[Amounts, int, int]], size: tuple[int, int]) -> Amounts:
    """Rows on one page: each with its left and top; size: height and width."""
    page = np.zeros(size, np.float32)
    for own, left, top in amounts:
        part = page[top : top + own.shape[0], left : left + own.shape[1]]
        np.maximum(part, own[: part.shape[0], : part.shape[1]], out=part)
    return page


def padded(amounts: Amounts, margin: int | tuple[int, int, int, int]) -> Amounts:
    """With so much paper around: all around, or above, below, left, right."""
    top, bottom, left, right = (margin,) * 4 if isinstance(margin, int) else margin
    return np.pad(amounts, ((top, bottom), (left, right)))


def inked(
    amounts: Amounts, *, ink: float = INK, paper: float = PAPER
) -> Float32[np.ndarray, "h w"]:
    """Amounts of ink as grey levels."""
    return np.asarray(paper + (ink - paper) * amounts, np.float32)


def levels(grey: Float[np.ndarray, "h w"] | Float[np.ndarray, "h w 3"]) -> Picture:
    """What a camera makes of brightness."""
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def grained(
    grey: Float[np.ndarray, "h w"], rng: np.random.Generator, deviation: float
) -> Float32[np.ndarray, "h w"]:
    """With the noise of a sensor."""
    return np.asarray(grey + rng.normal(0, deviation, grey.shape), np.float32)


def blurred(grey: Float32[np.ndarray, "h w"], sigma: float) -> Float32[np.ndarray, "h w"]:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)


def turned(grey: Float32[np.ndarray, "h w"], degrees: float) -> Float32[np.ndarray, "h2 w2"]:
    """Turn a page against the clock, with paper around it."""
    height, width = grey.shape
    a = np.radians(abs(degrees))
    tall = round(height * np.cos(a) + width * np.sin(a)) + 4
    wide = round(width * np.cos(a) + height * np.sin(a)) + 4
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += (wide - width) / 2, (tall - height) / 2
    return np.asarray(cv2.warpAffine(grey, turn, (wide, tall), borderValue=PAPER), np.float32)


Maker = Callable[[Pen, np.random.Generator], Composed]
"""Makes a picture of a category: the same one of the same generator."""
