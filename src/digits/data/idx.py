"""The IDX format: how MNIST's makers wrote arrays to files.

Four bytes of magic (0, 0, the type of a number, how many dimensions), each dimension as a
big-endian 32-bit integer, then the numbers, last dimension fastest. MNIST needs bytes (type 8)
in one dimension (labels) and in three (images); nothing else is taken for IDX here.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from digits.errors import DigitsError, InvalidInput

_NUM_DIMS_OF_MAGIC = {0x0801: 1, 0x0803: 3}
_MAGIC_OF_NUM_DIMS = {num_dims: magic for magic, num_dims in _NUM_DIMS_OF_MAGIC.items()}


def read_idx(content: bytes | memoryview, name: str) -> NDArray[np.uint8]:
    """Read an uncompressed IDX file: labels (n,) or images (n, height, width).

    Args:
        content: The whole file.
        name: What messages call it.

    Returns:
        A view of `content`, not a copy, so it can be written to only if `content` can be.

    Raises:
        DigitsError: If magic, dimensions or length are not those of such a file.

    Source: the description that came with the files, yann.lecun.com/exdb/mnist.

    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 4]), "labels")
    array([7, 4], dtype=uint8)
    """
    if len(content) < 4:
        raise DigitsError(f"{name}: expected an IDX header, found {len(content)} bytes.")
    (magic,) = struct.unpack_from(">I", content)
    num_dims = _NUM_DIMS_OF_MAGIC.get(magic)
    if num_dims is None:
        raise DigitsError(
            f"{name}: expected the IDX magic 0x00000801 or 0x00000803, found {magic:#010x}."
        )
    header_size = 4 + 4 * num_dims
    if len(content) < header_size:
        raise DigitsError(
            f"{name}: expected an IDX header of {header_size} bytes, found {len(content)}."
        )
    shape = struct.unpack_from(f">{num_dims}I", content, offset=4)
    if 0 in shape:
        raise DigitsError(f"{name}: expected dimensions of at least 1, found {shape}.")
    expected_size = header_size + math.prod(shape)
    if len(content) != expected_size:
        raise DigitsError(
            f"{name}: expected {expected_size:,} bytes for the shape {shape}, "
            f"found {len(content):,}."
        )
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)


def write_idx(array: NDArray[np.uint8]) -> bytes:
    """Write labels (n,) or images (n, height, width) as the content of an IDX file.

    Raises:
        InvalidInput: If `array` is not of bytes, has another number of dimensions, or is empty.

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
