"""Decoder process: where formats other than the usual ones are decoded.

Their decoders are large, little tried here, and at a hostile file may take any time or memory, or
die. So each file has a process of its own, which the system limits, and of which nothing is taken
but sizes and pixels.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from digits.children import environment
from digits.errors import InvalidInput, OutOfMemory
from digits.extras import optional_imports
from digits.reading.ink.errors import NO_MEMORY, damaged
from digits.reading.ink.formats import expected_a_picture, missing_package
from digits.reading.ink.limits import (
    DECODER_BYTES,
    DECODER_SECONDS,
    MAX_SIDE,
    MAX_SLOW_PAGES,
    PDF_DPI,
    PDF_SIDE,
)

PROGRAM = Path(__file__).with_name("decoder.py")
"""What the process runs."""


class DecoderProcess:
    """A process that decodes a file's pages, one after the other.

    Args:
        form: Format of the file, one of `formats.APART`, or JPEG.
        content: All bytes of the file.
        rotate: Apply the EXIF orientation.

    Raises:
        MissingExtraError: If the package that decodes the format is not installed.
        InvalidInput: If the file can't be opened.
        OutOfMemory: If the process has not enough memory for it.
    """

    num_pages: int
    """Number of the file's pages."""

    def __init__(self, form: str, content: bytes, *, rotate: bool) -> None:
        with optional_imports(expected_a_picture(f"{form}, which")):
            if package := missing_package(form):
                raise ModuleNotFoundError(name=package)
        self._form, self._content, self._rotate = form, content, rotate
        self._num_slow = 0
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        settings = {
            "format": self._form,
            "num_bytes": len(self._content),
            "rotate": self._rotate,
            "side": MAX_SIDE,
            "pdf_dpi": PDF_DPI,
            "pdf_side": PDF_SIDE,
            "max_bytes": DECODER_BYTES + len(self._content),
            "seconds": DECODER_SECONDS,
        }
        try:
            self.num_pages = self._ask(settings, self._content)["num_pages"]
        except BaseException:
            self.close()
            raise

    def go_to(self, index: int) -> tuple[tuple[int, int], int]:
        """Go to a page, from 0: its width and height, and how many pixels will be decoded.

        Raises:
            InvalidInput: If the page is damaged, or others before it took too long.
            OutOfMemory: If the process has not enough memory for it.
        """
        if self._num_slow >= MAX_SLOW_PAGES:
            raise InvalidInput(
                f"Not decoded, as pages of this {self._form} before it took more than "
                f"{DECODER_SECONDS} s of processor time: save the page as PNG."
            )
        if self._process.poll() is not None:  # it died of another page
            self.close()
            self._start()
        facts = self._ask(index)
        width, height = facts["size"]
        return (width, height), facts["num_pixels"]

    def decode(self) -> Image.Image:
        """Decode the page that it went to, upright; large ones at a part of their size.

        Raises:
            InvalidInput: If the page is damaged, or takes too long.
            OutOfMemory: If the process has not enough memory for it.
        """
        facts = self._ask(None)
        pixels = self._output.read(facts["num_bytes"])
        if len(pixels) < facts["num_bytes"]:
            raise self._end()
        return Image.frombytes(facts["mode"], tuple(facts["size"]), pixels)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    @property
    def _output(self) -> Any:
        return self._process.stdout

    def _ask(self, request: Any, content: bytes = b"") -> dict[str, Any]:
        """Send a request, and receive the facts of its answer."""
        requests: Any = self._process.stdin
        try:
            requests.write(json.dumps(request).encode() + b"\n" + content)
            requests.flush()
        except OSError:  # it has ended before it read all; the reason is read below
            pass
        line = self._output.readline()
        if not line.endswith(b"\n"):
            raise self._end()
        facts: dict[str, Any] = json.loads(line)
        if facts.get("is_memory"):
            raise OutOfMemory(NO_MEMORY)
        if "password" in (error := facts.get("error", "")):
            raise InvalidInput(
                f"{expected_a_picture(self._form)} with a password: save it without."
            )
        if error:
            raise damaged(ValueError(error))
        return facts

    def _end(self) -> InvalidInput:
        """Wait for the end of the process, which died, and say what it died of."""
        status = self._process.wait()
        if sys.platform != "win32" and status == -signal.SIGXCPU:
            self._num_slow += 1
            return InvalidInput(
                f"Expected a picture that is decoded in {DECODER_SECONDS} s of processor time, "
                f"found a {self._form} that takes longer: save it as PNG."
            )
        return InvalidInput(
            f"The picture is damaged, or takes more than {DECODER_BYTES:,} bytes of memory."
        )
