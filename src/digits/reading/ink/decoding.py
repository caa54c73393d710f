"""Decoding of pictures: a file, bytes, a Pillow image or an array becomes the picture to read."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from digits.errors import InvalidInput
from digits.reading.ink.conversion import image_of
from digits.reading.ink.errors import blame, damaged, in_a_line
from digits.reading.ink.formats import FORMATS, SIGNATURE_BYTES, name_other_format
from digits.reading.ink.limits import (
    DECODING,
    MAX_SIDE,
    LimitedFile,
    check_parts,
    check_size,
    check_tiles,
    decoded_pixels,
    too_large,
)
from digits.reading.ink.picture import Picture, grey_levels, picture_of
from digits.reading.work import never, stop_if

Decoded = TypeVar("Decoded")


def open_picture(
    source: Any, *, rotate: bool = True, is_given_up: Callable[[], bool] = never
) -> Picture:
    """Decode a picture.

    Args:
        source: A path, the bytes of a file, a Pillow image, or an array or tensor: (h, w), (h, w,
            1), 3 or 4 channels last or first; booleans, integers, or floats from 0 to 1 or 0 to
            255.
        rotate: Apply the EXIF orientation.
        is_given_up: Tells whether to stop, as nobody waits for the picture any more.

    Returns:
        The picture as it is read.

    Raises:
        GivenUp: If it was given up, while it waited for room or before it was converted.
        InvalidInput: If the source is no picture, or one that can't be read; says why in one line.
    """
    return _open(source, picture_of, rotate, is_given_up)


def open_grey(source: Any) -> UInt8[np.ndarray, "h w"]:
    """Decode a picture to its grey levels, upright; shrunk if it is very large, else as it is.

    Args:
        source: As `open_picture` takes it.

    Raises:
        InvalidInput: As `open_picture` does.
    """
    return _open(source, lambda image, scale: grey_levels(image), True, never)


def _open(
    source: Any,
    make: Callable[[Image.Image, float], Decoded],
    rotate: bool,
    is_given_up: Callable[[], bool],
) -> Decoded:
    """Decode a picture, and make something of the image and the original's pixels for each of its.

    It is made while there is room for the picture.
    """
    if isinstance(source, np.ndarray):
        return make(image_of(source), 1.0)
    if isinstance(source, Image.Image):
        stop_if(is_given_up)
        image = _upright(source, rotate)
        stop_if(is_given_up)
        return make(image, 1.0)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), len(source), make, rotate, is_given_up)
    # A tensor of torch, or an array of another library; text of NumPy's is text.
    if hasattr(source, "__array__") and not isinstance(source, str):
        return make(image_of(_as_array(source)), 1.0)
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
            return _decode(file, path.stat().st_size, make, rotate, is_given_up)
    except FileNotFoundError as error:
        raise InvalidInput("There is no such file.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"Can't be opened: {reason}.") from error


def _decode(
    file: Any,
    num_bytes: int,
    make: Callable[[Image.Image, float], Decoded],
    rotate: bool,
    is_given_up: Callable[[], bool],
) -> Decoded:
    if num_bytes == 0:
        raise InvalidInput("Expected a picture, found an empty file.")
    with warnings.catch_warnings():
        # Sizes are checked here; what else Pillow warns of (odd metadata) does not matter.
        warnings.simplefilter("ignore")
        try:
            check_tiles(file)
            image = Image.open(LimitedFile(file), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise InvalidInput(too_large("more")) from error
        except InvalidInput:
            raise
        except Exception as error:  # decoders raise all kinds of errors at hostile files
            raise blame(error, _no_picture(file)) from error
        check_size(*image.size, image.format)
        # A JPEG with more pictures in it is one photo and what the phone made besides.
        if image.format != "MPO" and _has_more_pages(image):
            raise InvalidInput(
                f"Expected a still picture of one page, found a {image.format} of more: "
                "save each page as PNG."
            )
        check_parts(image, file)
        # A JPEG can be decoded at a half or a quarter of its size, in that part of the time.
        num_pixels, full_size = decoded_pixels(image), max(image.size)
        shrink = max(1.0, full_size / MAX_SIDE)
        image.draft(None, (int(image.width / shrink), int(image.height / shrink)))
        scale = full_size / max(image.size)
        if not image.info.get("progressive"):  # which is held whole all the same
            num_pixels = decoded_pixels(image)
        with DECODING.room_for(num_pixels, is_given_up=is_given_up):
            try:
                image.load()
                if rotate:  # in place, else the whole is copied also where nothing is turned
                    ImageOps.exif_transpose(image, in_place=True)
            except InvalidInput:
                raise
            except Exception as error:
                raise damaged(error) from error
            stop_if(is_given_up)
            return make(image, scale)


def _has_more_pages(image: Image.Image) -> bool:
    """Whether a file holds a second picture, by what it says ahead of that.

    To go there would decode the first, or list the second's parts; to count all may take minutes.
    """
    try:
        return bool(getattr(image, "is_animated", False))
    except InvalidInput:
        raise
    except Exception as error:
        raise damaged(error) from error


def _no_picture(file: Any) -> str:
    """Say that a file is no picture that is read, and name its format where that is known."""
    file.seek(0)
    name = name_other_format(file.read(SIGNATURE_BYTES))
    found = f"{name}: save it as PNG or JPEG" if name else "none"
    return f"Expected a picture ({', '.join(FORMATS)}), found {found}."


def _upright(image: Image.Image, rotate: bool) -> Image.Image:
    """Turn an image as its EXIF data says; one of a file may be decoded only now."""
    check_size(*image.size)
    try:
        image.load()
        return ImageOps.exif_transpose(image) if rotate else image
    except Exception as error:
        raise damaged(error) from error


def _as_array(source: Any) -> np.ndarray:
    """Convert what can be an array, such as a tensor of torch, on any device."""
    try:
        if hasattr(source, "detach"):
            source = source.detach().cpu()
        return np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(
            f"Expected an array or a tensor, found a {type(source).__name__} that is none: "
            f"{in_a_line(error)}."
        ) from error
