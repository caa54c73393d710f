"""Measures of shapes: pieces of ink, widths of strokes, how deep ink lies, how high a digit is."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int


def connected_components(
    mask: Bool[np.ndarray, "h w"],
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n 5"]]:
    """Connected pieces of ink.

    Returns:
        The number of each pixel's piece, from 1, and 0 where there is no ink; and of each piece:
        left, top, width, height and area.
    """
    window = window_around(mask)
    _, part, stats, _ = cv2.connectedComponentsWithStats(
        mask[window].astype(np.uint8), connectivity=8
    )
    labels = np.zeros(mask.shape, np.int32)
    labels[window] = part
    pieces = stats[1:].astype(np.int64)
    pieces[:, :2] += window[1].start, window[0].start
    return labels, pieces


def window_around(mask: Bool[np.ndarray, "h w"], margin: int = 0) -> tuple[slice, slice]:
    """The lines and columns that have ink, and so many more, if there are; what to look at.

    Returns:
        A window of at least one pixel.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (
        slice(max(0, top - margin), top + max(1, height) + margin),
        slice(max(0, left - margin), left + max(1, width) + margin),
    )


def stroke_width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Typical width of the strokes in a mask, in pixels: twice the depth of their middle lines."""
    depth = depth_in(mask[window_around(mask)])
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    return 2 * float(np.median(ridge)) - 0.5 if ridge.size else 1.0


def deepest(mask: Bool[np.ndarray, "h w"]) -> float:
    """Distance from the innermost pixel of a mask to its outside, in pixels."""
    return float(depth_in(mask[window_around(mask)]).max())


def depth_in(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    """Distance of each pixel to the outside, with a margin of one pixel all around."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)


def typical_height(heights: Int[np.ndarray, " n"], areas: Int[np.ndarray, " n"]) -> float:
    """Of a digit among marks: the median of their heights, each counted by its ink."""
    order = np.argsort(heights)
    ink = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])
