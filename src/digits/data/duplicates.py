"""Near-duplicates: images that are copies of another, but for how they were saved."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from digits.reading.tuning import Tuned, number

BLOCK = 4
"""Side of the blocks of pixels whose means tell most images apart, in pixels."""

NUM_COMPARED = 2048
"""Number of images that are compared with all others at once."""


@dataclass(frozen=True)
class DuplicateParameters(Tuned):
    """Tuned number by which images are taken to be copies."""

    correlation: float = number(0.98, "correlation of two images' pixels", low=0.95, high=0.999)
    """Least correlation of an image with its copy. Source: docs/experiments.md, "A set of one's
    own"."""


DUPLICATES = DuplicateParameters()


class Duplicates(NamedTuple):
    """Groups of images that are copies of each other."""

    groups: Int64[np.ndarray, " n"]
    """Number of the group of each image, from 0; most are in one of their own."""
    num_exact: int
    """Number of images that are the same, pixel by pixel, as one before them."""
    num_near: int
    """Number of further images that are nearly the same as one before them."""


def find_duplicates(images: UInt8[np.ndarray, "n h w"]) -> Duplicates:
    """Group images that are nearly the same: a chain of copies is one group.

    Each image is compared with each other, first by the means of blocks of pixels. These never
    differ more than the images do, so no pair is missed.

    Args:
        images: Raw pixels. (n, h, w)
    """
    first_of: dict[bytes, int] = {}
    same_as = np.array(
        [
            first_of.setdefault(hashlib.sha256(image.tobytes()).digest(), index)
            for index, image in enumerate(images)
        ],
        np.int64,
    )
    different = np.flatnonzero(same_as == np.arange(len(images)))
    parents = same_as.tolist()

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    num_near = 0
    for first, second in _near_pairs(images[different]):
        low, high = sorted((root(int(different[first])), root(int(different[second]))))
        if low != high:
            parents[high] = low
            num_near += 1
    roots = np.array([root(index) for index in range(len(images))], np.int64)
    _, groups = np.unique(roots, return_inverse=True)
    return Duplicates(groups.astype(np.int64), len(images) - len(different), num_near)


def _near_pairs(images: UInt8[np.ndarray, "n h w"]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of images whose pixels correlate enough."""
    if len(images) < 2:
        return
    size = len(images), -1
    whole = _normalised(images.reshape(size).astype(np.float32))
    blocks = _block_means(whole.reshape(images.shape)).reshape(size)
    # The squared distance of two normalised images is 2 - 2 r.
    most = 2 - 2 * DUPLICATES.correlation
    squares = (blocks**2).sum(axis=1)
    for start in range(0, len(images), NUM_COMPARED):
        part = slice(start, start + NUM_COMPARED)
        distances = (
            squares[part, None] + squares[None, start:] - 2 * blocks[part] @ blocks[start:].T
        )
        rows, columns = np.nonzero(np.triu(distances <= most + 1e-4, k=1))
        for begin in range(0, len(rows), NUM_COMPARED * 8):
            some = slice(begin, begin + NUM_COMPARED * 8)
            first, second = rows[some] + start, columns[some] + start
            near = (whole[first] * whole[second]).sum(axis=1) >= DUPLICATES.correlation
            yield from zip(first[near].tolist(), second[near].tolist(), strict=True)


def _normalised(pixels: Float32[np.ndarray, "n p"]) -> Float32[np.ndarray, "n p"]:
    """Subtract each image's mean, and scale it to length 1; one without any contrast is 0."""
    pixels = pixels - pixels.mean(axis=1, keepdims=True)
    return np.asarray(pixels / np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-6))


def _block_means(pixels: Float32[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n a b"]:
    """Project images on their blocks: a block's mean, times its side."""
    height, width = pixels.shape[1:]
    padded = np.pad(pixels, ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK)))
    parts = padded.reshape(len(pixels), padded.shape[1] // BLOCK, BLOCK, -1, BLOCK)
    return np.asarray(parts.sum(axis=(2, 4)) / BLOCK, np.float32)
