"""Mutations of files: bits, lengths, segments and halves that are not as they were written."""

import random
import struct
import zlib
from collections.abc import Callable
from typing import Literal

from digits.reading.onnx_graph import seal

PNG = b"\x89PNG\r\n\x1a\n"
NUMBERS = (0, 1, 2, 7, 8, 28, 100, 255, 256, 4096, 65_535, 65_536, 2**24, 2**31 - 1, 2**32 - 1)
"""Values that lengths, sizes and offsets are changed to."""

WORDS = (b"nan", b"inf", b"-1", b"1e999", b"null", b"{", b"[", b'"', b"\n", b"\x00", b"\xff", b"=")
"""What is put into texts."""

HEAD_BYTES = 256
"""Where most formats have their sizes: half of all changes are made here."""

Mutation = Callable[[bytearray, bytes, random.Random], None]
"""Changes a file in place; the second file is another one, of the same format or not."""


def place(content: bytearray, rng: random.Random) -> int:
    """Choose a place, often in the head."""
    end = len(content) if rng.random() < 0.5 else min(len(content), HEAD_BYTES)
    return rng.randrange(end) if end else 0


def flip_bit(content: bytearray, other: bytes, rng: random.Random) -> None:
    if content:
        content[place(content, rng)] ^= 1 << rng.randrange(8)


def change_byte(content: bytearray, other: bytes, rng: random.Random) -> None:
    if content:
        content[place(content, rng)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])


def change_number(content: bytearray, other: bytes, rng: random.Random) -> None:
    """Change what may be a length: two or four bytes in either order."""
    size, at = rng.choice([2, 4]), place(content, rng)
    order: Literal["big", "little"] = rng.choice(["big", "little"])
    found = int.from_bytes(content[at : at + size], order)
    value = rng.choice([found + 1, found - 1, 2 * found, rng.choice(NUMBERS)])
    new = (value % 256**size).to_bytes(size, order)
    content[at : at + size] = new[: len(content) - at]


def truncate(content: bytearray, other: bytes, rng: random.Random) -> None:
    del content[place(content, rng) :]


def remove(content: bytearray, other: bytes, rng: random.Random) -> None:
    at = place(content, rng)
    del content[at : at + rng.choice([1, 2, 4, rng.randint(1, 200)])]


def repeat(content: bytearray, other: bytes, rng: random.Random) -> None:
    at = place(content, rng)
    content[at:at] = content[at : at + rng.choice([1, 4, rng.randint(1, 200)])]


def insert(content: bytearray, other: bytes, rng: random.Random) -> None:
    at = place(content, rng)
    content[at:at] = rng.choice([rng.choice(WORDS), rng.randbytes(rng.randint(1, 30))])


def splice(content: bytearray, other: bytes, rng: random.Random) -> None:
    """End it as another file ends."""
    at = place(content, rng)
    start = at if rng.random() < 0.5 else rng.randrange(len(other) + 1)
    content[at:] = other[start:]


def shuffle_segments(content: bytearray, other: bytes, rng: random.Random) -> None:
    """Leave a segment out, double it, or put another one in its place."""
    found = segments(bytes(content))
    if len(found) < 3:
        return
    at = rng.randrange(1, len(found))
    match rng.randrange(4):
        case 0:
            del found[at]
        case 1:
            found.insert(at, found[at])
        case 2:
            found.insert(at, found.pop(rng.randrange(1, len(found))))
        case _:
            found[at] = rng.choice(segments(other))
    content[:] = b"".join(found)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    flip_bit,
    change_byte,
    change_number,
    change_number,
    truncate,
    remove,
    repeat,
    insert,
    splice,
    shuffle_segments,
)


def mutate(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a file, most often in one or two places."""
    mutated = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5, 8])):
        rng.choice(MUTATIONS)(mutated, other, rng)
    return bytes(mutated)


def segments(content: bytes) -> list[bytes]:
    """Cut a file into the segments of its format, of which the first is its signature.

    Formats other than PNG, JPEG and RIFF (WebP) are cut every 64 bytes.
    """
    if content.startswith(PNG):
        return _cut(content, 8, lambda at: 12 + _number(content, at, ">I"))
    if content.startswith(b"RIFF"):
        return _cut(content, 12, lambda at: 8 + (_number(content, at + 4, "<I") + 1) // 2 * 2)
    if content.startswith(b"\xff\xd8"):
        return _cut(content, 2, lambda at: _jpeg_segment(content, at))
    return _cut(content, 8, lambda at: 64)


def _cut(content: bytes, at: int, size: Callable[[int], int]) -> list[bytes]:
    found = [content[:at]]
    while at < len(content):
        end = at + size(at)
        found.append(content[at:end])
        at = end
    return found


def _number(content: bytes, at: int, form: str) -> int:
    """Read a number; 0 where the file ends before it."""
    size = struct.calcsize(form)
    (number,) = struct.unpack(form, content[at : at + size].ljust(size, b"\0"))
    return int(number)


def _jpeg_segment(content: bytes, at: int) -> int:
    """Length of a segment: marker, length and all; the scan, which has no length, is the last."""
    is_scan = content[at + 1 : at + 2] == b"\xda"
    return len(content) if is_scan else 2 + _number(content, at + 2, ">H")


def repair_png(content: bytes) -> bytes:
    """Correct the checksums of a PNG's segments, so that damage is seen by what comes after."""
    signature, *found = segments(content)
    return signature + b"".join(
        one[:-4] + struct.pack(">I", zlib.crc32(one[4:-4])) if len(one) >= 12 else one
        for one in found
    )


def rows_of(content: bytes) -> bytes:
    """The rows of a PNG, each with its filter."""
    return zlib.decompress(b"".join(one[8:-4] for one in segments(content) if one[4:8] == b"IDAT"))


def with_rows(content: bytes, rows: bytes) -> bytes:
    """The PNG with other rows."""
    packed = zlib.compress(rows, 1)
    data = struct.pack(">I", len(packed)) + b"IDAT" + packed + bytes(4)
    *before, end = [one for one in segments(content) if one[4:8] != b"IDAT"]
    return repair_png(b"".join([*before, data, end]))


def mutate_png(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a PNG: its rows before compression, or its bytes, with right checksums or not."""
    way = rng.random()
    if way < 0.25:
        return with_rows(content, mutate(rows_of(content), rows_of(other), rng))
    mutated = mutate(content, other, rng)
    return repair_png(mutated) if way < 0.8 and mutated.startswith(PNG) else mutated


def mutate_sealed(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a network in ONNX and give it its sum again, so that what is in it is looked at."""
    unsealed = content[: -len(seal(b""))]
    return seal(mutate(unsealed, other, rng))
