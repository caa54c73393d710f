"""Decoder: what runs in the process in which formats other than the usual ones are decoded.

`decoder_process` starts this file as a program and asks it for one page after the other. It imports
nothing of digits, so that it starts quickly. A request is a line of JSON, the first one followed by
the bytes of the file; so is an answer, followed by pixels if it has any.
"""

import io
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator
from threading import Thread
from typing import Any, BinaryIO, Protocol, runtime_checkable

from PIL import AvifImagePlugin, Image, ImageOps, UnidentifiedImageError

PILLOW_FORMATS = {"AVIF": "AVIF", "JPEG": "JPEG", "JPEG 2000": "JPEG2000", "PPM": "PPM"}
"""Names that Pillow has for formats that it decodes."""

POINTS_PER_INCH = 72
"""Number of units of a PDF's pages in an inch."""


@runtime_checkable
class Document(Protocol):
    """An open file of pictures."""

    num_pages: int

    def go_to(self, index: int) -> tuple[tuple[int, int], int]:
        """Go to a page: its width and height in pixels, and how many of them will be decoded."""
        ...

    def decode(self) -> Image.Image:
        """Decode the page that it went to; large ones at a part of their size."""
        ...


class Pictures:
    """A file of a format that Pillow or pi-heif decodes."""

    def __init__(self, content: bytes, form: str, side: int) -> None:
        self._content, self._form, self._side = content, form, side
        self._image = self._open()
        # A JPEG and a HEIC are a photo, and what the phone made besides.
        is_photo = form in ("HEIC", "JPEG")
        self.num_pages = 1 if is_photo else int(getattr(self._image, "n_frames", 1))

    def _open(self) -> Image.Image:
        file = io.BytesIO(self._content)
        if self._form != "HEIC":
            return Image.open(file, formats=[PILLOW_FORMATS[self._form]])
        import pi_heif

        pi_heif.options.DECODE_THREADS, pi_heif.options.THUMBNAILS = 1, False
        pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
        pi_heif.register_heif_opener()
        return Image.open(file, formats=["HEIF"])  # at its primary picture

    def go_to(self, index: int) -> tuple[tuple[int, int], int]:
        """Go to a page, and count what will be decoded of it."""
        if self.num_pages > 1:
            self._image.seek(index)
        size = self._image.size
        shrink = max(1.0, max(size) / self._side)
        if self._form == "JPEG":
            self._image.draft(None, (int(size[0] / shrink), int(size[1] / shrink)))
        num_pixels = self._image.width * self._image.height
        return size, num_pixels >> 2 * self._halvings() if self._form == "JPEG 2000" else num_pixels

    def _halvings(self) -> int:
        """How often a picture may be halved and still be as large as it is looked at."""
        return int(math.log2(max(1.0, max(self._image.size) / self._side)))

    def decode(self) -> Image.Image:
        """Decode the page."""
        if self._form == "JPEG 2000":
            return self._decode_wavelets()
        self._image.load()
        return self._image

    def _decode_wavelets(self) -> Image.Image:
        """Decode a JPEG 2000 as small as it may be, if it has so many levels."""
        for halvings in range(self._halvings(), -1, -1):
            image: Any = self._open()
            image.reduce = halvings
            try:
                image.load()
            except OSError:
                if not halvings:
                    raise
            else:
                break
        return image  # type: ignore[no-any-return]


class Pdf:
    """A PDF, whose pages are rendered: what is scanned, typed, filled in and drawn on them."""

    def __init__(self, content: bytes, dpi: int, side: int) -> None:
        from pypdfium2 import PdfDocument

        self._dpi, self._side = dpi, side
        self._pdf = PdfDocument(content)
        self._pdf.init_forms()
        self.num_pages = len(self._pdf)

    def go_to(self, index: int) -> tuple[tuple[int, int], int]:
        """Go to a page: it is as large as it will be rendered."""
        self._page = self._pdf[index]
        width, height = self._page.get_size()
        self._scale = min(self._dpi / POINTS_PER_INCH, self._side / max(width, height, 1e-6))
        size = math.ceil(width * self._scale), math.ceil(height * self._scale)
        return size, size[0] * size[1]

    def decode(self) -> Image.Image:
        """Render the page."""
        image: Image.Image = self._page.render(scale=self._scale, rev_byteorder=True).to_pil()
        self._page.close()
        return image


def end_with_parent() -> None:
    """End this process when nobody is left to ask it, also in the midst of decoding."""
    if sys.platform != "win32":
        import select

        hangup = select.poll()
        hangup.register(0, 0)  # tells of nothing but the other end's end
        hangup.poll()
        os._exit(1)


def limit_memory(num_bytes: int) -> None:
    """Limit the memory of this process, where the system can."""
    if sys.platform == "linux":
        import resource

        _limit(resource.RLIMIT_AS, num_bytes)


def limit_time(seconds: int) -> None:
    """Limit the processor time from now on, where the system can; past it, the process is ended."""
    if sys.platform != "win32":
        import resource

        _limit(resource.RLIMIT_CPU, math.ceil(sum(os.times()[:2])) + seconds)


def _limit(kind: int, amount: int) -> None:
    """Set a limit, but none above one that is set already."""
    import resource

    _, hard = resource.getrlimit(kind)
    is_free = hard == resource.RLIM_INFINITY
    resource.setrlimit(kind, (amount if is_free else min(amount, hard), hard))


def plain(image: Image.Image, side: int) -> Image.Image:
    """Convert an image to a mode that its bytes tell all of, and shrink it by a whole number."""
    if image.mode not in ("1", "L") and not image.mode.startswith(("I", "F")):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    reduction = max(image.size) // side
    is_wide = image.mode.startswith(("I", "F"))
    if reduction > 1 and not is_wide:
        return Image.Image.reduce(image.convert("L") if image.mode == "1" else image, reduction)
    return image


def open_document(settings: dict[str, Any], content: bytes) -> Document:
    """Open a file of the format that is named."""
    if settings["format"] == "PDF":
        return Pdf(content, settings["pdf_dpi"], settings["pdf_side"])
    return Pictures(content, settings["format"], settings["side"])


def answers(requests: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Answer all requests, each with facts and pixels."""
    settings = json.loads(requests.readline())
    content = requests.read(settings["num_bytes"])
    limit_memory(settings["max_bytes"])
    limit_time(settings["seconds"])
    document = open_document(settings, content)
    yield {"num_pages": document.num_pages}, b""
    while line := requests.readline():
        try:
            request = json.loads(line)
            if request is not None:
                limit_time(settings["seconds"])
                size, num_pixels = document.go_to(request)
                yield {"size": size, "num_pixels": num_pixels}, b""
                continue
            image = plain(document.decode(), settings["side"])
            if settings["rotate"]:
                image = ImageOps.exif_transpose(image)
            pixels = image.tobytes()
            yield {"mode": image.mode, "size": image.size, "num_bytes": len(pixels)}, pixels
        except Exception as error:  # of this page, which is told; there may be others
            yield told(error), b""


def told(error: Exception) -> dict[str, Any]:
    """Tell what a decoder raised."""
    reason = str(error) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):  # whose message names an object of Python's
        reason = "its header can't be read"
    return {"error": reason, "is_memory": isinstance(error, MemoryError)}


def main() -> None:
    """Answer requests from standard input until it ends."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked by who asks
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Thread(target=end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what decoders print is no answer
    try:
        for facts, pixels in answers(sys.stdin.buffer):
            out.write(json.dumps(facts).encode() + b"\n" + pixels)
            out.flush()
    except Exception as error:  # of the file as a whole
        out.write(json.dumps(told(error)).encode() + b"\n")


if __name__ == "__main__":
    main()
