"""Decoding of pictures: a file, bytes, a Pillow image or an array becomes the picture to read."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from digits.errors import DigitsError, InvalidInput
from digits.reading.ink import limits
from digits.reading.ink.conversion import image_of
from digits.reading.ink.errors import damaged, in_a_line
from digits.reading.ink.limits import check_size
from digits.reading.ink.pages import Decoded, Make, open_pages
from digits.reading.ink.picture import Picture, grey_levels, picture_of
from digits.reading.work import never, stop_if


def open_picture(
    source: Any,
    *,
    rotate: bool = True,
    only_usual: bool = False,
    is_given_up: Callable[[], bool] = never,
) -> Picture:
    """Decode a picture.

    Args:
        source: A path, the bytes of a file, a Pillow image, or an array or tensor: (h, w), (h, w,
            1), 3 or 4 channels last or first; booleans, integers, or floats from 0 to 1 or 0 to
            255.
        rotate: Apply the EXIF orientation.
        only_usual: Refuse what is in none of the usual formats, or too large to be decoded in this
            process: all that would be decoded in another.
        is_given_up: Tells whether to stop, as nobody waits for the picture any more.

    Returns:
        The picture as it is read.

    Raises:
        GivenUp: If it was given up, while it waited for room or before it was converted.
        InvalidInput: If the source is no picture, or one that can't be read; says why in one line.
        MissingExtraError: If the package that decodes its format is not installed.
    """
    return _open(source, picture_of, rotate, only_usual, is_given_up)


def open_pictures(source: Any, *, rotate: bool = True) -> Iterator[Picture | DigitsError]:
    """Decode the pages of a file one after the other; anything else is a picture of one page.

    Args:
        source: As `open_picture` takes it.
        rotate: Apply the EXIF orientation.

    Yields:
        Each page, or the reason why it can't be read, which is the last one where those after it
        can't be found either, or where there are more than `limits.MAX_PAGES`.

    Raises:
        DigitsError: If nothing of it can be read, as `open_picture` does.
    """
    image = _image(source, rotate, never)
    if image is not None:
        yield picture_of(image)
        return
    with _file(source) as file, open_pages(file, rotate=rotate, only_usual=False) as pages:
        for index in range(limits.MAX_PAGES + 1):
            try:
                if not pages.go_to(index):
                    return
            except DigitsError as error:
                yield error
                return
            if pages.is_aside:
                continue
            if index == limits.MAX_PAGES:
                yield InvalidInput(f"Expected at most {index:,} pages, found more: split the file.")
                return
            try:
                picture = pages.decode(picture_of, never)
            except DigitsError as error:
                yield error
            else:
                yield picture


def open_grey(source: Any) -> UInt8[np.ndarray, "h w"]:
    """Decode a picture to its grey levels, upright; shrunk if it is very large, else as it is.

    Args:
        source: As `open_picture` takes it.

    Raises:
        InvalidInput: As `open_picture` does.
    """
    return _open(source, lambda image, scale: grey_levels(image), True, False, never)


def _open(
    source: Any,
    make: Make[Decoded],
    rotate: bool,
    only_usual: bool,
    is_given_up: Callable[[], bool],
) -> Decoded:
    """Decode a picture, and make something of it while there is room for it."""
    image = _image(source, rotate, is_given_up)
    if image is not None:
        return make(image, 1.0)
    with _file(source) as file, open_pages(file, rotate=rotate, only_usual=only_usual) as pages:
        if pages.has_more:
            raise InvalidInput(
                f"Expected a picture of one page, found a {pages.form} of more: save each page as "
                "PNG, or use Reader.read_pages."
            )
        return pages.decode(make, is_given_up)


def _image(source: Any, rotate: bool, is_given_up: Callable[[], bool]) -> Image.Image | None:
    """The image of what is no file: an array or tensor, or an image itself."""
    if isinstance(source, np.ndarray):
        return image_of(source)
    if isinstance(source, Image.Image):
        stop_if(is_given_up)
        image = _upright(source, rotate)
        stop_if(is_given_up)
        return image
    # A tensor of torch, or an array of another library; text of NumPy's is text.
    is_file = isinstance(source, bytes | bytearray | memoryview | str)
    return image_of(_as_array(source)) if hasattr(source, "__array__") and not is_file else None


@contextmanager
def _file(source: Any) -> Iterator[Any]:
    """Open the file of a path, or of bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
        return
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
            yield file
    except FileNotFoundError as error:
        raise InvalidInput("There is no such file.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, DigitsError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"Can't be opened: {reason}.") from error


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
