"""Custom data sets: labelled pictures of one's own as images, split, and described.

What was made of the pictures is kept in the cache, under a sum of all that decides it: the files'
bytes, labels, and how they are cropped.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from digits.data.arrays import find_idx, read_arrays, read_idx_folder
from digits.data.cache import data_root
from digits.data.catalog import CROPS
from digits.data.cropping import Cropped, LeftOut, crop_pictures
from digits.data.duplicates import Duplicates, find_duplicates
from digits.data.folders import read_folders
from digits.data.labelled import LabelledPicture, LabelledPictures, settle_splits
from digits.data.splitting import hold_out, merge_groups
from digits.data.tables import read_table
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted, write_atomic

TEST_PART = 5
"""One of so many images is a test image, where a set does not say which are."""

FILES = (".csv", ".tsv", ".npz")
"""Suffixes of files that hold labels."""

FORMAT = 1
"""Version of what is kept in the cache, and of how it is made."""


def find_labelled(path: Path) -> LabelledPictures:
    """Find the labelled pictures of a folder or file, in whichever layout they are.

    Args:
        path: A folder with a folder for each class, or of IDX files; a `.csv` or an `.npz` file.

    Raises:
        InvalidInput: If there are none, or it is no such thing.
        DigitsError: If it can't be read.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        try:
            is_idx = bool(find_idx(path))
        except OSError as error:
            raise DigitsError(f"{quoted(path)} can't be listed: {error.strerror}.") from error
        found = read_idx_folder(path) if is_idx else read_folders(path)
        tables = [name for name in found.ignored if Path(name).suffix.lower() in FILES]
        if not found.pictures and tables:
            raise InvalidInput(
                f"{quoted(path)}: expected folders named after classes, with pictures in them, "
                f"found none; if {quoted(tables[0])} has the labels, name that file."
            )
        return settle_splits(found)
    if not path.exists():
        raise InvalidInput(f"No folder or file of labelled pictures at {quoted(path)}.")
    if not path.is_file() or suffix not in FILES:
        raise InvalidInput(
            f"{quoted(path)}: expected a folder with a folder for each class, or of IDX files, a "
            ".csv or an .npz file, found something else."
        )
    return settle_splits(read_arrays(path) if suffix == ".npz" else read_table(path))


@dataclass(frozen=True, eq=False)
class CustomSet:
    """A data set of one's own: images with labels, and which of them test."""

    found: LabelledPictures
    cropped: Cropped
    duplicates: Duplicates

    @cached_property
    def pictures(self) -> list[LabelledPicture]:
        """The picture of each image."""
        return [self.found.pictures[index] for index in self.cropped.kept.tolist()]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.found.classes

    @cached_property
    def labels(self) -> Int64[np.ndarray, " n"]:
        """True class of each image, 0 to classes - 1."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers[picture.label] for picture in self.pictures], np.int64)

    @cached_property
    def groups(self) -> Int64[np.ndarray, " n"]:
        """Number of the group of each image: no split parts copies, or images of one writer."""
        numbers: dict[str, int] = {}
        # An image whose writer is not named is in a group of its own.
        names = [each.writer or f"\0{number}" for number, each in enumerate(self.pictures)]
        writers = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
        return merge_groups(self.duplicates.groups, writers)

    @cached_property
    def is_split(self) -> bool:
        """Whether the set says which images are of which split."""
        return self.pictures[0].split is not None

    @cached_property
    def is_test(self) -> Bool[np.ndarray, " n"]:
        """Whether each image is a test image: as the set says, or a fifth of each class."""
        if self.is_split:
            return np.array([picture.split == "test" for picture in self.pictures], bool)
        size = max(1, len(self.labels) // TEST_PART)
        return hold_out(self.labels, size, len(self.classes), self.groups)

    def names(self, *, is_test: bool) -> list[str]:
        """List the names of the pictures that test, or of those that train."""
        return [
            picture.name
            for picture, tests in zip(self.pictures, self.is_test.tolist(), strict=True)
            if tests == is_test
        ]

    @cached_property
    def digest(self) -> str:
        """Digest of images, labels, names of classes and splits, which tells a change of any."""
        digest = hashlib.sha256(json.dumps([self.classes, self.cropped.images.shape]).encode())
        for array in (self.cropped.images, self.labels, self.is_test, self.groups):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def describe(self) -> dict[str, Any]:
        """Describe the set, for people and as JSON: counts, sizes, what is left out, and copies."""
        parts = [self.labels[~self.is_test], self.labels[self.is_test]]
        counts = [np.bincount(part, minlength=len(self.classes)).tolist() for part in parts]
        heights, widths = self.cropped.sizes.T
        groups = self.duplicates.groups.tolist()
        copies = Counter(groups)
        writers_of: list[set[str]] = [set(), set()]
        labels_of: dict[int, set[str]] = {}
        splits_of: dict[int, set[bool]] = {}
        for group, picture, is_test in zip(
            groups, self.pictures, self.is_test.tolist(), strict=True
        ):
            if picture.writer is not None:
                writers_of[is_test].add(picture.writer)
            labels_of.setdefault(group, set()).add(picture.label)
            splits_of.setdefault(group, set()).add(is_test)
        return {
            "path": str(self.found.path),
            "layout": self.found.layout,
            "digest": self.digest,
            "image": list(self.cropped.images.shape[1:]),
            "crop": self.cropped.crop,
            "is_framed": self.cropped.is_framed,
            "is_split": self.is_split,
            "train": len(parts[0]),
            "test": len(parts[1]),
            "classes": [
                {"name": name, "train": train, "test": test}
                for name, train, test in zip(self.classes, *counts, strict=True)
            ],
            "sizes": {
                "smallest": [int(heights.min()), int(widths.min())],
                "median": [int(np.median(heights)), int(np.median(widths))],
                "largest": [int(heights.max()), int(widths.max())],
            },
            "left_out": [one._asdict() for one in self.cropped.left_out],
            "ignored": list(self.found.ignored),
            "writers": len(writers_of[0] | writers_of[1]),
            "writers_in_both_splits": len(writers_of[0] & writers_of[1]),
            "exact_duplicates": self.duplicates.num_exact,
            "near_duplicates": self.duplicates.num_near,
            "copies_in_both_splits": sum(
                is_test and len(splits_of[group]) > 1
                for group, is_test in zip(groups, self.is_test.tolist(), strict=True)
            ),
            "copies_of_different_labels": [
                {"name": picture.name, "label": picture.label}
                for picture, group in zip(
                    self.pictures, self.duplicates.groups.tolist(), strict=True
                )
                if copies[group] > 1 and len(labels_of[group]) > 1
            ],
        }


def load_custom(path: str | Path, *, crop: str | None = None, size: int | None = None) -> CustomSet:
    """Load a data set of one's own.

    Args:
        path: As `find_labelled` takes it.
        crop: How pictures become images; see `crop_pictures`.
        size: Height and width of the images in pixels; what suits them, if not given.

    Raises:
        InvalidInput: If it is no such set, or no picture in it can be used.
        DigitsError: If it can't be read.
    """
    if crop is not None and crop not in CROPS:
        raise InvalidInput(f"crop: expected {' or '.join(CROPS)}, found {crop!r}.")
    found = find_labelled(Path(path))
    kept_at = data_root() / "custom" / f"{_sum_of(found, crop, size)}.npz"
    kept = _read_kept(kept_at)
    if kept is not None:
        return CustomSet(found, *kept)
    cropped = crop_pictures(found, crop, size)
    made = CustomSet(found, cropped, find_duplicates(cropped.images))
    with suppress(DigitsError):  # where nothing can be written, it is made anew each time
        write_atomic(kept_at, _packed(made))
    return made


def _sum_of(found: LabelledPictures, crop: str | None, size: int | None) -> str:
    """Sum up all that decides the images: files, labels, crop, and the code that makes them."""
    digest = hashlib.sha256(f"{FORMAT} {version('digits')} {crop} {size} {found.classes}".encode())
    for picture in found.pictures:
        named = f"{len(picture.name)} {picture.name} {picture.label}"
        digest.update(named.encode(errors="surrogateescape"))  # a name may be no text
        if isinstance(picture.source, np.ndarray):
            digest.update(f"{picture.source.shape}".encode())
            digest.update(np.ascontiguousarray(picture.source).tobytes())
        else:
            with suppress(OSError):  # what can't be read is told when it is opened
                if picture.source.is_file():
                    with picture.source.open("rb") as stream:
                        digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _packed(made: CustomSet) -> bytes:
    stream = io.BytesIO()
    cropped = made.cropped
    facts = {
        "left_out": cropped.left_out,
        "crop": cropped.crop,
        "is_framed": cropped.is_framed,
    }
    counts = made.duplicates.num_exact, made.duplicates.num_near
    np.savez(
        stream,
        facts=np.array(json.dumps(facts)),
        images=cropped.images,
        kept=cropped.kept,
        sizes=cropped.sizes,
        groups=made.duplicates.groups,
        counts=np.array(counts),
    )
    return stream.getvalue()


def _read_kept(path: Path) -> tuple[Cropped, Duplicates] | None:
    """Read what was made before; None if it is not there, or damaged: then it is made anew."""
    try:
        with np.load(path, allow_pickle=False) as kept:  # its zip has a checksum of each array
            facts = json.loads(str(kept["facts"]))
            left_out = tuple(LeftOut(*one) for one in facts["left_out"])
            crop, is_framed = facts["crop"], facts["is_framed"]
            images, sizes = kept["images"], kept["sizes"]
            cropped = Cropped(images, kept["kept"], left_out, crop, is_framed, sizes)
            return cropped, Duplicates(kept["groups"], *kept["counts"].tolist())
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
