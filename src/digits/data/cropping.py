"""Cropping: from labelled pictures of any size and colour to images as networks take them."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from digits.data.catalog import DIGITS
from digits.data.labelled import LabelledPicture, LabelledPictures
from digits.data.progress import print_status
from digits.errors import InvalidInput, OutOfMemory
from digits.extras import MissingExtraError
from digits.reading.ink import SIZE, Picture, open_grey, open_picture
from digits.reading.ink.glyphs import CENTRE
from digits.reading.network import Network
from digits.reading.results import Digit
from digits.reading.single_reader import SingleReader
from digits.reading.tuning import Tuned, number

LARGEST_KEPT = 64
"""Limit on time: side in pixels up to which square images, all of one size, stay as they are."""

NUM_TOGETHER = 16
"""Number of pictures that a thread decodes at once: a limit on memory."""


@dataclass(frozen=True)
class CroppingParameters(Tuned):
    """Tuned number by which images are taken to be framed already."""

    off_centre: float = number(0.75, "pixels", low=0.5, high=1.2)
    """Greatest median distance of the centre of mass from the middle of images that are framed as
    MNIST's. Source: docs/experiments.md, "A set of one's own"."""


CROPPING = CroppingParameters()

MANY = 300
"""Number of pictures from which on it is said that they are worked on."""

NO_INK = "There is no ink on it."
"""Why a picture is left out that has no digit to cut out."""

Opened = TypeVar("Opened")


class LeftOut(NamedTuple):
    """A picture that is not among a set's images."""

    name: str
    reason: str


@dataclass(frozen=True)
class Cropped:
    """Images of labelled pictures, as networks take them."""

    images: UInt8[np.ndarray, "n h w"]
    """Raw pixels; of digits, 255 is ink and 0 is paper. (n, h, w)"""
    kept: Int64[np.ndarray, " n"]
    """Which of the pictures they are of. (n,)"""
    left_out: tuple[LeftOut, ...]
    """The others."""
    crop: str
    """How they were cropped: `ink` or `none`."""
    is_framed: bool
    """Whether they were framed as MNIST's before, and stayed as they were."""
    sizes: Int64[np.ndarray, "n 2"]
    """Height and width of each picture, upright. (n, 2)"""


def crop_pictures(
    found: LabelledPictures, crop: str | None = None, size: int | None = None
) -> Cropped:
    """Make images of labelled pictures.

    Args:
        found: The pictures.
        crop: `ink` cuts the digit out of each and frames it as the reader does, by that hypothesis
            of its ink of which it is read surest; but if all are framed as MNIST's already, they
            stay as they are. `none` takes the whole picture in grey: as it is, if all are of one
            square size of at most 64 pixels; else resized so that its longer side is 28, its aspect
            kept, the rest filled with the grey level of its edge. If not given, it is `ink` for
            digits, and `none` for anything else.
        size: Height and width of the images in pixels, if these are to be others.

    Returns:
        The images, and what was left out: pictures that are damaged, or have no ink to cut out.

    Raises:
        InvalidInput: If none is left; says why of the first.
    """
    pictures = found.pictures
    if len(pictures) >= MANY:
        print_status(f"Looking at {len(pictures):,} pictures in {found.path} …")
    if crop is None:
        crop = "ink" if found.classes == DIGITS else "none"
    is_framed = crop == "ink" and _are_framed(pictures)
    make = _InkCropper() if crop == "ink" and not is_framed else _wholes
    made = list(_in_threads(make, pictures))
    left_out = tuple(
        LeftOut(picture.name, one)
        for picture, one in zip(pictures, made, strict=True)
        if isinstance(one, str)
    )
    kept = [index for index, one in enumerate(made) if not isinstance(one, str)]
    images = [one for one in made if not isinstance(one, str)]
    if not images:
        raise InvalidInput(
            f"{found.path}: expected pictures, found none that can be used: {left_out[0].name}: "
            f"{left_out[0].reason}"
        )
    sides = {one.pixels.shape[0] for one in images}
    squares = all(one.size == one.pixels.shape for one in images)
    side = size or (sides.pop() if len(sides) == 1 and squares else SIZE)
    return Cropped(
        np.stack([_resized(one.pixels, side) for one in images]),
        np.array(kept, np.int64),
        left_out,
        crop,
        is_framed,
        np.array([one.size for one in images], np.int64),
    )


class _Image(NamedTuple):
    """An image that was made of a picture."""

    pixels: UInt8[np.ndarray, "h w"]
    size: tuple[int, int]
    """Height and width of the picture."""


class _InkCropper:
    """Cuts the digit out of pictures, by the glyph network that comes with the package."""

    def __init__(self) -> None:
        self._reader = SingleReader(Network(num_threads=1), threshold=0.0)

    def __call__(self, pictures: Sequence[LabelledPicture]) -> list[_Image | str]:
        opened = [_opened(open_picture, picture) for picture in pictures]
        read = iter(self._reader.read(one for one in opened if not isinstance(one, str)))
        return [one if isinstance(one, str) else _image_of(one, next(read)[0]) for one in opened]


def _image_of(picture: Picture, digit: Digit) -> _Image | str:
    if not digit.glyph.any():
        return NO_INK
    return _Image(digit.glyph, picture.size)


def _wholes(pictures: Sequence[LabelledPicture]) -> list[_Image | str]:
    """Take pictures as a whole: small square ones as they are, of others 28 pixels a side."""
    return [_whole(_opened(open_grey, picture)) for picture in pictures]


def _whole(grey: UInt8[np.ndarray, "h w"] | str) -> _Image | str:
    if isinstance(grey, str):
        return grey
    height, width = grey.shape
    is_small = height == width <= LARGEST_KEPT
    return _Image(grey if is_small else _resized(grey, SIZE), (height, width))


def _resized(grey: UInt8[np.ndarray, "h w"], side: int) -> UInt8[np.ndarray, "s s"]:
    """Resize an image to a square with its aspect kept, on the grey level of its edge."""
    height, width = grey.shape
    if (height, width) == (side, side):
        return grey
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, size, interpolation=method)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    square = np.full((side, side), np.uint8(np.median(edge)))
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _opened(open_one: Callable[[Any], Opened], picture: LabelledPicture) -> Opened | str:
    """Open a picture, or say in a line why it can't be."""
    try:
        return open_one(picture.source)
    except OutOfMemory:
        raise
    except (InvalidInput, MissingExtraError) as error:
        return str(error)


def _are_framed(pictures: Sequence[LabelledPicture]) -> bool:
    """Whether all pictures that can be opened are framed as MNIST's; stops at the first other.

    These are of 28×28 pixels, mostly black, and most have their centre of mass in the middle.
    """
    distances = []
    for picture in pictures:
        grey = _opened(open_grey, picture)
        if isinstance(grey, str):
            continue
        if grey.shape != (SIZE, SIZE) or float(np.median(grey)) >= 128:
            return False
        if not grey.any():
            continue
        mass = cv2.moments(grey)
        x, y = mass["m10"] / mass["m00"], mass["m01"] / mass["m00"]
        distances.append(float(np.hypot(x - CENTRE, y - CENTRE)))
    return bool(distances) and float(np.median(distances)) <= CROPPING.off_centre


def _in_threads(
    make: Callable[[Sequence[LabelledPicture]], list[_Image | str]],
    pictures: Sequence[LabelledPicture],
) -> Iterator[_Image | str]:
    parts = [pictures[at : at + NUM_TOGETHER] for at in range(0, len(pictures), NUM_TOGETHER)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for images in pool.map(make, parts):
            yield from images
