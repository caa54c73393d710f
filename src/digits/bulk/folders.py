"""Folders: which of their files are pictures to read, and what is left out of them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from digits.extras import command_for
from digits.reading.folder import is_hidden, natural_key
from digits.reading.ink.formats import (
    NAMES,
    SIGNATURE_BYTES,
    SUFFIXES,
    USUAL_SIGNATURE,
    missing_package,
    name_format,
    suffixes_not_read,
)

MOST_NAMED = 3
"""Limit on a message: names of one kind that are given; more are counted."""


@dataclass
class Names:
    """Names of one kind, of which there may be millions: the first ones, and how many."""

    first: list[str] = field(default_factory=list)
    number: int = 0

    def add(self, *names: str) -> None:
        """Count names, and keep those that are among the first."""
        self.number += len(names)
        self.first += names[: MOST_NAMED - len(self.first)]


def advice_for(form: str) -> str:
    """What to do to have pictures in a format read that is not read here."""
    command = command_for(missing_package(form))
    return f"install what reads them: {command}" if command else "save as PNG or JPEG"


@dataclass
class LeftOut:
    """What is left out of a folder, and of its subfolders if these are read too."""

    folder: Path
    """The folder that was named."""
    no_pictures: Names = field(default_factory=Names)
    """Files that are no pictures."""
    not_read: dict[str, Names] = field(default_factory=dict)
    """Pictures in formats that are not read here, by the format's name."""
    subfolders: Names = field(default_factory=Names)
    """Folders in it, where only the pictures of the folder itself are read."""
    links: Names = field(default_factory=Names)
    """Links to folders, which are not followed: one may lead back to where it is."""

    _suffixes_not_read: frozenset[str] = field(default_factory=suffixes_not_read, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was left out."""
        others = (self.no_pictures, self.subfolders, self.links)
        return not self.not_read and not any(names.number for names in others)

    def name_of(self, path: Path) -> str:
        """The name of what is in the folder, or in a subfolder of it."""
        return str(path.relative_to(self.folder))

    def takes(self, path: Path) -> bool:
        """Whether a file in the folder is a picture to read; what is none is counted.

        Suffixes tell, and the first bytes of a file without one. So they do for formats that are
        not read: many a JPEG is called `.heic`. What can't be told is read, to say why it can't be.
        """
        suffix = path.suffix.lower()
        is_not_read = suffix in self._suffixes_not_read
        if suffix in SUFFIXES and not is_not_read:
            return True
        form = None
        if is_not_read or not suffix:
            beginning = _beginning(path)
            if beginning is None or USUAL_SIGNATURE.match(beginning):
                return True
            form = name_format(beginning)
            if form is None and suffix:
                return True
            if form in NAMES and not missing_package(form):
                return True
        names = self.no_pictures if form is None else self.not_read.setdefault(form, Names())
        names.add(self.name_of(path))
        return False


def list_folder(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """List what people see in a folder, in natural order.

    Args:
        folder: The folder.

    Returns:
        Names of its files, or what else is no folder; of its folders; of links to folders.

    Raises:
        OSError: If it can't be listed.
    """
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if not _is_folder(entry):
                files.append(entry.name)
            elif entry.is_symlink():
                links.append(entry.name)
            else:
                folders.append(entry.name)
    for names in (files, folders, links):
        names.sort(key=natural_key)
    return files, folders, links


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or where one may not look
        return False


def _beginning(path: Path) -> bytes | None:
    """The first bytes of a file, or None if it can't be opened; nothing, if it is no file."""
    try:
        if not path.is_file():  # a pipe would wait for someone to write to it
            return b""
        with path.open("rb") as file:
            return file.read(SIGNATURE_BYTES)
    except OSError:
        return None
