"""A photo to its page: the table around a sheet of paper is no ink."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.binarization import thumbnail_of

LEAST_PAGE, MOST_PAGE = 0.2, 0.97
"""Part of the picture that a page on something else takes."""

LEAST_INK, MOST_INK = 0.001, 0.3
"""Part of a page that is not paper; without any there is nothing to read."""

QUADRILATERAL = 0.94
"""Part that a page and the polygon of its corners share, at least, of both together."""

CORNERS = 6
"""Of a page, at most: the picture may cut two off."""

CUT_OFF = 0.45
"""Part of a page's outline that is on the picture's edges, at most; light beside shade has more."""

THICK = 4.0
"""How deep what is around a page is, at least, as no frame is, in pixels of the thumbnail."""

CONTRAST = 60
"""Between a page and what is around it, at least, in grey levels; printed grounds have less."""

STROKES = 9
"""Gaps in paper up to this width, in pixels of the thumbnail, are writing on it."""


def isolate_page(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Cover what is around a page with the page's own paper, if there is anything around one.

    Returns:
        A picture of the same size; the same one if the page fills it, or none can be told.
    """
    thumbnail = thumbnail_of(grey)
    _, split = cv2.threshold(thumbnail, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for paper in (split > 0, split == 0):
        page = _page(paper)
        if page is None:
            continue
        gap = float(thumbnail[page & paper].mean()) - float(thumbnail[~page].mean())
        if abs(gap) > CONTRAST:
            return _covered(grey, thumbnail, page & paper, page)
    return grey


def _page(paper: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
    """The page in a thumbnail, of which paper is a part; none if there is none."""
    closed = cv2.morphologyEx(
        np.pad(paper, STROKES).astype(np.uint8),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (STROKES, STROKES)),
    )[STROKES:-STROKES, STROKES:-STROKES]
    contours, _ = cv2.findContours(
        np.ascontiguousarray(closed), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    page = _drawn(largest, paper.shape)
    hull = cv2.convexHull(largest)
    corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
    polygon = _drawn(corners, paper.shape)
    around = cv2.distanceTransform((~page).astype(np.uint8), cv2.DIST_L2, 3)
    edges = np.concatenate([page[0], page[-1], page[1:-1, 0], page[1:-1, -1]])
    is_page = (
        LEAST_PAGE < page.mean() < MOST_PAGE
        and len(corners) <= CORNERS
        and (page & polygon).sum() > QUADRILATERAL * (page | polygon).sum()
        and edges.sum() < CUT_OFF * cv2.arcLength(hull, True)
        and LEAST_INK < 1 - paper[page].mean() < MOST_INK
        and around.max() > THICK
    )
    return page if is_page else None


def _drawn(contour: np.ndarray, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    canvas = np.zeros(shape, np.uint8)
    cv2.drawContours(canvas, [contour], -1, 1, cv2.FILLED)
    return canvas > 0


def _covered(
    grey: UInt8[np.ndarray, "h w"],
    thumbnail: UInt8[np.ndarray, "th tw"],
    paper: Bool[np.ndarray, "th tw"],
    page: Bool[np.ndarray, "th tw"],
) -> UInt8[np.ndarray, "h w"]:
    """Everywhere but on the page, the brightness of the nearest paper."""
    size = grey.shape[::-1]
    inner = cv2.erode(page.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0)
    sure = cv2.erode((paper & (inner > 0)).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not sure.any():
        return grey
    _, nearest = cv2.distanceTransformWithLabels(
        1 - sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(nearest.max()) + 1, np.uint8)
    values[nearest[sure > 0]] = thumbnail[sure > 0]
    cover = cv2.GaussianBlur(values[nearest], (0, 0), 2)
    is_page = cv2.resize(inner, size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(is_page, grey, cv2.resize(cover, size, interpolation=cv2.INTER_LINEAR))
