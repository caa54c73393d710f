"""Arrays of labelled images: `.npz` files, and folders of files in MNIST's own format, IDX."""

import gzip
import re
import zipfile
import zlib
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from digits.data.idx import read_idx
from digits.data.labelled import LabelledPicture, LabelledPictures, clean_label
from digits.errors import DigitsError, InvalidInput
from digits.files import quoted

IMAGES, LABELS = ("images", "x", "data"), ("labels", "y", "targets", "target")
"""Names of arrays, in small letters; with `train` or `test` before or after, those of a split."""

IDX_IMAGES = re.compile(r"(?P<before>.*)images(?P<after>[-.]idx3.*?)(\.gz)?", re.IGNORECASE)
"""Pattern of the name of an IDX file of images."""

FEWEST_LEVELS = 64
"""Grey level that the brightest pixel of a whole set reaches, unless it is on another scale."""

MAX_BYTES = 4 << 30
"""Most bytes of a file once it is unpacked: some 5 million images of 28×28."""


def read_arrays(path: Path) -> LabelledPictures:
    """Read the images and labels of an `.npz` file.

    Args:
        path: The file: arrays `images` (n, h, w), (n, h, w, channels) or (n, h·h), and `labels`
            (n,), whole numbers or texts; or such for `train` and `test`. `writers` (n,) and
            `classes`, the names of classes 0, 1, …, may be there.

    Returns:
        The images in order.

    Raises:
        InvalidInput: If it holds no such arrays.
        DigitsError: If it can't be read.
    """
    arrays = _load(path)
    names = arrays.get("classes", np.zeros(0, str))
    if names.ndim != 1 or len(set(names.tolist())) < len(names):
        raise InvalidInput(
            f"{quoted(path)}: expected classes as a list of different names, found "
            f"{names.shape} with {len(set(names.ravel().tolist()))}."
        )
    classes = tuple(clean_label(str(name), f"{quoted(path)}: classes") for name in names.tolist())
    pictures: list[LabelledPicture] = []
    for split in ("train", "test", None):
        images, labels = _named(arrays, IMAGES, split), _named(arrays, LABELS, split)
        if images is None or labels is None:
            continue
        writers = arrays.get("writers") if split is None else None
        pictures += _pictures(path, images, labels, classes, split, writers)
    if not pictures:
        found = ", ".join(sorted(arrays)) or "none"
        raise InvalidInput(
            f"{quoted(path)}: expected arrays named images and labels, or x_train, y_train, x_test "
            f"and y_test, found {found[:80]}."
        )
    return LabelledPictures(path, "arrays", pictures, class_names=classes)


def find_idx(folder: Path) -> list[Path]:
    """List the files of images in MNIST's format that lie in a folder; of two copies, the plain."""
    found = {path.name: path for path in folder.iterdir() if IDX_IMAGES.fullmatch(path.name)}
    return [
        path
        for name, path in sorted(found.items())
        if name.removesuffix(".gz") == name or name.removesuffix(".gz") not in found
    ]


def read_idx_folder(folder: Path) -> LabelledPictures:
    """Read the images and labels of a folder of IDX files, plain or gzipped.

    `train-images-idx3-ubyte` has its labels in `train-labels-idx1-ubyte`, and so on; files named
    `t10k` or `test` are the test split.

    Raises:
        InvalidInput: If the labels of a file of images are missing.
        DigitsError: If a file can't be read.
    """
    pictures: list[LabelledPicture] = []
    found = find_idx(folder)
    num_test = sum(_is_test(path) for path in found)
    if num_test > 1 or len(found) - num_test > 1:
        names = ", ".join(path.name for path in found[:3])
        raise InvalidInput(
            f"{quoted(folder)}: expected one file of training images and one of test images, found "
            f"{names}; give each set a folder of its own."
        )
    for path in found:
        matched = IDX_IMAGES.fullmatch(path.name)
        assert matched is not None
        stem = f"{matched['before']}labels{matched['after'].replace('idx3', 'idx1')}"
        candidates = [folder / stem, folder / f"{stem}.gz"]
        labels_path = next((each for each in candidates if each.is_file()), None)
        if labels_path is None:
            raise InvalidInput(f"{quoted(path)}: expected its labels in {stem}, found none.")
        split = None if len(found) == 1 else "test" if _is_test(path) else "train"
        images = read_idx(_unpacked(path), path.name)
        labels = read_idx(_unpacked(labels_path), labels_path.name)
        pictures += _pictures(path, images, labels, (), split, None)
    return LabelledPictures(folder, "IDX", pictures)


def _is_test(path: Path) -> bool:
    return re.search("t10k|test", path.name, re.IGNORECASE) is not None


def _load(path: Path) -> dict[str, np.ndarray]:
    """Load all arrays of an `.npz` file by their names in small letters, executing nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            num_bytes = sum(part.file_size for part in archive.infolist())
        if num_bytes > MAX_BYTES:
            raise InvalidInput(
                f"{quoted(path)}: expected at most {MAX_BYTES:,} bytes once it is unpacked, found "
                f"{num_bytes:,}; cut it into parts."
            )
        with np.load(path, allow_pickle=False) as arrays:
            found = {name.lower(): arrays[name] for name in arrays.files}
        strange = [name for name, array in found.items() if not isinstance(array, np.ndarray)]
        if strange:
            raise ValueError(f"{strange[0]} is no array")
        return found
    except OSError as error:
        raise DigitsError(f"Can't read {quoted(path)}: {error.strerror or error}.") from error
    except InvalidInput:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes NumPy raise almost anything
        reason = " ".join(str(error).split())[:100]
        raise InvalidInput(f"{quoted(path)}: expected an .npz file of arrays: {reason}.") from error


def _named(
    arrays: dict[str, np.ndarray], names: tuple[str, ...], split: str | None
) -> np.ndarray | None:
    parts = [""] if split is None else [f"_{split}", f"{split}_"]
    for name in names:
        for part in parts:
            wanted = f"{part}{name}" if part.endswith("_") else f"{name}{part}"
            if wanted in arrays:
                return arrays[wanted]
    return None


def _pictures(
    path: Path,
    images: np.ndarray,
    labels: np.ndarray,
    classes: tuple[str, ...],
    split: str | None,
    writers: np.ndarray | None,
) -> list[LabelledPicture]:
    images = _as_pictures(images, path)
    if labels.shape != images.shape[:1] or (writers is not None and writers.shape != labels.shape):
        raise InvalidInput(
            f"{quoted(path)}: expected a label for each of {len(images):,} images, and a writer or "
            f"none, found labels {labels.shape}."
        )
    if labels.dtype.kind not in "iuUS":
        raise InvalidInput(
            f"{quoted(path)}: expected whole numbers or texts as labels, found {labels.dtype}."
        )
    prefix = f"{split} image" if split else "image"
    return [
        LabelledPicture(
            f"{prefix} {number}",
            _label(label, classes, f"{quoted(path)}, {prefix} {number}"),
            image,
            split,
            None if writers is None else str(writers[number]),
        )
        for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True))
    ]


def _as_pictures(images: np.ndarray, path: Path) -> UInt8[np.ndarray, "n ..."]:
    """Take images as 8 bits: numbers are from 0 to 1, or from 0 to 255."""
    side = isqrt(images.shape[1]) if images.ndim == 2 else 0
    if side and side * side == images.shape[1]:
        images = images.reshape(len(images), side, side)
    has_channels = images.ndim == 4 and images.shape[3] in (1, 3, 4)
    if not (images.ndim == 3 or has_channels) or 0 in images.shape:
        raise InvalidInput(
            f"{quoted(path)}: expected images (n, h, w), (n, h, w, channels) or of a square number "
            f"of pixels (n, pixels), found {images.shape}."
        )
    if images.dtype.kind not in "buif":
        raise InvalidInput(f"{quoted(path)}: expected numbers as pixels, found {images.dtype}.")
    if images.dtype != np.uint8:
        low, high = float(images.min()), float(images.max())
        if not 0 <= low <= high <= 255:
            raise InvalidInput(
                f"{quoted(path)}: expected pixels from 0 to 255, or from 0 to 1, found {low:g} to "
                f"{high:g}."
            )
        scale = 255 if high <= 1 else 1
        images = np.rint(images.astype(np.float32) * scale).astype(np.uint8)
    elif int(images.max()) == 1:
        images = images * np.uint8(255)
    expect_contrast(int(images.max()), path)
    return images[..., 0] if has_channels and images.shape[3] == 1 else images


def expect_contrast(brightest: int, path: Path) -> None:
    """Refuse images that are all but black: they are on another scale.

    Raises:
        InvalidInput: If the brightest pixel of all is below 64.
    """
    if brightest < FEWEST_LEVELS:
        raise InvalidInput(
            f"{quoted(path)}: expected pixels from 0 to 255, or from 0 to 1, found at most "
            f"{brightest}; scale them."
        )


def _label(value: Any, classes: tuple[str, ...], where: str) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, int) and classes:
        if not 0 <= value < len(classes):
            raise InvalidInput(
                f"{where}: expected a label from 0 to {len(classes) - 1}, as it has "
                f"{len(classes)} classes, found {value}."
            )
        return classes[value]
    label = clean_label(str(value), where)
    if classes and label not in classes:
        raise InvalidInput(f"{where}: expected one of its classes as a label, found {label!r}.")
    return label


def _unpacked(path: Path) -> bytes:
    try:
        if path.suffix.lower() != ".gz":
            return path.read_bytes()
        with gzip.open(path) as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DigitsError(f"Can't read {quoted(path)}: {reason}.") from error
    if len(content) > MAX_BYTES:
        raise DigitsError(f"{quoted(path)}: expected at most {MAX_BYTES:,} bytes, found more.")
    return content
