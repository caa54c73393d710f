"""Picture as it is read: upright, without padding, of a limited size, in grey levels."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from digits.errors import InvalidInput
from digits.reading.ink.conversion import STRIP_ROWS, reduce_image, to_8_bits
from digits.reading.ink.errors import damaged
from digits.reading.ink.limits import MAX_SIDE, check_size
from digits.reading.tuning import Tuned, number

SMALL = 32
"""Largest side, in pixels, of a square picture that is taken to show one digit, as in data sets."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601), as Pillow's."""

COLOUR_SIDE = 64
"""Limit on time: side of the thumbnail that shows whether ink differs in colour only, in pixels."""


@dataclass(frozen=True)
class PictureParameters(Tuned):
    """Tuned numbers of what a decoded image becomes to be read."""

    min_side: int = number(84, "pixels", low=28, high=400)
    """Pictures whose shorter side is less are enlarged to it."""
    glyph_bright: float = number(0.75, "part of the pixels", low=0.3, high=1)
    """Bright part of a picture of 28×28 pixels that may be a glyph, at most; else it is paper."""
    dull: float = number(0.2, "standard deviations along the main colour axis", low=0.01, high=0.57)
    """Ink differs in colour only if brightness deviates by less; grey ink on grey has 0.58."""
    colourful: float = number(8.0, "grey levels", low=1, high=60)
    """Standard deviation along the main colour axis, at least, for ink to differ in colour."""
    texture: float = number(8, "grey levels", low=0, high=100)
    """Range of grey levels in a row of pixels, at least, for a copy of it to be padding."""
    plain: float = number(0.85, "part of the rows", low=0.3, high=1)
    """A picture with more rows that copy their neighbour is a drawing, and has no padding."""


PICTURE = PictureParameters()


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright, without padding, and scaled to the size that is read."""

    colour: UInt8[np.ndarray, "h w 3"]
    """Red, green and blue, to show."""
    grey: UInt8[np.ndarray, "h w"]
    """Grey levels, to read."""
    scale: float
    """Pixels of the original for each pixel here."""
    origin: tuple[int, int]
    """Offset of its corner in the original: x, y."""
    is_small: bool
    """Whether it has room for one digit only."""
    glyph: UInt8[np.ndarray, "28 28"] | None
    """The original, if it may be a glyph already: 28×28, and not mostly bright."""
    size: tuple[int, int]
    """Height and width of the original, upright."""
    turns: int = 0
    """Quarter turns anticlockwise by which it was turned to be read: 0 to 3."""

    @property
    def num_pixels(self) -> float:
        """Number of the original's pixels that it shows."""
        return self.grey.size * self.scale**2

    def turned(self, turns: int) -> "Picture":
        """Turn an unturned picture anticlockwise by 1, 2 or 3 quarter turns."""
        colour, grey = np.rot90(self.colour, turns), np.rot90(self.grey, turns)
        return replace(
            self,
            colour=np.ascontiguousarray(colour),
            grey=np.ascontiguousarray(grey),
            turns=turns,
        )

    def shrunk(self, factor: int) -> "Picture":
        """Shrink it by a factor, to see what is larger than its grain."""
        height, width = self.grey.shape
        size = max(1, width // factor), max(1, height // factor)
        colour, grey = (
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            for pixels in (self.colour, self.grey)
        )
        return replace(self, colour=colour, grey=grey, scale=self.scale * width / size[0])

    def to_original(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Map a box (left, top, width, height) from this picture to the original."""
        turned_back = _turned(box, self.grey.shape, -self.turns % 4)
        left, top, width, height = (value * self.scale for value in turned_back)
        return left + self.origin[0], top + self.origin[1], width, height

    def from_original(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Map a box (left, top, width, height) from the original to this picture."""
        left, top, width, height = (value / self.scale for value in box)
        left, top = left - self.origin[0] / self.scale, top - self.origin[1] / self.scale
        shape = self.grey.shape if self.turns % 2 == 0 else self.grey.shape[::-1]
        return _turned((left, top, width, height), shape, self.turns)


def picture_of(image: Image.Image, scale: float = 1.0) -> Picture:
    """Make the picture to read of an image that is upright.

    Args:
        image: The image, of any mode.
        scale: Pixels of the original for each pixel of the image, if it was decoded smaller.

    Raises:
        InvalidInput: If it is too large, or can't be decoded; says why in one line.
    """
    size = round(image.height * scale), round(image.width * scale)
    image, reduction = _reduced_to_8_bits(image)
    scale *= reduction
    grey = np.asarray(image.convert("L"))
    is_small = image.width == image.height <= SMALL
    is_glyph = grey.shape == (28, 28) and float((grey > 127).mean()) < PICTURE.glyph_bright
    left, top, right, bottom = _without_padding(grey)
    if (right - left, bottom - top) != image.size:  # a crop of the whole would copy it
        image = image.crop((left, top, right, bottom))
    shrink = max(1.0, max(image.size) / MAX_SIDE)
    enlarge = max(1.0, min(PICTURE.min_side / min(image.size), MAX_SIDE / max(image.size)))
    factor = shrink / enlarge
    if factor != 1:
        scaled = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
        method = Image.Resampling.BOX if factor > 1 else Image.Resampling.BICUBIC
        image = image.resize(scaled, method)
    return Picture(
        colour=np.asarray(image.convert("RGB")),
        grey=np.asarray(image) if image.mode == "L" else _to_grey(image),
        scale=scale * factor,
        origin=(round(left * scale), round(top * scale)),
        is_small=is_small,
        glyph=grey if is_glyph else None,
        size=size,
    )


def grey_levels(image: Image.Image) -> UInt8[np.ndarray, "h w"]:
    """Convert an image to its grey levels, as they are; a very large one is shrunk.

    Raises:
        InvalidInput: If it is too large, or can't be decoded; says why in one line.
    """
    return np.array(_reduced_to_8_bits(image)[0].convert("L"))


def _reduced_to_8_bits(image: Image.Image) -> tuple[Image.Image, int]:
    """Convert an image to 8 bits, shrunk by a whole number if it is very large; gives that, too."""
    check_size(*image.size)
    try:
        if image.mode in ("P", "PA") and image.palette is None:
            raise ValueError("it has no palette")
        reduction = max(1, max(image.size) // MAX_SIDE)
        if reduction > 1:
            image = reduce_image(image, reduction)
        return to_8_bits(image), reduction
    except InvalidInput:
        raise
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(error) from error


def _turned(
    box: tuple[float, float, float, float], shape: tuple[int, ...], turns: int
) -> tuple[float, float, float, float]:
    """Turn a box (left, top, width, height) with its picture, anticlockwise by quarter turns.

    Args:
        box: The box, in pixels of the picture.
        shape: Height and width of the picture before it is turned.
        turns: Number of quarter turns, 0 to 3.
    """
    left, top, width, height = box
    rows, columns = shape
    for _ in range(turns):
        left, top, width, height = top, columns - left - width, height, width
        rows, columns = columns, rows
    return left, top, width, height


def _without_padding(grey: UInt8[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """Find the part of a picture that is not padding: left, top, right and bottom.

    Tools that make pictures square repeat the outermost row of pixels, and what touches the edge
    becomes a bar. Rows of one grey level are no such copies, and drawings in which nearly all rows
    are alike have none.
    """
    bounds = []
    for rows in (grey, grey.T):
        is_copy = _is_copy(rows)
        first, last = 0, len(rows)
        if len(is_copy) and is_copy.mean() < PICTURE.plain:
            while is_copy[first]:
                first += 1
            while is_copy[last - 2]:
                last -= 1
        # A single pair of like rows is chance.
        bounds.append((first if first > 1 else 0, last if len(rows) - last > 1 else len(rows)))
    (top, bottom), (left, right) = bounds
    return left, top, right, bottom


def _is_copy(rows: UInt8[np.ndarray, "n m"]) -> Bool[np.ndarray, " k"]:
    """Tell of each row but the first whether it copies the one above, and is not of one level."""
    found = [np.zeros(0, bool)]
    for start in range(0, len(rows) - 1, STRIP_ROWS):  # for the memory of their differences
        strip = rows[start : start + STRIP_ROWS + 1]
        above, below = strip[:-1], strip[1:]
        differences = np.maximum(above, below) - np.minimum(above, below)
        found.append(
            (differences.max(axis=1, initial=0) <= 1) & (np.ptp(below, axis=1) > PICTURE.texture)
        )
    return np.concatenate(found)


def _to_grey(image: Image.Image) -> UInt8[np.ndarray, "h w"]:
    """Convert to brightness or, where ink and paper differ in colour only, to the main colour axis.

    That axis is the first principal component of the colours.
    """
    small = np.asarray(image.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX))
    if (small == small[:, :, :1]).all():  # grey on grey, as most
        return np.asarray(image.convert("L"))
    colours = small.reshape(-1, 3).astype(np.float64)
    variances, directions = np.linalg.eigh(np.cov(colours.T))
    brightness = float((colours @ LUMINANCE).std())
    most = float(np.sqrt(variances[-1]))
    if brightness > PICTURE.dull * most or most < PICTURE.colourful:
        return np.asarray(image.convert("L"))
    direction = directions[:, -1].astype(np.float32)
    along = (np.asarray(image, np.float32) - colours.mean(axis=0, dtype=np.float32)) @ direction
    return np.asarray(np.clip(along + 128, 0, 255), np.uint8)
