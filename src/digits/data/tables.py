"""Tables of labelled pictures: a CSV file that names each picture's file and label.

Kaggle's form of MNIST, with a column for the label and one for each pixel, is taken as well.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isqrt
from pathlib import Path

import numpy as np

from digits.data.arrays import expect_contrast
from digits.data.labelled import SPLITS, LabelledPicture, LabelledPictures, clean_label
from digits.errors import DigitsError, InvalidInput
from digits.files import escaped, quoted

COLUMNS = {
    "file": ("file", "filename", "file_name", "path", "image", "picture"),
    "label": ("label", "class", "text", "digit"),
    "writer": ("writer", "author"),
    "split": ("split", "subset"),
}
"""Names of a table's columns, by what they hold."""

PIXEL = re.compile(r"pixel_?\d+")
"""Pattern of a column's name that holds a pixel."""


def read_table(path: Path) -> LabelledPictures:
    """Read a table of pictures and labels.

    Args:
        path: A CSV file in UTF-8, parted by commas, semicolons or tabs, whose first line names the
            columns. Files are named from its folder.

    Returns:
        The pictures, in the table's order; whether their files are there is not looked at.

    Raises:
        InvalidInput: If it is no such table; names the line.
        DigitsError: If it can't be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            delimiter = max(",;\t", key=head.count)
            rows = list(csv.reader(stream, delimiter=delimiter, strict=True))
    except OSError as error:
        raise DigitsError(f"Can't read {quoted(path)}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{quoted(path)}: expected a CSV file in UTF-8: {error}.") from error
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    places = _places(titles)
    pixels = [number for number, title in enumerate(titles) if PIXEL.fullmatch(title)]
    if "label" not in places or ("file" not in places and not pixels):
        found = escaped(", ".join(titles))[:80] or "nothing"
        raise InvalidInput(
            f"{quoted(path)}: expected a first line that names the columns file and label, found "
            f"{found}."
        )
    pictures = []
    scale = 1.0
    if "file" not in places:
        brightest = _brightest(rows[1:], pixels)
        scale = 255.0 if brightest <= 1 else 1.0
        expect_contrast(round(brightest * scale), path)
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{quoted(path)}, line {number}"
        if len(row) != len(titles):
            raise InvalidInput(f"{where}: expected {len(titles)} columns, found {len(row)}.")
        cells = {what: row[place] for what, place in places.items()}
        source: Path | np.ndarray
        if "file" in cells:
            name = cells["file"].strip()
            if not name or "\0" in name:
                raise InvalidInput(f"{where}: expected the name of a file, found {name!r}.")
            source = path.parent / name
        else:
            name, source = f"line {number}", _image([row[place] for place in pixels], where, scale)
        pictures.append(
            LabelledPicture(
                name, clean_label(cells["label"], where), source, _split(cells, where),
                cells.get("writer", "").strip() or None,
            )
        )  # fmt: skip
    return LabelledPictures(path, "table", pictures)


def _places(titles: Sequence[str]) -> dict[str, int]:
    """Find the columns by their names, the more usual name first."""
    return {
        what: titles.index(known[0])
        for what, names in COLUMNS.items()
        if (known := [name for name in names if name in titles])
    }


def _split(cells: Mapping[str, str], where: str) -> str | None:
    word = cells.get("split", "").strip().lower()
    if word and word not in SPLITS:
        raise InvalidInput(
            f"{where}: expected train, test or validation as its split, found {word!r}."
        )
    return SPLITS.get(word)


def _brightest(rows: Sequence[Sequence[str]], pixels: Sequence[int]) -> float:
    """Find the brightest pixel of all; what is no number is told where it stands."""
    brightest = 0.0
    for row in rows:
        with suppress(ValueError, IndexError):
            brightest = max(brightest, *(float(row[place]) for place in pixels))
    return brightest


def _image(cells: Sequence[str], where: str, scale: float) -> np.ndarray:
    side = isqrt(len(cells))
    try:
        values = np.array(cells, np.float64)
    except ValueError as error:
        raise InvalidInput(f"{where}: expected numbers as pixels ({error}).") from error
    is_grey = values.size and bool(((values >= 0) & (values <= 255)).all())
    if side * side != len(cells) or not is_grey:
        raise InvalidInput(
            f"{where}: expected the pixels of a square image, from 0 to 255, found {len(cells)} "
            "of them or others."
        )
    return np.rint(values * scale).astype(np.uint8).reshape(side, side)
