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

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}
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
    """`train`, `test` or `validation`, if the set says it."""
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
    """Take the splits that a set names, if it names two at least, for all of its pictures.

    What is called validation is the test split, if there is no other; else it trains with the rest,
    of which images are held out to choose by.

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
    names = {picture.split for picture in found.pictures}
    new: dict[str | None, str] = {}
    if len(names) == 1:
        pass
    elif "test" in names:  # images to choose by are held out of those that train
        new = {"train": "train", "validation": "train", "test": "test"}
    else:
        new = {"train": "train", "validation": "test"}
    pictures = [replace(picture, split=new.get(picture.split)) for picture in found.pictures]
    return replace(found, pictures=pictures)
