"""Pages of an open file: one picture or several, decoded one after the other."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

from PIL import Image, ImageOps

from digits.errors import InvalidInput
from digits.reading.ink.decoder_process import DecoderProcess
from digits.reading.ink.errors import blame, damaged
from digits.reading.ink.formats import (
    JPEG,
    NAMES,
    SIGNATURE_BYTES,
    USUAL,
    USUAL_SIGNATURE,
    expected_a_picture,
    name_apart,
    name_format,
)
from digits.reading.ink.limits import (
    DECODING,
    MAX_FRAME_PIXELS,
    MAX_PIXELS,
    MAX_REDUCED_PIXELS,
    MAX_SIDE,
    MAX_WEBP_PIXELS,
    LimitedFile,
    check_parts,
    check_size,
    check_tiles,
    decoded_pixels,
    too_large,
)
from digits.reading.work import stop_if

NEW_SUBFILE_TYPE, REDUCED, MASK = 254, 1, 4
"""Tag of a TIFF that says what a page is, and two of its bits; source: TIFF 6.0, section 8."""

Decoded = TypeVar("Decoded")

Make = Callable[[Image.Image, float], Decoded]
"""Makes something of an image, upright, and the original's pixels for each of its."""


@runtime_checkable
class Pages(Protocol):
    """Pages of an open file, at one of which it is."""

    form: str
    """Format of the file."""

    @property
    def has_more(self) -> bool:
        """Whether there is more than one."""
        ...

    @property
    def is_aside(self) -> bool:
        """Whether the page shows another one once more: its thumbnail, or its mask."""
        ...

    def go_to(self, index: int) -> bool:
        """Go to a page, from 0 and one after the other; tell whether there is one.

        Raises:
            InvalidInput: If the file is damaged there.
        """
        ...

    def decode(self, make: Make[Decoded], is_given_up: Callable[[], bool]) -> Decoded:
        """Decode the page, and make something of it while there is room for it.

        Raises:
            GivenUp: If it was given up.
            InvalidInput: If it is too large or damaged; says why.
        """
        ...


@contextmanager
def open_pages(file: Any, *, rotate: bool, only_usual: bool) -> Iterator[Pages]:
    """Open the pages of a file.

    Args:
        file: The file, open for reading.
        rotate: Apply the EXIF orientation.
        only_usual: Refuse what would be decoded in a process of its own.

    Raises:
        DigitsError: If it holds no picture that is read; says why.
    """
    beginning = file.read(SIGNATURE_BYTES)
    if not beginning:
        raise InvalidInput("Expected a picture, found an empty file.")
    is_usual = only_usual or USUAL_SIGNATURE.match(beginning)
    form = None if is_usual else name_apart(beginning)
    if form is None:
        pages = _open_usual(file, beginning, rotate, only_usual)
        if pages is not None:
            yield pages
            return
        form = "JPEG"  # too large to be decoded here
    file.seek(0)
    with closing(DecoderProcess(form, file.read(), rotate=rotate)) as process:
        yield PagesApart(form, process)


def _open_usual(file: Any, beginning: bytes, rotate: bool, only_usual: bool) -> "UsualPages | None":
    """Open a file of a usual format; None if it is a JPEG that is decoded apart for its size."""
    is_jpeg = beginning.startswith(JPEG) and not only_usual
    file.seek(0)
    try:
        check_tiles(file)
        limited = LimitedFile(file)
        with _no_warnings():
            image = Image.open(limited, formats=USUAL)
    except Image.DecompressionBombError as error:
        if is_jpeg:
            return None
        raise InvalidInput(too_large("more")) from error
    except InvalidInput:
        raise
    except Exception as error:  # decoders raise all kinds of errors at hostile files
        expected = USUAL if only_usual else NAMES
        raise blame(error, _no_picture(beginning, expected)) from error
    if is_jpeg and image.width * image.height > MAX_PIXELS:
        return None
    return UsualPages(image, limited, rotate)


class UsualPages:
    """Pages of a file of a usual format, which Pillow decodes in this process."""

    def __init__(self, image: Image.Image, file: LimitedFile, rotate: bool) -> None:
        self._image, self._file, self._rotate = image, file, rotate
        self.form = image.format or ""
        self._check_size()

    @property
    def has_more(self) -> bool:
        """Whether the file holds a second picture, by what it says ahead of that.

        To go there would decode the first, or list the second's parts; to count all may take
        minutes. A JPEG with more pictures in it is one photo and what the phone made besides.
        """
        try:
            return self.form != "MPO" and bool(getattr(self._image, "is_animated", False))
        except InvalidInput:
            raise
        except Exception as error:
            raise damaged(error) from error

    @property
    def is_aside(self) -> bool:
        """Whether a TIFF says so of the page, which is never its first."""
        kind = getattr(self._image, "tag_v2", {}).get(NEW_SUBFILE_TYPE, 0)
        return bool(self._image.tell() and int(kind) & (REDUCED | MASK))

    def go_to(self, index: int) -> bool:
        """Go to a page; a file's pages are found by going through them."""
        if index == 0:
            return True
        if not self.has_more:
            return False
        self._file.renew()
        try:
            if self.form == "TIFF":
                check_tiles(self._file, index)
            with _no_warnings():
                self._image.seek(index)
        except EOFError:
            return False
        except InvalidInput:
            raise
        except Exception as error:
            raise damaged(error) from error
        return True

    def decode(self, make: Make[Decoded], is_given_up: Callable[[], bool]) -> Decoded:
        """Decode the page here."""
        image = self._image
        self._check_size()
        with _no_warnings():
            check_parts(image, self._file)
            # A JPEG can be decoded at a half or a quarter of its size, in that part of the time.
            num_pixels, full_size = decoded_pixels(image), max(image.size)
            shrink = max(1.0, full_size / MAX_SIDE)
            image.draft(None, (int(image.width / shrink), int(image.height / shrink)))
            scale = full_size / max(image.size)
            if not image.info.get("progressive"):  # which is held whole all the same
                num_pixels = decoded_pixels(image)
            with DECODING.room_for(num_pixels, is_given_up=is_given_up):
                upright = self._load()
                stop_if(is_given_up)
                return make(upright, scale)

    def _check_size(self) -> None:
        limit = MAX_WEBP_PIXELS if self.form == "WEBP" else MAX_PIXELS
        is_moving = self.form in ("GIF", "PNG") and self.has_more
        check_size(*self._image.size, min(limit, MAX_FRAME_PIXELS) if is_moving else limit)

    def _load(self) -> Image.Image:
        """Decode the image, and turn it upright."""
        image = self._image
        try:
            image.load()
            if not self._rotate:
                return image
            if self.has_more:  # the next page is decoded into the same image
                return ImageOps.exif_transpose(image)
            ImageOps.exif_transpose(image, in_place=True)  # else the whole is always copied
        except InvalidInput:
            raise
        except Exception as error:
            raise damaged(error) from error
        return image


class PagesApart:
    """Pages of a file that is decoded in a process of its own."""

    def __init__(self, form: str, process: DecoderProcess) -> None:
        self.form, self._process = form, process
        self._index = 0
        if process.num_pages < 1:
            raise InvalidInput(f"Expected a picture, found a {form} without pages.")

    @property
    def has_more(self) -> bool:
        """Whether the file has more than one page."""
        return self._process.num_pages > 1

    @property
    def is_aside(self) -> bool:
        """Never: of such files, these are not among the pages."""
        return False

    def go_to(self, index: int) -> bool:
        """Go to a page."""
        self._index = index
        return index < self._process.num_pages

    def decode(self, make: Make[Decoded], is_given_up: Callable[[], bool]) -> Decoded:
        """Have the page decoded there; size and room are asked for first."""
        stop_if(is_given_up)
        size, num_pixels = self._process.go_to(self._index)
        is_reduced = self.form in ("JPEG", "JPEG 2000")
        check_size(*size, MAX_REDUCED_PIXELS if is_reduced else MAX_PIXELS)
        with DECODING.room_for(min(num_pixels, MAX_PIXELS), is_given_up=is_given_up):
            image = self._process.decode()
            stop_if(is_given_up)
            return make(image, max(size) / max(image.size))


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Keep Pillow from warning: sizes are checked here, and odd metadata does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _no_picture(beginning: bytes, expected: tuple[str, ...]) -> str:
    """Say that a file is no picture that is read, and name its format where that is known."""
    name = name_format(beginning)
    found = f"{name}: save it as PNG or JPEG" if name else "none"
    return f"{expected_a_picture(found, expected)}."
