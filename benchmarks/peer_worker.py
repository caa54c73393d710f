"""Read pictures in one way; peers.py runs this in an environment that has the package.

    python peer_worker.py READER PICTURES.json TEXTS.json

The first file lists paths; the second gets the text of each picture, the seconds of computing that
one takes, and the version and size of the package. All compute with one thread. Only the readers
of digits import anything of it.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = "0123456789"

BLANK = 0
"""The class of CTC that stands for no symbol, in the networks of RapidOCR and ddddocr."""

TESSERACT_FILES = ("tesseract-ocr", "tesseract-ocr-eng", "libtesseract5")
"""Debian's packages of Tesseract: the program, its network for English and its library."""

Read = Callable[[str], str]
"""What reads the text of the picture at a path."""


def digits() -> Read:
    """Read as the package's documents say; what it is not sure of is a question mark."""
    from digits import Reader

    reader = Reader(num_threads=1)
    return lambda path: reader.read(path).text


def digits_guess() -> Read:
    """Read, and give the best guess of each digit, whether it is refused or not."""
    from silent_errors import guess

    from digits import Reader

    reader = Reader(num_threads=1)
    return lambda path: guess(reader.read(path))


def digits_glyphs() -> Read:
    """Take the picture for one digit that is cut out, and give the best guess of it."""
    from digits import Reader

    reader = Reader(num_threads=1)
    return lambda path: str(reader.read_glyphs([path])[0].label)


def rapidocr() -> Read:
    """Find the text and read it, as the package's documents say."""
    from rapidocr import RapidOCR

    engine = RapidOCR()
    return lambda path: " ".join(engine(path).txts or ())


def rapidocr_recogniser() -> Read:
    """Read the whole picture as one line, and take no symbols but digits for possible."""
    from rapidocr import RapidOCR

    engine = RapidOCR()
    recogniser = engine._load_rec_model()
    decode = recogniser.postprocess_op
    possible = [BLANK, *(decode.dict[digit] for digit in DIGITS)]

    def decode_digits(scores: np.ndarray, *arguments: Any, **options: Any) -> Any:
        return decode(held(scores, possible), *arguments, **options)

    recogniser.postprocess_op = decode_digits
    return lambda path: " ".join(engine(path, use_det=False, use_cls=False).txts or ())


def ddddocr() -> Read:
    """Read the text, as the package's documents say."""
    from ddddocr import DdddOcr

    engine = DdddOcr(show_ad=False)
    return lambda path: str(engine.classification(Path(path).read_bytes()))


def ddddocr_digits() -> Read:
    """Read by its newer network, and take no symbols but digits for possible."""
    from ddddocr import DdddOcr

    engine = DdddOcr(show_ad=False, beta=True)
    decode = engine.ocr_engine._process_text_output
    charset = engine.get_charset()
    possible = [BLANK, *(charset.index(digit) for digit in DIGITS)]
    engine.ocr_engine._process_text_output = lambda scores: decode(held(scores, possible))
    return lambda path: str(engine.classification(Path(path).read_bytes()))


def held(scores: np.ndarray, possible: list[int]) -> np.ndarray:
    """Scores of classes (..., classes), in which only some classes are possible."""
    found = np.full_like(scores, -np.inf)
    found[..., possible] = scores[..., possible]
    return found


def tesseract() -> Read:
    """Read the text, as the program's documents say."""
    return lambda path: run("tesseract", path, "stdout")


def tesseract_digits() -> Read:
    """Read the whole picture as one line of digits."""
    options = ("--psm", "7", "-c", f"tessedit_char_whitelist={DIGITS}")
    return lambda path: run("tesseract", path, "stdout", *options)


def run(*command: str) -> str:
    """Run a program; return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


READERS: dict[str, Callable[[], Read]] = {
    reader.__name__: reader
    for reader in (
        digits, digits_guess, digits_glyphs, rapidocr, rapidocr_recogniser, ddddocr,
        ddddocr_digits, tesseract, tesseract_digits,
    )
}  # fmt: skip
"""What opens each reader, by its name: the package's, and what is special."""


def compute_with_one_thread() -> None:
    """Let OpenCV and onnxruntime compute with one thread, whatever a package asks for."""
    import cv2
    from onnxruntime import InferenceSession, SessionOptions

    cv2.setNumThreads(1)
    open_session = InferenceSession.__init__

    def open_with_one_thread(
        self: Any, model: Any, sess_options: Any = None, *arguments: Any, **options: Any
    ) -> None:
        sess_options = sess_options or SessionOptions()
        sess_options.intra_op_num_threads = 1
        open_session(self, model, sess_options, *arguments, **options)

    InferenceSession.__init__ = open_with_one_thread


def describe_package(name: str) -> dict[str, Any]:
    """The version and the bytes of a package's own files, without what it requires.

    Models count; what Python compiles does not.
    """
    if name == "tesseract":
        sizes = run("dpkg-query", "-W", "-f", "${Installed-Size}\n", *TESSERACT_FILES).split()
        return {
            "version": run(name, "--version").split()[1],
            "bytes": 1024 * sum(int(kibibytes) for kibibytes in sizes),
        }
    folder = Path(str(importlib.import_module(name).__file__)).parent
    files = (path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return {"version": version(name), "bytes": sum(path.stat().st_size for path in files)}


def read_all(read: Read, paths: list[str]) -> dict[str, Any]:
    """Read pictures; one that can't be read has no text, and the error beside it."""

    def read_one(path: str) -> tuple[str, str | None]:
        try:
            return read(path), None
        except Exception as raised:
            return "", f"{type(raised).__name__}: {raised}"

    read_one(paths[0])  # takes longer, as some things are loaded only then
    started = seconds_of_computing()
    found = [read_one(path) for path in paths]
    return {
        "seconds": (seconds_of_computing() - started) / len(paths),
        "texts": [text for text, _ in found],
        "errors": [error for _, error in found],
    }


def seconds_of_computing() -> float:
    """The time that processors gave this process and the programs that it has run.

    Unlike the time of the clock, it hardly depends on what else runs on the machine.
    """
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    name, pictures, texts = sys.argv[1:]
    package = name.partition("_")[0]
    if package != "tesseract":
        compute_with_one_thread()
    found = read_all(READERS[name](), json.loads(Path(pictures).read_text()))
    Path(texts).write_text(json.dumps({**found, **describe_package(package)}))


if __name__ == "__main__":
    main()
