"""Corrections: pictures that people labelled, each a file in a folder by its label."""

import io
import os
import re
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
from PIL import Image

from digits.errors import DigitsError, InvalidInput
from digits.files import make_folder, write_atomic
from digits.reading.ink.conversion import to_8_bits
from digits.reading.ink.errors import blame, damaged
from digits.reading.ink.formats import SUFFIXES
from digits.reading.ink.limits import LimitedFile, check_size
from digits.server import limits


class CorrectionsFull(DigitsError):  # noqa: N818 - it names the state of the folder
    """The folder holds as many corrections as it may."""


class Kept(NamedTuple):
    """How much a folder holds."""

    num_corrections: int
    num_bytes: int


class Corrections:
    """A folder of labelled pictures: FOLDER/LABEL/NAME.png, a file a correction.

    Several servers may keep theirs in one folder: names are random, and nothing is overwritten.
    Its methods block, and are to run in one thread, so that the limits hold.

    Args:
        folder: The folder; it is made with the first correction, or by `prepare`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            DigitsError: If it can't be made, or written to.
        """
        try:
            make_folder(self.folder)
        except OSError as error:
            raise DigitsError(f"Can't write {self.folder}: {error.strerror or error}.") from error
        if not os.access(self.folder, os.W_OK):
            raise DigitsError(f"Can't write {self.folder}: Permission denied.")

    def kept(self) -> Kept:
        """Count what is in the folder, whoever put it there."""
        sizes = []
        for path in self.folder.glob("[!.]*/**/[!.]*"):
            if path.suffix.lower() in SUFFIXES:
                with suppress(FileNotFoundError):  # it was removed just now
                    sizes.append(path.stat().st_size)
        return Kept(len(sizes), sum(sizes))

    def keep(self, content: bytes, label: str) -> None:
        """Keep a picture: its pixels, as a PNG of our own.

        Args:
            content: A PNG of digits.
            label: The digits that it shows.

        Raises:
            InvalidInput: If it is no such picture, or no such label.
            CorrectionsFull: If there is no room for it.
            DigitsError: If it can't be written.
        """
        if not re.fullmatch(rf"[0-9]{{1,{limits.MAX_LABEL_DIGITS}}}", label):
            raise InvalidInput(f"label: expected 1 to {limits.MAX_LABEL_DIGITS} digits.")
        picture = _encode_anew(content)
        kept = self.kept()
        if kept.num_corrections >= limits.MAX_CORRECTIONS:
            found = f"{limits.MAX_CORRECTIONS:,} corrections"
        elif kept.num_bytes + len(picture) > limits.MAX_CORRECTIONS_BYTES:
            found = f"{limits.MAX_CORRECTIONS_BYTES:,} bytes"
        else:
            write_atomic(self.folder / label / f"{new_name()}.png", picture)
            return
        raise CorrectionsFull(f"The server is full, with {found}; remove some of them there.")


def new_name() -> str:
    """Make a name that no other server makes, too; names are in the order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"


def _encode_anew(content: bytes) -> bytes:
    """Decode a PNG, and encode its pixels: nothing else of what was sent is kept."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked here
            image = Image.open(LimitedFile(io.BytesIO(content)), formats=("PNG",))
    except Exception as error:  # decoders raise all kinds of errors at hostile files
        raise blame(error, "Expected a picture as PNG, found none.") from error
    check_size(*image.size)
    if getattr(image, "is_animated", False):
        raise InvalidInput("Expected a still picture, found an animated one.")
    num_pixels = image.width * image.height
    if num_pixels > limits.MAX_CORRECTION_PIXELS:
        raise InvalidInput(
            f"Expected at most {limits.MAX_CORRECTION_PIXELS:,} pixels, found {num_pixels:,}."
        )
    try:
        pixels = np.asarray(to_8_bits(image))
    except InvalidInput:
        raise
    except Exception as error:
        raise damaged(error) from error
    if pixels.min() == pixels.max():
        raise InvalidInput("Expected a picture of digits, found a blank one.")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")  # of an array, there is no metadata
    return file.getvalue()
