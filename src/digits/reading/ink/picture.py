"""Any picture, from a file, bytes, Pillow or an array, as grey levels."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from digits.errors import InvalidInput

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""What is read; Pillow knows more, of less care."""

MAX_PIXELS = 64_000_000
"""Of a picture, as it says of itself before anything of it is decoded."""

MAX_SIDE, MIN_SIDE = 2000, 84
"""Pictures are looked at with at most the one on the longer side, in pixels, and enlarged to the
other on the shorter."""

SMALL = 32
"""A square picture of at most so many pixels a side shows one digit, as those of data sets do."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue."""

COLOURS, DULL, COLOURFUL = 64, 0.2, 8.0
"""A thumbnail of so many pixels a side tells whether ink differs in colour only: brightness then
deviates by less than the second part of the colours' largest deviation, and that by more than the
third, in levels. Of grey on grey the part is 0.58."""

ELONGATION = 100
"""A picture that is this much longer than wide is none."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is looked at, upright."""

    colour: UInt8[np.ndarray, "h w 3"]
    """Red, green, blue, for people to look at."""
    grey: UInt8[np.ndarray, "h w"]
    scale: float
    """Pixels of the original for each pixel here."""
    origin: tuple[int, int]
    """Where it begins in the original: x, y. Padding is left away."""
    is_small: bool
    """Whether there is room for one digit only."""
    glyph: UInt8[np.ndarray, "28 28"] | None
    """The original, if it may be a glyph already: 28×28, and not mostly bright."""

    def to_original(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """A box (left, top, width, height) in pixels of the original."""
        left, top, width, height = (value * self.scale for value in box)
        return left + self.origin[0], top + self.origin[1], width, height

    def from_original(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """A box in pixels of the original, in pixels of what is looked at."""
        left, top, width, height = box
        x, y = left - self.origin[0], top - self.origin[1]
        return x / self.scale, y / self.scale, width / self.scale, height / self.scale


def open_picture(source: Any, *, rotate: bool = True) -> Picture:
    """Decode a picture.

    Args:
        source: A path, the bytes of a file, a Pillow image, or an array: (h, w), (h, w, 1), 3 or 4
            channels last or first; booleans, integers, or floats from 0 to 1 or 0 to 255.
        rotate: Turn it as the camera says that it was held.

    Raises:
        InvalidInput: If it is no picture, or one that can't be read; says why in a line.
    """
    if isinstance(source, np.ndarray):
        return _from_image(_image_of(source))
    if isinstance(source, Image.Image):
        return _from_image(_upright(source, rotate))
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), len(source), rotate)
    if not isinstance(source, str | Path):
        raise InvalidInput(
            "Expected a path, bytes, a Pillow image or a NumPy array, "
            f"found {type(source).__name__}."
        )
    path = Path(source)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe may never end
            raise InvalidInput("Expected a picture, found something that is no file.")
        with path.open("rb") as file:
            return _decode(file, path.stat().st_size, rotate)
    except FileNotFoundError as error:
        raise InvalidInput("There is no such file.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"Can't be opened: {reason}.") from error


def _decode(file: Any, num_bytes: int, rotate: bool) -> Picture:
    if num_bytes == 0:
        raise InvalidInput("Expected a picture, found an empty file.")
    with warnings.catch_warnings():
        # Sizes are checked here; what else Pillow warns of (odd metadata) does not matter.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise InvalidInput(f"Expected at most {MAX_PIXELS:,} pixels, found more.") from error
        except Exception as error:  # decoders raise all kinds of errors at hostile files
            raise InvalidInput(f"Expected a picture ({', '.join(FORMATS)}), found none.") from error
        _check_size(*image.size)
        # A JPEG with more pictures in it is one photo and what the phone made besides.
        if image.format != "MPO" and _has_more_pages(image):
            raise InvalidInput("Expected a still picture of one page, found more.")
        # A JPEG can be decoded at a half or a quarter of its size, in that part of the time.
        full_size = max(image.size)
        shrink = max(1.0, full_size / MAX_SIDE)
        image.draft(None, (int(image.width / shrink), int(image.height / shrink)))
        scale = full_size / max(image.size)
        try:
            image.load()
            upright = _upright(image, rotate)
        except Exception as error:
            raise InvalidInput(f"The picture is damaged or cut off: {_line(error)}.") from error
    return _from_image(upright, scale)


def _has_more_pages(image: Image.Image) -> bool:
    """Whether there is a second one; to count them all may take minutes."""
    try:
        image.seek(1)
        return True
    except EOFError:
        return False
    except Exception as error:
        raise InvalidInput(f"The picture is damaged or cut off: {_line(error)}.") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:100] or type(error).__name__


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InvalidInput(f"Expected a picture, found one of {width} × {height} pixels.")
    if width * height > MAX_PIXELS:
        raise InvalidInput(f"Expected at most {MAX_PIXELS:,} pixels, found {width * height:,}.")
    if max(width, height) > ELONGATION * min(width, height):
        raise InvalidInput(f"Expected a picture, found a strip of {width:,} × {height:,} pixels.")


def _upright(image: Image.Image, rotate: bool) -> Image.Image:
    return ImageOps.exif_transpose(image) if rotate else image


def _image_of(array: np.ndarray) -> Image.Image:
    """An array as a Pillow image of 8 bits, grey or colour."""
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidInput(
            f"Expected an array of shape (h, w), (h, w, 3) or (h, w, 4), found {array.shape}."
        )
    _check_size(array.shape[1], array.shape[0])
    if array.dtype.kind not in "buif":
        raise InvalidInput(f"Expected an array of numbers, found {array.dtype}.")
    return Image.fromarray(np.ascontiguousarray(_to_bytes(array)))


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers on any scale as 0 to 255."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise InvalidInput("Expected finite numbers, found NaN or infinity.")
    if low < 0 or high > 255:  # another scale: 16 bits, or standardised
        values = (values - low) * (255 / (high - low))
    elif high <= 1:
        values = values * 255
    return np.rint(values).astype(np.uint8)


def _from_image(image: Image.Image, scale: float = 1.0) -> Picture:
    _check_size(*image.size)
    try:
        if image.has_transparency_data and max(image.size) >= 2 * MAX_SIDE:
            # To find its ground takes a dozen times its memory, for details that are not kept.
            reduction = max(image.size) // MAX_SIDE
            image, scale = image.convert("RGBA").reduce(reduction), scale * reduction
        image = _to_rgb(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidInput(f"The picture is damaged or cut off: {_line(error)}.") from error
    grey = np.asarray(image.convert("L"))
    is_small = image.width == image.height <= SMALL
    is_glyph = grey.shape == (28, 28) and float((grey > 127).mean()) < 0.75
    left, top, right, bottom = _without_padding(grey)
    image = image.crop((left, top, right, bottom))
    shrink = max(1.0, max(image.size) / MAX_SIDE)
    enlarge = max(1.0, min(MIN_SIDE / min(image.size), MAX_SIDE / max(image.size)))
    factor = shrink / enlarge
    if factor != 1:
        size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
        method = Image.Resampling.BOX if factor > 1 else Image.Resampling.BICUBIC
        image = image.resize(size, method)
    return Picture(
        colour=np.asarray(image),
        grey=_to_grey(image),
        scale=scale * factor,
        origin=(round(left * scale), round(top * scale)),
        is_small=is_small,
        glyph=grey if is_glyph else None,
    )


def _to_grey(image: Image.Image) -> UInt8[np.ndarray, "h w"]:
    """Brightness; or, where ink and paper differ in colour only, by how much of that colour."""
    small = np.asarray(image.resize((COLOURS, COLOURS), Image.Resampling.BOX))
    if (small == small[:, :, :1]).all():  # grey on grey, as most
        return np.asarray(image.convert("L"))
    colours = small.reshape(-1, 3).astype(np.float64)
    variances, directions = np.linalg.eigh(np.cov(colours.T))
    brightness = float((colours @ LUMINANCE).std())
    most = float(np.sqrt(variances[-1]))
    if brightness > DULL * most or most < COLOURFUL:
        return np.asarray(image.convert("L"))
    direction = directions[:, -1].astype(np.float32)
    along = (np.asarray(image, np.float32) - colours.mean(axis=0, dtype=np.float32)) @ direction
    return np.asarray(np.clip(along + 128, 0, 255), np.uint8)


def _without_padding(grey: UInt8[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a picture without lines at its edges that are copies.

    Tools that make pictures square repeat the outermost line, and what touches the edge becomes a
    bar. A plain line is no such copy, and a drawing in which nearly all lines are alike has none.
    """
    bounds = []
    for lines in (grey, grey.T):
        above, below = lines[:-1], lines[1:]
        differences = np.maximum(above, below) - np.minimum(above, below)
        is_copy = (differences.max(axis=1, initial=0) <= 1) & (np.ptp(below, axis=1) > 8)
        first, last = 0, len(lines)
        if len(is_copy) and is_copy.mean() < 0.85:
            while is_copy[first]:
                first += 1
            while is_copy[last - 2]:
                last -= 1
        # A single pair of like lines is chance.
        bounds.append((first if first > 1 else 0, last if len(lines) - last > 1 else len(lines)))
    (top, bottom), (left, right) = bounds
    return left, top, right, bottom


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        return _on_ground(image.convert("RGBA"))
    return image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    """What is transparent becomes white, or black where what can be seen is light."""
    pixels = np.asarray(image)
    alpha = pixels[:, :, 3].astype(np.float32)
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    seen = float(alpha.sum())
    is_light = seen > 0 and float((grey * alpha).sum()) / seen > 127
    has_ground = float((alpha > 127).mean()) > 0.9  # then what it holds tells nothing
    ground = Image.new("RGBA", image.size, "black" if is_light and not has_ground else "white")
    return Image.alpha_composite(ground, image).convert("RGB")
