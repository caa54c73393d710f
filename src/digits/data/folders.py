"""Folders by class: the pictures in a folder are of the class that it is named after."""

import os
from collections.abc import Iterator
from pathlib import Path

from digits.data.labelled import SPLITS, LabelledPicture, LabelledPictures, clean_label
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted
from digits.reading.folder import natural_key
from digits.reading.ink.formats import OTHER_SUFFIXES, SUFFIXES

NO_CLASSES = ("__MACOSX",)
"""Folders that programs leave behind."""


def read_folders(folder: Path) -> LabelledPictures:
    """List the pictures in a folder's folders, or in those of its folders `train` and `test`.

    Pictures may lie deeper: those in `7/anna/` are of class 7 as well. Hidden files and folders are
    left alone, and links to folders are not followed.

    Args:
        folder: The folder.

    Returns:
        The pictures in natural order of their names. Files of formats that can't be read are among
        them, so that none is left out in silence; other files are ignored, and listed.

    Raises:
        InvalidInput: If a folder's name is no label, or folders of splits and classes are mixed.
        DigitsError: If a folder can't be listed.
    """
    inner = [name for name in _folders(folder) if any(_files(folder / name))]
    outer = {name for name in inner if name.lower() in SPLITS}
    is_split = bool(outer)
    if is_split and outer != set(inner):
        (other, *_) = (name for name in inner if name not in outer)
        raise InvalidInput(
            f"{quoted(folder)}: expected folders of splits alone, or of classes alone, found "
            f"{quoted(sorted(outer)[0])} beside {quoted(other)}."
        )
    pictures: list[LabelledPicture] = []
    ignored: list[str] = []
    for part in sorted(outer, key=natural_key) if is_split else [""]:
        root, split = folder / part, SPLITS.get(part.lower()) if is_split else None
        for name in _folders(root):
            label = clean_label(name, quoted(root / name))
            for path in _files(root / name):
                shown = str(path.relative_to(folder))
                if path.suffix.lower() in SUFFIXES | OTHER_SUFFIXES:
                    pictures.append(LabelledPicture(shown, label, path, split))
                else:
                    ignored.append(shown)
        ignored += [str(path.relative_to(folder)) for path in _files(root, deep=False)]
    return LabelledPictures(folder, "folders", pictures, tuple(ignored))


def _folders(folder: Path) -> list[str]:
    return [
        entry.name
        for entry in _entries(folder)
        if entry.is_dir(follow_symlinks=False) and entry.name not in NO_CLASSES
    ]


def _files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    for entry in _entries(folder):
        if not entry.is_dir(follow_symlinks=False):
            yield folder / entry.name
        elif deep:
            yield from _files(folder / entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List what is in a folder, in natural order, without what is hidden."""
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DigitsError(f"{quoted(folder)} can't be listed: {error.strerror}.") from error
    return sorted(seen, key=lambda entry: natural_key(entry.name))
