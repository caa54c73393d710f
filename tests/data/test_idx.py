import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from digits.data.idx import read_idx, write_idx
from digits.errors import DigitsError, InvalidInput

arrays = hnp.arrays(
    np.uint8,
    st.one_of(
        hnp.array_shapes(min_dims=1, max_dims=1, max_side=40),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
    ),
)


@given(arrays)
def test_what_was_written_is_read_back(array: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read_idx(write_idx(array), "x"), array, strict=True)


@given(arrays, st.data())
def test_any_truncation_is_refused(array: NDArray[np.uint8], data: st.DataObject) -> None:
    content = write_idx(array)
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DigitsError, match=r"expected .*, found"):
        read_idx(content[:length], "x")


@given(arrays, st.data())
def test_any_flipped_bit_of_the_header_is_refused_or_harmless(
    array: NDArray[np.uint8], data: st.DataObject
) -> None:
    content = bytearray(write_idx(array))
    header_size = 4 + 4 * array.ndim
    bit = data.draw(st.integers(0, 8 * header_size - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        found = read_idx(bytes(content), "x")
    except DigitsError:
        return
    assert found.shape == array.shape


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        array = read_idx(content, "x")
    except DigitsError:
        return
    assert write_idx(array) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0", r"labels: expected an IDX header, found 2 bytes"),
        (b"\0\0\x0d\x03" + bytes(12), r"found 0x00000d03"),
        (b"\0\0\x08\x03\0\0\0\x01", r"expected an IDX header of 16 bytes, found 8"),
        (struct.pack(">2I", 0x801, 0), r"dimensions of at least 1, found \(0,\)"),
        (struct.pack(">2I", 0x801, 2) + b"\1", r"expected 10 bytes for the shape \(2,\), found 9"),
        (struct.pack(">4I", 0x803, *[2**32 - 1] * 3), r"expected [\d,]+ bytes .*, found 16"),
    ],
)
def test_messages_say_what_was_expected_and_found(content: bytes, message: str) -> None:
    with pytest.raises(DigitsError, match=message) as caught:
        read_idx(content, "labels")
    assert "\n" not in str(caught.value)


def test_arrays_are_views_that_are_writable_if_the_memory_is() -> None:
    content = bytearray(write_idx(np.zeros(3, np.uint8)))
    array = read_idx(memoryview(content), "x")
    array[:] = 7
    assert content[-3:] == b"\7\7\7"
    assert not read_idx(bytes(content), "x").flags.writeable


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), np.uint8), np.zeros(2, np.int64), np.zeros((0, 28, 28), np.uint8)]
)
def test_only_what_mnist_needs_is_written(array: NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidInput, match=r"expected an array of uint8 .*, found"):
        write_idx(array)
