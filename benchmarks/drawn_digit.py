"""One drawn digit, as a picture and as a glyph: the request of the server's benchmarks."""

from functools import cache

import cv2
import numpy as np


def draw(side: int) -> np.ndarray:
    """Draw a seven, dark on light."""
    page = np.full((side, side), 255, np.uint8)
    points = np.array([(0.28, 0.2), (0.72, 0.2), (0.46, 0.82)]) * side
    cv2.polylines(page, [points.astype(np.int32)], False, 0, side // 15, cv2.LINE_AA)
    return page


@cache
def encode(suffix: str, side: int = 280) -> bytes:
    """Encode the picture as a file."""
    return cv2.imencode(suffix, draw(side))[1].tobytes()


def photograph(side: int) -> bytes:
    """Encode the picture under uneven light, as a JPEG, which takes longer to read."""
    light = np.linspace(1, 0.7, side)
    return cv2.imencode(".jpg", (draw(side) * light).astype(np.uint8))[1].tobytes()


@cache
def glyph() -> list[list[int]]:
    """The picture as 28×28 pixels, light on dark."""
    pixels: list[list[int]] = cv2.resize(
        255 - draw(280), (28, 28), interpolation=cv2.INTER_AREA
    ).tolist()
    return pixels
