"""Connected components of ink and their measures: boxes, stroke widths, depths, typical height."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int


def connected_components(
    mask: Bool[np.ndarray, "h w"],
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n 5"]]:
    """Label the connected components of a mask; pixels that touch at a corner are connected.

    Returns:
        The label of each pixel's component, from 1, and 0 where there is no ink; and the
        statistics of each component: left, top, width, height and area, in pixels.
    """
    window = window_around(mask)
    labels = np.zeros(mask.shape, np.int32)
    if not mask[window].any():
        return labels, np.zeros((0, 5), np.int64)
    _, part, stats, _ = cv2.connectedComponentsWithStats(
        mask[window].astype(np.uint8), connectivity=8
    )
    labels[window] = part
    stats = stats[1:].astype(np.int64)  # without the background's
    stats[:, :2] += window[1].start, window[0].start
    return labels, stats


def mask_of(
    labels: Int[np.ndarray, "h w"], chosen: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, "h w"]:
    """Find the pixels of some components, by their labels."""
    is_chosen = np.zeros(max(int(labels.max()), int(chosen.max(initial=0))) + 1, bool)
    is_chosen[chosen] = True
    return np.asarray(is_chosen[labels])


def reach_edge(boxes: Int[np.ndarray, "n 4"], shape: tuple[int, ...]) -> Bool[np.ndarray, " n"]:
    """Tell which components reach the edge of a mask.

    Args:
        boxes: Left, top, right and bottom of each, in pixels.
        shape: Height and width of the mask.
    """
    height, width = shape
    end = (width - 1, height - 1)
    return np.asarray((boxes[:, :2] <= 1).any(1) | (boxes[:, 2:] >= end).any(1))


def window_around(mask: Bool[np.ndarray, "h w"], margin: int = 0) -> tuple[slice, slice]:
    """Find the bounding box of a mask, to work on no more than that.

    Args:
        mask: Where there is ink.
        margin: Pixels to add on all sides, as far as the mask reaches.

    Returns:
        Slices of rows and columns, at least one pixel each.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (
        slice(max(0, top - margin), top + max(1, height) + margin),
        slice(max(0, left - margin), left + max(1, width) + margin),
    )


def stroke_width(mask: Bool[np.ndarray, "h w"]) -> float:
    """Measure the typical stroke width of a mask, in pixels, by the median depth of its ridges."""
    depth = depth_in(mask[window_around(mask)])
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    # Twice a ridge's depth is the width where that is even, and a pixel more where it is odd.
    return 2 * float(np.median(ridge)) - 0.5 if ridge.size else 1.0


def deepest(mask: Bool[np.ndarray, "h w"]) -> float:
    """Measure the distance from the innermost pixel of a mask to its outside, in pixels."""
    return float(depth_in(mask[window_around(mask)]).max())


def depth_in(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    """Measure each pixel's distance to the outside, with a margin of one pixel all around."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3), np.float32)


def typical_height(heights: Int[np.ndarray, " n"], areas: Int[np.ndarray, " n"]) -> float:
    """Estimate a digit's height: the median of the components' heights, weighted by their ink."""
    order = np.argsort(heights)
    ink = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])
