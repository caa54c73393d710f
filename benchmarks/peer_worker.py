"""Read pictures by another package; peers.py runs this in an environment that has the package.

    python peer_worker.py READER PICTURES.json TEXTS.json

The first file lists paths; the second gets the text of each picture, the seconds that each took,
and the size of the package's files. It imports nothing of digits.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = "0123456789"

Read = Callable[[str], str]
"""What reads the text of the picture at a path."""


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
    possible = [0, *(decode.dict[digit] for digit in DIGITS)]  # 0 is the blank of CTC

    def decode_digits(predictions: np.ndarray, *arguments: Any, **options: Any) -> Any:
        held = np.zeros_like(predictions)
        held[..., possible] = predictions[..., possible]
        return decode(held, *arguments, **options)

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

    def read(path: str) -> str:
        found = engine.classification(Path(path).read_bytes(), probability=True)
        charset: list[str] = found["charset"]
        possible = [0, *(charset.index(digit) for digit in DIGITS)]  # 0 is the blank of CTC
        columns = np.array(found["probabilities"]).reshape(-1, len(charset))
        best = columns[:, possible].argmax(axis=1).tolist()
        return "".join(
            DIGITS[symbol - 1]
            for symbol, before in zip(best, [0, *best[:-1]], strict=True)
            if symbol not in (0, before)
        )

    return read


def pytesseract() -> Read:
    """Read the text, as the package's documents say."""
    from PIL import Image
    from pytesseract import image_to_string

    return lambda path: str(image_to_string(Image.open(path)))


def pytesseract_digits() -> Read:
    """Read the whole picture as one line of digits."""
    from PIL import Image
    from pytesseract import image_to_string

    config = f"--psm 7 -c tessedit_char_whitelist={DIGITS}"
    return lambda path: str(image_to_string(Image.open(path), config=config))


READERS: dict[str, Callable[[], Read]] = {
    reader.__name__: reader
    for reader in (
        rapidocr, rapidocr_recogniser, ddddocr, ddddocr_digits, pytesseract, pytesseract_digits,
    )
}  # fmt: skip
"""What opens each reader, by its name: the package's, and what is special."""


def size_of_package(name: str) -> int:
    """The bytes of a package's own files, models included, without what it requires."""
    paths = (Path(str(file.locate())) for file in distribution(name).files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def read_all(read: Read, paths: list[str]) -> dict[str, list[Any]]:
    """Read pictures; one that can't be read has no text, and the error beside it."""
    texts, seconds, errors = [], [], []
    for path in paths:
        started = time.perf_counter()
        try:
            text, error = read(path), None
        except Exception as raised:
            text, error = "", f"{type(raised).__name__}: {raised}"
        texts.append(text)
        seconds.append(time.perf_counter() - started)
        errors.append(error)
    return {"texts": texts, "seconds": seconds, "errors": errors}


def main() -> None:
    name, pictures, texts = sys.argv[1:]
    paths = json.loads(Path(pictures).read_text())
    found = {
        **read_all(READERS[name](), paths),
        "package_bytes": size_of_package(name.partition("_")[0]),
        "version": distribution(name.partition("_")[0]).version,
    }
    Path(texts).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
