"""Measures of shapes: how wide strokes are, how deep ink lies, how high a digit is."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int


def stroke_width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Typical width of the strokes in a mask, in pixels: twice the depth of their middle lines."""
    depth = depth_in(mask)
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    return 2 * float(np.median(ridge)) - 0.5 if ridge.size else 1.0


def deepest(mask: Bool[np.ndarray, "h w"]) -> float:
    """Distance from the innermost pixel of a mask to its outside, in pixels."""
    return float(depth_in(mask).max())


def depth_in(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    """Distance of each pixel to the outside, with a margin of one pixel all around."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)


def typical_height(heights: Int[np.ndarray, " n"], areas: Int[np.ndarray, " n"]) -> float:
    """Of a digit among marks: the median of their heights, each counted by its ink."""
    order = np.argsort(heights)
    ink = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])
