"""Sprite: many small images in one PNG, of which a page shows each by its place there."""

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

NUM_COLUMNS = 24
"""Number of images in a row of the sprite."""

MOST_PIXELS = 400_000
"""Most pixels of a sprite, and so about the most bytes of its PNG: 510 images of 28×28 pixels. All
mistakes of a network that reads 95 % of MNIST's test images right have room."""


@dataclass(frozen=True)
class Sprite:
    """Images in one PNG, black on white, row by row."""

    png: bytes
    num_rows: int
    size: int
    """Height and width of an image in pixels."""

    @property
    def data_uri(self) -> str:
        """The sprite as a data URI."""
        return "data:image/png;base64," + b64encode(self.png).decode()

    @property
    def num_columns(self) -> int:
        """Number of images in a row."""
        return NUM_COLUMNS

    @staticmethod
    def place(position: int) -> tuple[int, int]:
        """Find the column and the row of an image by its position, all from 0."""
        row, column = divmod(position, NUM_COLUMNS)
        return column, row


def make_sprite(images: UInt8[Tensor, "n size size"], chosen: Int64[Tensor, " k"]) -> Sprite:
    """Make a sprite of some images.

    Args:
        images: Raw pixels, 0 (paper) to 255 (ink). (n, size, size)
        chosen: Indices of those to show, in the order of their positions. (k,)
    """
    size = images.shape[-1]
    num_rows = max(1, -(-len(chosen) // NUM_COLUMNS))
    tiles = torch.full((num_rows * NUM_COLUMNS, size, size), 255, dtype=torch.uint8)
    tiles[: len(chosen)] = 255 - images[chosen].cpu()
    rows = tiles.view(num_rows, NUM_COLUMNS, size, size).permute(0, 2, 1, 3)
    stream = BytesIO()
    Image.fromarray(rows.reshape(num_rows * size, -1).numpy()).save(stream, "PNG", optimize=True)
    return Sprite(stream.getvalue(), num_rows, size)


def most_images(size: int) -> int:
    """Largest number of images of this height and width, in pixels, that a sprite has room for."""
    return MOST_PIXELS // size**2


def choose_fairly(
    groups: Int64[Tensor, " n"], *, most: int, most_each: int
) -> Int64[Tensor, " chosen"]:
    """Choose some of many, so that each group has its share: the first of each, then the second.

    Args:
        groups: The group of each, from 0. (n,)
        most: Most to choose, at least 0.
        most_each: Most to choose of a group.

    Returns:
        Their indices, ascending. (chosen,)
    """
    ranks = torch.zeros_like(groups)
    for group in groups.unique():
        members = groups == group
        ranks[members] = torch.arange(int(members.sum()))
    order = ranks.argsort(stable=True)
    order = order[ranks[order] < most_each]
    return order[:most].sort().values
