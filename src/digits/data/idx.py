"""The IDX file format, in which MNIST and sets like it were published.

A file begins with a magic number of four bytes: 0, 0, the data type, the number of dimensions.
Each dimension follows as a big-endian 32-bit integer, then the data, last dimension fastest.
MNIST uses unsigned bytes (type 8) in one dimension (labels) and in three (images); QMNIST's labels
are rows of 32-bit integers (type 12). This module reads these three, and writes the first two.
"""

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.errors import DigitsError, InvalidInput

_KINDS: dict[int, tuple[int, np.dtype[Any]]] = {
    0x0801: (1, np.dtype(np.uint8)),
    0x0803: (3, np.dtype(np.uint8)),
    0x0C02: (2, np.dtype(">i4")),
}
"""Number of dimensions, and type of the data, by magic number."""

_MAGIC_OF_NUM_DIMS = {1: 0x0801, 3: 0x0803}


def read_idx(content: bytes | memoryview, name: str) -> NDArray[Any]:
    """Read an uncompressed IDX file: labels (n,), images (n, height, width), or rows of integers.

    Args:
        content: The whole file.
        name: File name for error messages.

    Returns:
        A view of `content` without a copy, writable only if `content` is.

    Raises:
        DigitsError: If the magic number, the dimensions or the length are invalid.

    Source: the description of the files at yann.lecun.com/exdb/mnist.

    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 4]), "labels")
    array([7, 4], dtype=uint8)
    """
    if len(content) < 4:
        raise DigitsError(f"{name}: expected an IDX header, found {len(content)} bytes.")
    (magic,) = struct.unpack_from(">I", content)
    if magic not in _KINDS:
        known = ", ".join(f"{each:#010x}" for each in _KINDS)
        raise DigitsError(f"{name}: expected an IDX magic number of {known}; found {magic:#010x}.")
    num_dims, dtype = _KINDS[magic]
    header_size = 4 + 4 * num_dims
    if len(content) < header_size:
        raise DigitsError(
            f"{name}: expected an IDX header of {header_size} bytes, found {len(content)}."
        )
    shape = struct.unpack_from(f">{num_dims}I", content, offset=4)
    if 0 in shape:
        raise DigitsError(f"{name}: expected dimensions of at least 1, found {shape}.")
    expected_size = header_size + math.prod(shape) * dtype.itemsize
    if len(content) != expected_size:
        raise DigitsError(
            f"{name}: expected {expected_size:,} bytes for the shape {shape}, "
            f"found {len(content):,}."
        )
    return np.frombuffer(content, dtype, offset=header_size).reshape(shape)


def write_idx(array: NDArray[np.uint8]) -> bytes:
    """Encode labels (n,) or images (n, height, width) as an IDX file.

    Args:
        array: The labels or images, neither of them empty.

    Returns:
        The content of the file.

    Raises:
        InvalidInput: If `array` is not uint8, has another number of dimensions, or is empty.

    >>> write_idx(np.array([7, 4], np.uint8)).hex(" ")
    '00 00 08 01 00 00 00 02 07 04'
    """
    magic = _MAGIC_OF_NUM_DIMS.get(array.ndim)
    if array.dtype != np.uint8 or magic is None or array.size == 0:
        raise InvalidInput(
            "For IDX, expected an array of uint8 with 1 or 3 dimensions of at least 1, "
            f"found {array.dtype} {array.shape}."
        )
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()
