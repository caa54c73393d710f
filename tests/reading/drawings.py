"""Pictures of digits that the tests draw themselves: strokes of a plotter's font on paper."""

import cv2
import numpy as np
from jaxtyping import UInt8

INK, PAPER = 30, 235


def draw(
    text: str, *, height: int = 60, thickness: int = 5, spacing: float = 0.95, margin: int = 30
) -> UInt8[np.ndarray, "h w"]:
    """Write a row of digits, dark on light; spacing is from one to the next, in heights."""
    step = round(height * spacing)
    page = np.full((height + 2 * margin, step * len(text) + 2 * margin), PAPER, np.uint8)
    for index, digit in enumerate(text):
        place = (margin + index * step, margin + height)
        write(page, digit, place, height, thickness)
    return page


def write(
    page: UInt8[np.ndarray, "h w"],
    digit: str,
    place: tuple[int, int],
    height: int,
    thickness: int = 5,
    ink: int = INK,
) -> None:
    """Write a digit, its lower left corner at a place; on the page itself."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    size = cv2.getFontScaleFromHeight(font, height, thickness)
    cv2.putText(page, digit, place, font, size, ink, thickness, cv2.LINE_AA)


def enlarged(page: UInt8[np.ndarray, "h w"], factor: int) -> UInt8[np.ndarray, "h2 w2"]:
    """Make a page larger."""
    size = page.shape[1] * factor, page.shape[0] * factor
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def turned(page: UInt8[np.ndarray, "h w"], degrees: float) -> UInt8[np.ndarray, "h2 w2"]:
    """Turn a page against the clock, with paper around it."""
    height, width = page.shape
    side = int(np.hypot(height, width)) + 4
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(page, turn, (side, side), borderValue=PAPER), np.uint8)


def on_form(
    text: str, form: str, *, width: int = 72, height: int = 98, line: int = 2, ink: int = 90
) -> UInt8[np.ndarray, "h w"]:
    """A row of digits, each in its place on a form of boxes or with the teeth of a comb."""
    page = np.full((height + 60, width * len(text) + 60), PAPER, np.uint8)
    for index, digit in enumerate(text):
        left, top, right, bottom = 30 + index * width, 30, 30 + (index + 1) * width, 30 + height
        if form == "boxes":
            cv2.rectangle(page, (left, top), (right, bottom), ink, line)
        else:
            cv2.line(page, (left, bottom), (right, bottom), ink, line)
            for x in (left, right):
                cv2.line(page, (x, bottom - height // 3), (x, bottom), ink, line)
        write(page, digit, (left + width // 4, bottom - height // 4), height // 2)
    return page


def in_shadow(
    page: UInt8[np.ndarray, "h w"], degrees: float, share: float, softness: float = 2.0
) -> UInt8[np.ndarray, "h w"]:
    """Put a share of a page in shadow, which ends at a line that falls by so many degrees."""
    y, x = np.indices(page.shape, np.float32)
    towards = np.cos(np.radians(degrees)) * y - np.sin(np.radians(degrees)) * x
    shade = (towards > np.quantile(towards, 1 - share)).astype(np.float32)
    dark = page * (1 - 0.45 * cv2.GaussianBlur(shade, (0, 0), softness))
    grain = np.random.default_rng(0).normal(0, 4, page.shape)
    return np.asarray(np.clip(dark + grain, 0, 255), np.uint8)


def on_pattern(page: UInt8[np.ndarray, "h w"], strength: int) -> UInt8[np.ndarray, "h w"]:
    """Print two sets of waves under a row, as on cheques; so many grey levels darker."""
    y, x = np.indices(page.shape, np.float32)
    waves = np.sin((y + 6 * np.sin(x / 23)) * 0.9) + np.sin((x + 8 * np.sin(y / 17)) * 0.8)
    return np.asarray(np.minimum(page, PAPER - strength * (waves > 0.9)), np.uint8)
