"""Decoding of pictures: a file, bytes, a Pillow image or an array becomes grey levels."""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from digits.errors import InvalidInput, OutOfMemory, is_out_of_memory
from digits.reading.ink.formats import FORMATS, SIGNATURE_BYTES, name_other_format
from digits.reading.tuning import Tuned, number

MAX_PIXELS = 64_000_000
"""Limit on a picture's memory: pixels that its header may claim."""

MAX_WEBP_PIXELS = 24_000_000
"""The same for WebP, whose decoder keeps the whole picture several times: 20 bytes a pixel."""

MAX_SCANS = 50
"""Limit on a picture's time: scans of a JPEG, each of which goes over all pixels; most have ten."""

STRIP_OFFSETS, TILE_OFFSETS, TILE_WIDTH, TILE_LENGTH = 273, 324, 322, 323
"""Tags of a TIFF."""

MAX_TILES = 100_000
"""Limit on a picture's time: tiles, or strips, of a TIFF."""

MAX_READS = 300_000
"""Limit on a picture's time: calls that read from its file. Headers are read bit by bit."""

PIXELS_AT_ONCE = 80_000_000
"""Limit on memory: pixels of pictures that all threads decode at once, before they are shrunk: one
of the largest, and usual ones beside it."""

START_OF_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Beginning of a scan of a JPEG: its marker, length and number of colours."""

MAX_RLE_PIXELS = 8_000_000
"""Limit on a picture's time: pixels of a BMP in run-length encoding, which Python decodes."""

MAX_SIDE = 2000
"""Limit on a picture's time: pixels on the longer side that are looked at; more are shrunk."""

ELONGATION = 100
"""Limit on a picture's ratio of sides: one that is longer can't be shrunk and shows no digits."""

STRIP_ROWS = 64
"""Limit on a picture's memory: rows, once shrunk, of the strips in which it is shrunk."""

SMALL = 32
"""Largest side, in pixels, of a square picture that is taken to show one digit, as in data sets."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601), as Pillow's."""

COLOUR_SIDE = 64
"""Limit on time: side of the thumbnail that shows whether ink differs in colour only, in pixels."""


NO_MEMORY = "There is not enough memory to read this picture; make it smaller."


@dataclass(frozen=True)
class PictureParameters(Tuned):
    """Tuned numbers of the decoding of pictures."""

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


class _Room:
    """Room for pixels, in which some threads work at once while others wait."""

    def __init__(self, num_pixels: int) -> None:
        self._free = num_pixels
        self._changed = Condition()

    @contextmanager
    def room_for(self, num_pixels: int) -> Iterator[None]:
        """Wait until there is room for so many pixels, and take it until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: num_pixels <= self._free)
            self._free -= num_pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += num_pixels
                self._changed.notify_all()


DECODING = _Room(PIXELS_AT_ONCE)


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

    turns: int = 0
    """Quarter turns anticlockwise by which it was turned to be read: 0, 1 or 3."""

    def turned(self, turns: int) -> "Picture":
        """Turn an unturned picture anticlockwise by 1 or 3 quarter turns."""
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
        left, top, width, height = (value * self.scale for value in box)
        if self.turns:
            far = self.grey.shape[0] * self.scale, self.grey.shape[1] * self.scale
            corner = (
                (far[0] - top - height, left) if self.turns == 1 else (top, far[1] - left - width)
            )
            (left, top), width, height = corner, height, width
        return left + self.origin[0], top + self.origin[1], width, height

    def from_original(
        self, box: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        """Map a box (left, top, width, height) from the original to this picture."""
        left, top, width, height = (value / self.scale for value in box)
        left, top = left - self.origin[0] / self.scale, top - self.origin[1] / self.scale
        if self.turns:
            far = self.grey.shape
            corner = (
                (top, far[0] - left - width) if self.turns == 1 else (far[1] - top - height, left)
            )
            (left, top), width, height = corner, height, width
        return left, top, width, height


def open_picture(source: Any, *, rotate: bool = True) -> Picture:
    """Decode a picture.

    Args:
        source: A path, the bytes of a file, a Pillow image, or an array or tensor: (h, w), (h, w,
            1), 3 or 4 channels last or first; booleans, integers, or floats from 0 to 1 or 0 to
            255.
        rotate: Apply the EXIF orientation.

    Returns:
        The picture as it is read.

    Raises:
        InvalidInput: If the source is no picture, or one that can't be read; says why in one line.
    """
    if isinstance(source, np.ndarray):
        return _from_image(_image_of(source))
    if isinstance(source, Image.Image):
        return _from_image(_upright(source, rotate))
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), len(source), rotate)
    # A tensor of torch, or an array of another library; text of NumPy's is text.
    if hasattr(source, "__array__") and not isinstance(source, str):
        return _from_image(_image_of(_as_array(source)))
    if not isinstance(source, str | Path):
        raise InvalidInput(
            "Expected a path, bytes, a Pillow image, an array or a tensor, "
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
            if (num_tiles := _num_tiff_tiles(file)) > MAX_TILES:
                raise InvalidInput(_too_many("tiles", num_tiles, MAX_TILES))
            image = Image.open(_LimitedFile(file), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise InvalidInput(_too_large("more")) from error
        except InvalidInput:
            raise
        except Exception as error:  # decoders raise all kinds of errors at hostile files
            raise _blame(error, _no_picture(file)) from error
        _check_size(*image.size, image.format)
        # A JPEG with more pictures in it is one photo and what the phone made besides.
        if image.format != "MPO" and _has_more_pages(image):
            raise InvalidInput(
                f"Expected a still picture of one page, found a {image.format} of more: "
                "save each page as PNG."
            )
        _check_parts(image, file)
        # A JPEG can be decoded at a half or a quarter of its size, in that part of the time.
        num_pixels, full_size = _decoded_pixels(image), max(image.size)
        shrink = max(1.0, full_size / MAX_SIDE)
        image.draft(None, (int(image.width / shrink), int(image.height / shrink)))
        scale = full_size / max(image.size)
        if not image.info.get("progressive"):  # which is held whole all the same
            num_pixels = _decoded_pixels(image)
        with DECODING.room_for(num_pixels):
            try:
                image.load()
                if rotate:  # in place, else the whole is copied also where nothing is turned
                    ImageOps.exif_transpose(image, in_place=True)
            except InvalidInput:
                raise
            except Exception as error:
                message = f"The picture is damaged or cut off: {_line(error)}."
                raise _blame(error, message) from error
            return _from_image(image, scale)


class _LimitedFile:
    """A file from which `MAX_READS` reads are allowed.

    Args:
        file: The file, open for reading; all but `read` is its own.
    """

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, MAX_READS

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all.

        Raises:
            InvalidInput: If it was read too often.
        """
        if self._left == 0:
            raise InvalidInput("Expected a picture, found a file in too many parts: save it anew.")
        self._left -= 1
        content: bytes = self._file.read(size)
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _num_tiff_tiles(file: Any) -> int:
    """Count the tiles or strips that a TIFF claims, before a list of them is made; else 0.

    Source: TIFF 6.0, section 2; for BigTIFF, libtiff's description of it.
    """
    head = file.read(16)
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return 0
    is_big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    number, entry = (f"{order}Q", f"{order}HHQ8x") if is_big else (f"{order}H", f"{order}HHI4x")
    try:
        file.seek(
            struct.unpack(f"{order}Q", head[8:])[0]
            if is_big
            else struct.unpack(f"{order}I", head[4:8])[0]
        )
        num_entries = min(1000, struct.unpack(number, file.read(struct.calcsize(number)))[0])
        entries = file.read(num_entries * struct.calcsize(entry))
        counts = [
            count
            for tag, _, count in struct.iter_unpack(entry, entries)
            if tag in (STRIP_OFFSETS, TILE_OFFSETS)
        ]
    except (struct.error, OverflowError, ValueError, OSError):  # it is damaged; Pillow says how
        counts = []
    file.seek(0)
    return max(counts, default=0)


def _blame(error: Exception, message: str) -> Exception:
    """The error to raise when a decoder fails: the picture's, but for want of memory."""
    return OutOfMemory(NO_MEMORY) if is_out_of_memory(error) else InvalidInput(message)


def _no_picture(file: Any) -> str:
    """Say that a file is no picture that is read, and name its format where that is known."""
    file.seek(0)
    name = name_other_format(file.read(SIGNATURE_BYTES))
    found = f"{name}: save it as PNG or JPEG" if name else "none"
    return f"Expected a picture ({', '.join(FORMATS)}), found {found}."


def _too_large(num_pixels: str, limit: int = MAX_PIXELS) -> str:
    return f"Expected at most {limit:,} pixels, found {num_pixels}: make the picture smaller."


def _has_more_pages(image: Image.Image) -> bool:
    """Whether a file holds a second picture; counting them all may take minutes."""
    try:
        image.seek(1)
        return True
    except EOFError:
        return False
    except Exception as error:
        raise _blame(error, f"The picture is damaged or cut off: {_line(error)}.") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:100] or type(error).__name__


def _check_size(width: int, height: int, form: str | None = None) -> None:
    if width < 1 or height < 1:
        raise InvalidInput(f"Expected a picture, found one of {width} × {height} pixels.")
    _check_pixels(width * height, MAX_WEBP_PIXELS if form == "WEBP" else MAX_PIXELS)
    if max(width, height) > ELONGATION * min(width, height):
        raise InvalidInput(f"Expected a picture, found a strip of {width:,} × {height:,} pixels.")


def _check_pixels(num_pixels: int, limit: int) -> None:
    if num_pixels > limit:
        raise InvalidInput(_too_large(f"{num_pixels:,}", limit))


def _check_parts(image: Image.Image, file: Any) -> None:
    """Refuse a file that takes time or memory to decode however few pixels it has."""
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        num_scans = len(START_OF_SCAN.findall(file.read()))
        if num_scans > MAX_SCANS:
            raise InvalidInput(_too_many("scans", num_scans, MAX_SCANS))
    if any(tile[0] == "bmp_rle" for tile in getattr(image, "tile", [])):
        _check_pixels(image.width * image.height, MAX_RLE_PIXELS)
    _check_pixels(_tile_pixels(image), MAX_PIXELS)


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a tile of a TIFF, which may be larger than the picture; else 0."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0)) * int(tags.get(TILE_LENGTH, 0))


def _decoded_pixels(image: Image.Image) -> int:
    """Estimate how many pixels a decoder holds at once, in those of a picture in colour."""
    num_pixels = image.width * image.height
    if image.format == "WEBP":
        return num_pixels * PIXELS_AT_ONCE // (2 * MAX_WEBP_PIXELS)
    return max(num_pixels, _tile_pixels(image))


def _too_many(parts: str, found: int, limit: int) -> str:
    return f"Expected a picture of at most {limit:,} {parts}, found {found:,}: save it once more."


def _upright(image: Image.Image, rotate: bool) -> Image.Image:
    return ImageOps.exif_transpose(image) if rotate else image


def _as_array(source: Any) -> np.ndarray:
    """Convert what can be an array, such as a tensor of torch, on any device."""
    try:
        if hasattr(source, "detach"):
            source = source.detach().cpu()
        return np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"Expected an array or a tensor, found a {type(source).__name__} that is none: "
            f"{_line(error)}."
        ) from error


def _image_of(array: np.ndarray) -> Image.Image:
    """Convert an array to a Pillow image of 8 bits, grey or colour."""
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
    """Scale numbers of any range to 0 to 255."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told
        values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise InvalidInput("Expected finite numbers, found NaN or infinity.")
    if low < 0 or high > 255:  # another scale: 16 bits, or standardised
        if high - low > float(np.finfo(np.float32).max):
            values, low, high = values / 2, low / 2, high / 2
        values = (values - low) * (255 / ((high - low) or 1))  # one level everywhere is blank
    elif high <= 1:
        values = values * 255
    return np.rint(values).astype(np.uint8)


def _from_image(image: Image.Image, scale: float = 1.0) -> Picture:
    _check_size(*image.size)
    try:
        if image.mode in ("P", "PA") and image.palette is None:
            raise ValueError("it has no palette")
        reduction = max(image.size) // MAX_SIDE
        if reduction > 1:
            image, scale = _reduce(image, reduction), scale * reduction
        image = _to_rgb(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise _blame(error, f"The picture is damaged or cut off: {_line(error)}.") from error
    grey = np.asarray(image.convert("L"))
    is_small = image.width == image.height <= SMALL
    is_glyph = grey.shape == (28, 28) and float((grey > 127).mean()) < PICTURE.glyph_bright
    left, top, right, bottom = _without_padding(grey)
    image = image.crop((left, top, right, bottom))
    shrink = max(1.0, max(image.size) / MAX_SIDE)
    enlarge = max(1.0, min(PICTURE.min_side / min(image.size), MAX_SIDE / max(image.size)))
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


def _reduce(image: Image.Image, reduction: int) -> Image.Image:
    """Shrink a large picture by a whole number, for details that are not kept.

    One strip follows the other: each conversion of the whole would take its memory once more.
    """
    height = reduction * STRIP_ROWS
    boxes = ((0, top, image.width, top + height) for top in range(0, image.height, height))
    strips = (image.crop((*box[:3], min(box[3], image.height))) for box in boxes)
    if image.mode.startswith(("I", "F")):
        values = (np.asarray(strip).astype(np.float32) for strip in strips)
        return Image.fromarray(np.vstack([_shrunk(Image.fromarray(v), reduction) for v in values]))
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return Image.fromarray(np.vstack([_shrunk(strip.convert(mode), reduction) for strip in strips]))


def _shrunk(image: Image.Image, reduction: int) -> np.ndarray:
    return np.asarray(image.reduce(reduction))


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


def _without_padding(grey: UInt8[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """Find the part of a picture that is not padding: left, top, right and bottom.

    Tools that make pictures square repeat the outermost row of pixels, and what touches the edge
    becomes a bar. Rows of one grey level are no such copies, and drawings in which nearly all rows
    are alike have none.
    """
    bounds = []
    for rows in (grey, grey.T):
        above, below = rows[:-1], rows[1:]
        differences = np.maximum(above, below) - np.minimum(above, below)
        is_copy = (differences.max(axis=1, initial=0) <= 1) & (
            np.ptp(below, axis=1) > PICTURE.texture
        )
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


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        return _on_ground(image.convert("RGBA"))
    return image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    """Fill what is transparent with white, or with black if what can be seen is light."""
    pixels = np.asarray(image)
    alpha = pixels[:, :, 3].astype(np.float32)
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    seen = float(alpha.sum())
    is_light = seen > 0 and float((grey * alpha).sum()) / seen > 127
    has_ground = 2 * np.count_nonzero(alpha > 127) > alpha.size  # then its content tells nothing
    ground = Image.new("RGBA", image.size, "black" if is_light and not has_ground else "white")
    return Image.alpha_composite(ground, image).convert("RGB")
