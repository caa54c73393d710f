"""One drawn digit, as a picture and as a glyph: what servers are asked to read."""

from functools import cache

import cv2
import numpy as np


def draw(side: int) -> np.ndarray:
    """A seven of three points, dark on light."""
    page = np.full((side, side), 255, np.uint8)
    points = np.array([(0.28, 0.2), (0.72, 0.2), (0.46, 0.82)]) * side
    cv2.polylines(page, [points.astype(np.int32)], False, 0, side // 15, cv2.LINE_AA)
    return page


@cache
def encode(suffix: str, side: int = 280) -> bytes:
    """The picture as a file."""
    return cv2.imencode(suffix, draw(side))[1].tobytes()


def photograph(side: int) -> bytes:
    """The same in the light of a lamp, which takes longer to read."""
    light = np.linspace(1, 0.7, side)
    return cv2.imencode(".jpg", (draw(side) * light).astype(np.uint8))[1].tobytes()


@cache
def glyph() -> list[list[int]]:
    """28×28 pixels, light on dark."""
    pixels: list[list[int]] = cv2.resize(
        255 - draw(280), (28, 28), interpolation=cv2.INTER_AREA
    ).tolist()
    return pixels
