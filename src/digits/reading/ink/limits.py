"""Limits of decoding: what a picture's file may claim, and how much is decoded at once.

A file of a few bytes may claim any number of pixels, or so many parts that decoding takes minutes.
"""

import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any

from PIL import Image

from digits.errors import InvalidInput
from digits.reading.work import never, stop_if

MAX_PIXELS = 64_000_000
"""Limit on memory: pixels that a picture's header may claim."""

MAX_WEBP_PIXELS = 24_000_000
"""Pixels of a picture in WebP, whose decoder keeps it several times: 20 bytes a pixel."""

MAX_FRAME_PIXELS = 24_000_000
"""The same for frames of what moves: their decoder keeps those before, in colour."""

MAX_REDUCED_PIXELS = 256_000_000
"""The same for a JPEG and a JPEG 2000, which are decoded at a part of their size."""

MAX_PAGES = 1000
"""Limit on a file's time: pages that are read of it."""

DECODER_BYTES = 1_500_000_000
"""Limit on memory: bytes that the process has in which a picture of another than the usual formats
is decoded, besides those of its file; on Linux alone."""

DECODER_SECONDS = 10
"""Limit on a page's time: seconds of processor time that this process takes to open and decode it;
not on Windows."""

MAX_SLOW_PAGES = 3
"""Limit on a file's time: pages that may take longer than that; those after them are refused."""

PDF_DPI = 300
"""Resolution in which a PDF's pages are rendered, in pixels per inch, as most are scanned."""

PDF_SIDE = 4000
"""Limit on a page's time: pixels on the longer side of a PDF's page; larger ones are rendered in
less resolution."""

MAX_SIDE = 2000
"""Limit on a picture's time: pixels on the longer side that are looked at; more are shrunk."""

ELONGATION = 100
"""Limit on a picture's ratio of sides: one that is longer can't be shrunk and shows no digits."""

MAX_SCANS = 50
"""Limit on a picture's time: scans of a JPEG, each of which goes over all pixels; most have ten."""

MAX_SCANNED_PIXELS = 1_000_000_000
"""Limit on a picture's time: pixels that all scans of a JPEG go over together, in 0.1 s for each
50,000,000 of them."""

START_OF_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Beginning of a scan of a JPEG: its marker, length and number of colours."""

MAX_TILES = 100_000
"""Limit on a picture's time: tiles, or strips, of a TIFF, and numbers in any other of its tags."""

STRIP_OFFSETS, TILE_OFFSETS, TILE_WIDTH, TILE_LENGTH = 273, 324, 322, 323
"""Tags of a TIFF."""

BYTES, TEXT, UNDEFINED = 1, 2, 7
"""Types of a TIFF's tags that are no list of numbers."""

MAX_READS = 300_000
"""Limit on a picture's time: calls that read from its file. Headers are read bit by bit."""

MAX_RLE_PIXELS = 8_000_000
"""Limit on a picture's time: pixels of a BMP in run-length encoding, which Python decodes."""

PIXELS_AT_ONCE = 80_000_000
"""Limit on memory: pixels of pictures that all threads decode at once, before they are shrunk: one
of the largest, and usual ones beside it."""


ASK_SECONDS = 0.1
"""Time after which a thread that waits for room asks again whether anyone waits for its picture."""


class Room:
    """Room for pixels, in which some threads work at once while others wait."""

    def __init__(self, num_pixels: int) -> None:
        self._free = num_pixels
        self._changed = Condition()

    @contextmanager
    def room_for(
        self, num_pixels: int, *, is_given_up: Callable[[], bool] = never
    ) -> Iterator[None]:
        """Wait until there is room for so many pixels, and take it until the block ends.

        Raises:
            GivenUp: If nobody waits for the picture any more, before the block begins.
        """
        stop_if(is_given_up)
        with self._changed:
            while not self._changed.wait_for(lambda: num_pixels <= self._free, ASK_SECONDS):
                stop_if(is_given_up)
            self._free -= num_pixels
        try:
            stop_if(is_given_up)
            yield
        finally:
            with self._changed:
                self._free += num_pixels
                self._changed.notify_all()


DECODING = Room(PIXELS_AT_ONCE)
"""Room in which pictures are decoded, in whatever thread."""


class LimitedFile:
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

    def renew(self) -> None:
        """Allow as many reads again, for the next page."""
        self._left = MAX_READS

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def check_size(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Refuse a picture of no pixels, of too many, or in the shape of a strip.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        limit: Number of pixels that it may have.
    """
    if width < 1 or height < 1:
        raise InvalidInput(f"Expected a picture, found one of {width} × {height} pixels.")
    _check_pixels(width * height, limit)
    if max(width, height) > ELONGATION * min(width, height):
        raise InvalidInput(f"Expected a picture, found a strip of {width:,} × {height:,} pixels.")


def check_tiles(file: Any, page: int = 0) -> None:
    """Refuse a TIFF of too many tiles or numbers on a page, before Pillow makes a list of them."""
    for parts, number in _tiff_lists(file, page):
        if number > MAX_TILES:
            raise InvalidInput(_too_many(parts, number, MAX_TILES))


def check_parts(image: Image.Image, file: Any) -> None:
    """Refuse a file that takes time or memory to decode however few pixels it has."""
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        num_scans = len(START_OF_SCAN.findall(file.read()))
        most = min(MAX_SCANS, MAX_SCANNED_PIXELS // (image.width * image.height))
        if num_scans > most:
            raise InvalidInput(_too_many("scans", num_scans, most))
    if any(tile[0] == "bmp_rle" for tile in getattr(image, "tile", [])):
        _check_pixels(image.width * image.height, MAX_RLE_PIXELS)
    _check_pixels(_tile_pixels(image), MAX_PIXELS)


def decoded_pixels(image: Image.Image) -> int:
    """Estimate how many pixels a decoder holds at once, in those of a picture in colour."""
    num_pixels = image.width * image.height
    if image.format == "WEBP":
        return num_pixels * PIXELS_AT_ONCE // (2 * MAX_WEBP_PIXELS)
    return max(num_pixels, _tile_pixels(image))


def too_large(num_pixels: str, limit: int = MAX_PIXELS) -> str:
    """Say that a picture has too many pixels."""
    return f"Expected at most {limit:,} pixels, found {num_pixels}: make the picture smaller."


def _check_pixels(num_pixels: int, limit: int) -> None:
    if num_pixels > limit:
        raise InvalidInput(too_large(f"{num_pixels:,}", limit))


def _tiff_lists(file: Any, page: int) -> list[tuple[str, int]]:
    """List what a TIFF's page claims to have several of, and how many.

    What follows the page need not be counted: Pillow reads none of that yet.

    Source: TIFF 6.0, section 2; for BigTIFF, libtiff's description of it.
    """
    head = file.read(16)
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return []
    is_big = head[2] == 43  # as Pillow tells, whatever the order of the bytes
    length, entry = (f"{order}Q", f"{order}HHQ8x") if is_big else (f"{order}H", f"{order}HHI4x")
    offset = f"{order}Q" if is_big else f"{order}I"

    def read(form: str) -> int:
        return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])

    try:
        file.seek(8 if is_big else 4)
        file.seek(read(offset))
        for _ in range(page):
            file.seek(read(length) * struct.calcsize(entry), os.SEEK_CUR)
            if not (place := read(offset)):
                raise ValueError("there is no such page")
            file.seek(place)
        num_entries = read(length)
        # A BigTIFF may claim any number; each that Pillow looks at is a read.
        entries = file.read(min(num_entries, MAX_READS) * struct.calcsize(entry))
        whole = len(entries) - len(entries) % struct.calcsize(entry)
        lists = [
            ("tiles" if tag in (STRIP_OFFSETS, TILE_OFFSETS) else "numbers in a tag", number)
            for tag, kind, number in struct.iter_unpack(entry, entries[:whole])
            if tag in (STRIP_OFFSETS, TILE_OFFSETS) or kind not in (BYTES, TEXT, UNDEFINED)
        ]
    except (struct.error, OverflowError, ValueError, OSError):  # Pillow says what is wrong
        lists = []
    file.seek(0)
    return lists


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a tile of a TIFF, which may be larger than the picture; else 0."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0)) * int(tags.get(TILE_LENGTH, 0))


def _too_many(parts: str, found: int, limit: int) -> str:
    return f"Expected a picture of at most {limit:,} {parts}, found {found:,}: save it once more."
