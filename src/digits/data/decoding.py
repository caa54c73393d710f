"""Decoding: from the files of a data set's split to arrays of images and labels."""

import bz2
import io
import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from digits.data.catalog import Part, Published
from digits.data.idx import read_idx
from digits.errors import DigitsError

WRITER_COLUMN = 2
"""Column of QMNIST's labels with the number of the writer; the first has the class."""


class Decoded(NamedTuple):
    """A split as arrays."""

    images: UInt8[np.ndarray, "n h w"]
    """Raw pixels: 255 is ink, 0 is paper."""
    labels: Int64[np.ndarray, " n"]
    """Classes, from 0."""
    writers: Int64[np.ndarray, " n"] | None
    """Number of the writer of each image, if the files say it."""


def decode_part(published: Published, part: Part, contents: dict[str, memoryview]) -> Decoded:
    """Decode the files of a split.

    Args:
        published: The set.
        part: The split's files.
        contents: Contents of the files by name.

    Returns:
        Images, upright, with their labels; images share the memory of the contents where they can.

    Raises:
        DigitsError: If a file is not of its format, or they do not fit each other.
    """
    images_file, labels_file = part.images.name, part.labels.name
    if part.labels is part.images:
        images, labels = read_libsvm(contents[images_file], images_file, published.size)
    else:
        images = read_idx(contents[images_file], images_file)
        labels = read_idx(contents[labels_file], labels_file)
    writers = None
    if labels.ndim == 2:
        writers, labels = labels[:, WRITER_COLUMN].astype(np.int64), labels[:, 0]
    if len(images) != len(labels) or images.shape[1:] != (published.size, published.size):
        raise DigitsError(
            f"{published.title}: expected as many labels as images of {published.size} pixels, "
            f"found images {images.shape} and labels {labels.shape}."
        )
    if published.is_transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    labels = labels.astype(np.int64) - published.first_label
    first = part.first
    return Decoded(images[first:], labels[first:], None if writers is None else writers[first:])


def read_libsvm(
    content: bytes | memoryview, name: str, size: int
) -> tuple[UInt8[np.ndarray, "n h w"], Int32[np.ndarray, " n"]]:
    """Read images from a file of LIBSVM's format: a line each, "label 1:-1 2:-0.8 …", in bzip2.

    Args:
        content: The whole file, compressed.
        name: File name for error messages.
        size: Height and width of an image.

    Returns:
        Images, whose pixels from -1 (paper) to 1 (ink) are scaled to 0 to 255; labels as they are.

    Raises:
        DigitsError: If the file is not of this format.

    Source: Chang and Lin, LIBSVM's README, for the format.
    """
    try:
        text = re.sub(r"\b\d+:", "", bz2.decompress(content).decode("ascii"))
        table = np.loadtxt(io.StringIO(text), np.float64, ndmin=2)
        pixels = table[:, 1:].reshape(-1, size, size)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DigitsError(
            f"{name}: expected lines of a label and {size**2} pixels, in bzip2: {reason}."
        ) from error
    levels = np.rint((pixels.clip(-1, 1) + 1) / 2 * 255).astype(np.uint8)
    return levels, table[:, 0].astype(np.int32)
