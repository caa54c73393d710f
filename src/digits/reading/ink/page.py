"""Page segmentation: the background around a sheet of paper is covered, so that it is no ink."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from digits.reading.ink.illumination import thumbnail_of
from digits.reading.tuning import Tuned, number

CORNER_TOLERANCE = 0.03
"""Distance from a page's outline to the polygon of its corners, in lengths of the outline; twice as
much changes no reading of the composed pictures."""


@dataclass(frozen=True)
class PageParameters(Tuned):
    """Tuned numbers of the page segmentation; its pixels are those of the thumbnail."""

    least_area: float = number(0.2, "part of the picture", low=0, high=0.5)
    """Smallest page."""
    most_ink: float = number(0.3, "part of the page", low=0.1, high=1)
    """Ink of a page, at most."""
    writing: int = number(9, "pixels", low=1, high=31)
    """Gaps in paper of up to this width are writing on it."""
    corners: int = number(6, "corners", low=4, high=12)
    """Corners of a page, at most: the picture may cut off two of its four."""
    polygonal: float = number(0.94, "part of both together", low=0.5, high=1)
    """Overlap of a page, or of a box's inside, and the polygon of its corners, at least."""
    cut_off: float = number(0.45, "part of the outline", low=0, high=1)
    """Outline of a page on the picture's edges, at most; light beside shade has more."""
    rim: int = number(2, "pixels of the thumbnail", low=1, high=8)
    """Width of a page's rim that is covered, too, as it is blurred; and the blur of the cover."""
    contrast: float = number(60, "grey levels", low=5, high=200)
    """Difference of a page to what is around it, at least; printed grounds differ less."""


PAGE = PageParameters()


def isolate_page(grey: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Cover the background around a page with the brightness of the page's own paper.

    Returns:
        A picture of the same size; the given one if the page fills it, or no page is found.
    """
    thumbnail = thumbnail_of(grey)
    _, split = cv2.threshold(thumbnail, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for paper in (split > 0, split == 0):
        page = _page(paper)
        if page is None:
            continue
        gap = float(thumbnail[page & paper].mean()) - float(thumbnail[~page].mean())
        if abs(gap) > PAGE.contrast:
            return _covered(grey, thumbnail, page & paper, page)
    return grey


def _page(paper: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"] | None:
    """Find the page in a thumbnail: a quadrilateral of paper with writing in it; or none."""
    gap = PAGE.writing
    closed = cv2.morphologyEx(
        np.pad(paper, gap).astype(np.uint8),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap)),
    )[gap:-gap, gap:-gap]
    contours, _ = cv2.findContours(
        np.ascontiguousarray(closed), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    page = _drawn(largest, paper.shape)
    hull = cv2.convexHull(largest)
    outline = cv2.arcLength(hull, True)
    corners = cv2.approxPolyDP(hull, CORNER_TOLERANCE * outline, True)
    polygon = _drawn(corners, paper.shape)
    edges = np.concatenate([page[0], page[-1], page[1:-1, 0], page[1:-1, -1]])
    is_page = (
        PAGE.least_area < page.mean() < 1
        and len(corners) <= PAGE.corners
        and (page & polygon).sum() > PAGE.polygonal * (page | polygon).sum()
        and edges.sum() < PAGE.cut_off * outline
        and 0 < 1 - paper[page].mean() < PAGE.most_ink
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
    """Give all but the page the brightness of the nearest paper."""
    size, side = grey.shape[::-1], 2 * PAGE.rim + 1
    inner = cv2.erode(page.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=0)
    sure = cv2.erode((paper & (inner > 0)).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not sure.any():
        return grey
    _, nearest = cv2.distanceTransformWithLabels(
        1 - sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(nearest.max()) + 1, np.uint8)
    values[nearest[sure > 0]] = thumbnail[sure > 0]
    cover = cv2.GaussianBlur(values[nearest], (0, 0), PAGE.rim)
    is_page = cv2.resize(inner, size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(is_page, grey, cv2.resize(cover, size, interpolation=cv2.INTER_LINEAR))
