"""Cut-outs: small pictures of what is doubtful, for a person to look at."""

import io
from base64 import b64encode

import numpy as np
from PIL import Image

from digits.reading.ink import Picture
from digits.reading.results import Box

LARGEST = (480, 160)
"""Limit on size: most columns and rows of pixels of a cut-out."""

AROUND = 0.35
"""Paper around what is cut out, as a part of its height; for the eye alone, as nothing is read
from it."""

NUM_LEVELS = 16
"""Number of grey levels; with all 256, the grain of paper would be most of the file."""


def cut_out(picture: Picture, box: Box | None = None) -> str:
    """Cut a part out of a picture, as it is read: upright.

    Args:
        picture: The picture.
        box: Left, top, width and height, in pixels of the original; the whole if not given.

    Returns:
        The bytes of a PNG file, in Base64.
    """
    height, width = picture.grey.shape
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if box is not None:
        x, y, wide, high = picture.from_original(box)
        around = AROUND * high
        left, top = max(0.0, x - around), max(0.0, y - around)
        right, bottom = min(right, x + wide + around), min(bottom, y + high + around)
    area = (int(left), int(top), max(int(left) + 1, int(right)), max(int(top) + 1, int(bottom)))
    part = Image.fromarray(picture.colour).crop(area).convert("L")
    part.thumbnail(LARGEST)
    levels = np.asarray(part) // (256 // NUM_LEVELS) * (255 // (NUM_LEVELS - 1))
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG", optimize=True)
    return b64encode(stream.getvalue()).decode()
