"""The reader: pictures to digits with confidence, by their ink and a network."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from digits.errors import DigitsError, InvalidInput, OutOfMemory, is_out_of_memory
from digits.reading.confidence import CONFIDENCE, judge
from digits.reading.ink import HYPOTHESES, Picture, is_empty_cell, open_picture, open_pictures
from digits.reading.ink.errors import NO_MEMORY
from digits.reading.ink.left_over import COVERED
from digits.reading.line_network import LineNetwork
from digits.reading.line_reader import LineReader
from digits.reading.model_folder import Networks, is_model_folder, open_networks
from digits.reading.network import Network
from digits.reading.results import Box, Digit, Line, Reading
from digits.reading.single_reader import SingleReader
from digits.reading.work import GivenUp, Work, never

MOST_OF_ONE = 3
"""Greatest number of symbols that one digit may be taken for, where strokes beside it join it."""


class Reader:
    """Reads the digits of pictures; `digits.Reader`, made of it, takes training runs as well.

    Args:
        model: An ONNX file made by `digits export`, a `Network` or a `LineNetwork`; a folder made
            by `digits learn`, which holds both, or `Networks`; those that come with the package if
            not given. A network of glyphs alone names the digits that the package's line network
            finds; one of lines alone takes the place of that.
        threshold: Confidence below which a digit is refused: 0 refuses none, 1 all; 0.78 if not
            given.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If the file or folder holds no such network, or the threshold is not from 0
            to 1.

    Examples:
        >>> reader = Reader()
        >>> reading = reader.read(np.full((40, 40), 255, np.uint8))
        >>> reading.text
        ''
    """

    def __init__(
        self,
        model: str | Path | bytes | Network | LineNetwork | Networks | None = None,
        *,
        threshold: float | None = None,
        num_threads: int | None = None,
    ) -> None:
        threshold = CONFIDENCE.threshold if threshold is None else threshold
        if not 0 <= threshold <= 1:
            raise InvalidInput(f"threshold: expected 0 to 1, found {threshold:g}.")
        self.threshold: float = threshold
        """Confidence below which a digit is refused."""
        if model is not None and not isinstance(model, Network | LineNetwork | Networks):
            model = _open(model, num_threads)
        classifier = model if isinstance(model, Network) else None
        if not isinstance(model, Networks):
            model = Networks(
                classifier or Network(num_threads=num_threads),
                model if isinstance(model, LineNetwork) else LineNetwork(num_threads=num_threads),
            )
        self.networks: Networks = model
        """Both networks that read pictures."""
        self.network: Network = model.glyphs
        """The network that reads single digits."""
        self.network.expect_digits()
        # A network of one's own is not helped: it is heard as it is.
        second = None if classifier else model.lines
        self._singles = SingleReader(self.network, second, threshold=threshold)
        self._lines = LineReader(
            model.lines, self.network, names_digits=classifier is not None, threshold=threshold
        )

    @property
    def names_digits(self) -> bool:
        """Whether the network of glyphs names the digits that the network of lines finds."""
        return self._lines.names_digits

    @property
    def digest(self) -> str:
        """SHA-256 of both networks, which tells readers apart that may read otherwise."""
        contents = b"".join(network.content for network in self.networks)
        return hashlib.sha256(contents).hexdigest()

    def read(
        self,
        source: Any,
        *,
        rotate: bool = True,
        only_usual: bool = False,
        is_given_up: Callable[[], bool] = never,
    ) -> Reading:
        """Read all digits of a picture, from top to bottom and left to right.

        A square picture of at most 32 pixels a side is taken to show one.

        Args:
            source: A path, the bytes of a file, a Pillow image, or an array or tensor: (h, w), or
                with 1, 3 or 4 channels last or first; booleans, integers, or floats from 0 to 1 or
                0 to 255.
            rotate: Apply the EXIF orientation.
            only_usual: Refuse files in other formats than PNG, JPEG, WebP, BMP, TIFF and GIF, and
                of more than 64 megapixels, as one may with what anyone can send.
            is_given_up: Tells whether to stop, as nobody waits for the reading any more; asked
                from time to time, in this thread.

        Returns:
            The reading of the hypothesis about its ink that has the most evidence.

        Raises:
            InvalidInput: If it is no picture, can't be read, or is a file of several pages, which
                `read_pages` reads; says why.
            MissingExtraError: If the package that decodes its format is not installed.
            OutOfMemory: If there is not enough memory for it.
            GivenUp: If it was given up.
            DigitsError: If it should be read, and can't: a defect of this package.
        """
        with _told_in_a_line():
            picture = open_picture(
                source, rotate=rotate, only_usual=only_usual, is_given_up=is_given_up
            )
            return self._read(picture, is_given_up)

    def read_pages(self, source: Any, *, rotate: bool = True) -> Iterator[Reading | DigitsError]:
        """Read the pages of a file one after the other: of a PDF, a TIFF, or a GIF that moves.

        Args:
            source: As `read` takes it; all but a file has one page.
            rotate: Apply the EXIF orientation.

        Yields:
            The reading of each page, or the reason why it can't be read; of 1,000 pages at most,
            after which such a reason says that there are more. A PDF's page is rendered with
            300 pixels per inch or, if it had more than 4,000 on a side then, with fewer.

        Raises:
            DigitsError: If the file can't be opened, for the reasons that `read` has.

        Examples:
            >>> for page in digits.Reader().read_pages("scan.pdf"):  # doctest: +SKIP
            ...     print(page if isinstance(page, DigitsError) else (page.page, page.text))
            (1, '1995')
        """
        with _told_in_a_line():
            for number, picture in enumerate(open_pictures(source, rotate=rotate), start=1):
                if isinstance(picture, DigitsError):
                    yield picture
                else:
                    yield self._read_page(picture, number)

    def _read_page(self, picture: Picture, number: int) -> Reading | DigitsError:
        try:
            with _told_in_a_line():
                return replace(self._read(picture, never), page=number)
        except DigitsError as error:
            return error

    def _read(self, picture: Picture, is_given_up: Callable[[], bool]) -> Reading:
        if not picture.is_small:
            reading = self._lines.read(picture, Work(picture.num_pixels, is_given_up))
            return self._as_single(picture, reading) if _may_be_single(reading) else reading
        ((digit, ink),) = self._singles.read([picture])
        return Reading((_alone(digit),) if digit.glyph.any() else (), (), picture, ink)

    def _as_single(self, picture: Picture, reading: Reading) -> Reading:
        """Read the one digit that a picture may show, if both networks may mean the same.

        All that was read has to be where that digit is: else it is not alone.
        """
        ((digit, ink),) = self._singles.read([picture])
        labels = {one.label for one in reading.digits} or {digit.label}
        parts = [part for line in reading.lines for part in line.parts]
        is_alone = all(_is_within(part.box, digit.box) for part in parts)
        if digit.reason is not None or digit.label not in labels or not is_alone:
            return reading
        left_out = tuple(mark for mark in reading.left_out if not _is_within(mark.box, digit.box))
        return Reading((_alone(digit),), left_out, picture, ink)

    def read_glyphs(self, images: Iterable[Any]) -> list[Digit]:
        """Read single digits, each cut out as an image of its own, of any size and polarity.

        Args:
            images: Each as `read` takes them; an array or tensor (n, h, w) is n of them.

        Returns:
            A digit for each; its label is the best guess also when it is refused.
        """
        with _told_in_a_line():
            found = self._singles.read(open_picture(image) for image in images)
            return [digit for digit, _ in found]

    def classify(self, glyphs: UInt8[np.ndarray, "n 28 28"]) -> list[Digit]:
        """Read glyphs as they are: white on black, framed as MNIST's. The quickest method.

        Args:
            glyphs: Digits as `Digit.glyph` has them; `read_glyphs` takes any other pictures, and
                finds the ink on them.

        Returns:
            A digit for each.
        """
        return [
            judge(probabilities, glyph, (0.0, 0.0, 28.0, 28.0), threshold=self.threshold)
            for glyph, probabilities in zip(glyphs, self.network.probabilities(glyphs), strict=True)
        ]


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    """Turn whatever is raised for a picture into an error of one line, which concerns it alone."""
    try:
        yield
    except (DigitsError, GivenUp):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemory(NO_MEMORY) from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DigitsError(
            f"The picture can't be read, which is a defect of digits; please report it: {reason}"
        ) from error


def _alone(digit: Digit) -> Line:
    """The line of a digit that stands alone."""
    return Line(digit.text, digit.confidence, (digit,), digit.box)


def _may_be_single(reading: Reading) -> bool:
    """Tell whether a picture may show one digit, of which something is not sure."""
    num_parts, mask = sum(len(line.parts) for line in reading.lines), reading.ink.mask
    if num_parts > MOST_OF_ONE or not mask.any() or is_empty_cell(mask):
        return False
    if reading.digits:
        return any(digit.reason is not None for digit in reading.digits)
    return not num_parts and all(line.confidence < HYPOTHESES.sure for line in reading.lines)


def _is_within(box: Box, other: Box) -> bool:
    """Tell whether most of a box is within another."""
    (x, y, width, height), (left, top, wide, tall) = box, other
    across = min(x + width, left + wide) - max(x, left)
    down = min(y + height, top + tall) - max(y, top)
    return max(0.0, across) * max(0.0, down) >= COVERED * width * height


def _open(model: str | Path | bytes, num_threads: int | None) -> Network | LineNetwork | Networks:
    """Open a network of glyphs or of lines, whichever the file holds, or those of a folder."""
    if not isinstance(model, bytes) and is_model_folder(model):
        return open_networks(model, num_threads=num_threads)
    try:
        return Network(model, num_threads=num_threads)
    except InvalidInput as error:
        try:
            return LineNetwork(model, num_threads=num_threads)
        except InvalidInput:
            raise error from None
