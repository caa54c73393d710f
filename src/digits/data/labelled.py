"""Labelled pictures of one's own: each a file or an array, with its label, not yet decoded."""

import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from digits.data.catalog import DIGITS
from digits.errors import InvalidInput
from digits.files import escaped, quoted
from digits.reading.folder import natural_key

MAX_LABEL = 1000
"""Most characters of a label: the name of a class, or all digits of a page."""

SHOWN = 40
"""Most characters of a label that a message shows."""

MAX_CLASSES = 1000
"""Most classes of a set, as a run's metadata may not ask for more."""

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
"""What people call a set's splits, as names of folders and in tables."""


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with its label."""

    name: str
    """Where it is in the set: a file's path below its folder, or "image 17"."""
    label: str
    """Name of its class, or the digits on it."""
    source: Path | UInt8[np.ndarray, "..."]
    """The file, or the pixels (h, w) or (h, w, channels)."""
    split: str | None = None
    """`train` or `test`, if the set says it."""
    writer: str | None = None
    """Who wrote it, if the set says it."""


@dataclass(frozen=True)
class LabelledPictures:
    """All labelled pictures of a folder or file."""

    path: Path
    layout: str
    """How they are kept: folders, table, arrays or IDX."""
    pictures: list[LabelledPicture]
    ignored: tuple[str, ...] = ()
    """Files in the folder that are no pictures."""
    class_names: tuple[str, ...] = ()
    """Names of the classes in order, if the set gives them an order."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes: in the set's own order, the ten digits, or in natural order.

        A set of digits has all ten, also where it has no picture of one.

        Raises:
            InvalidInput: If they are too many.
        """
        found = {picture.label for picture in self.pictures} | set(self.class_names)
        if len(found) > MAX_CLASSES:
            raise InvalidInput(
                f"{quoted(self.path)}: expected at most {MAX_CLASSES:,} classes, found "
                f"{len(found):,} different labels."
            )
        if found <= set(DIGITS):
            return DIGITS
        return self.class_names or tuple(sorted(found, key=natural_key))

    @property
    def counts(self) -> Counter[str]:
        """Number of pictures of each label."""
        return Counter(picture.label for picture in self.pictures)


def clean_label(text: str, where: str) -> str:
    """Take a label as it is written, in Unicode's composed form, without spaces around it.

    Args:
        text: The label.
        where: Where it stands, for the message.

    Raises:
        InvalidInput: If it is empty, too long, or has characters that can't be seen.
    """
    label = unicodedata.normalize("NFC", text).strip()
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidInput(
            f"{where}: expected a label of 1 to {MAX_LABEL} characters that can be seen, found "
            f"{escaped(label)[:SHOWN]!r}."
        )
    return label


def settle_splits(found: LabelledPictures) -> LabelledPictures:
    """Take the splits that a set names if it names both, for all of its pictures; else none.

    Raises:
        InvalidInput: If it has no pictures, or only some say what split they are of.
    """
    if not found.pictures:
        raise InvalidInput(
            f"{quoted(found.path)}: expected labelled pictures, found none; expected are folders "
            "named after the classes, with pictures in them."
        )
    without = [picture for picture in found.pictures if picture.split is None]
    if 0 < len(without) < len(found.pictures):
        raise InvalidInput(
            f"{quoted(found.path)}: expected train or test as the split of all pictures, or of "
            f"none; found {len(without):,} without, such as {escaped(without[0].name)}."
        )
    if len({picture.split for picture in found.pictures}) == 1:
        pictures = [replace(picture, split=None) for picture in found.pictures]
        return replace(found, pictures=pictures)
    return found
