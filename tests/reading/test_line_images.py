"""Line images: words cut out level, with digits of one size, and boxes that lead back."""

import cv2
import numpy as np
import pytest

from digits.reading.ink import LineView, Word, find_lines, frame_part, line_images
from digits.reading.ink.binarization import Ink, binarize
from digits.reading.symbols import COLUMN_STEP, DIGIT_HEIGHT, LINE_HEIGHT
from tests.reading.drawings import draw, turned


def only_word(page: np.ndarray) -> tuple[Word, Ink]:
    ink = binarize(page)
    ((word,),) = find_lines(ink)
    return word, ink


def boxes_of_ink(pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Boxes of the components, from the left: left, top, width and height."""
    stats = cv2.connectedComponentsWithStats((pixels > 128).astype(np.uint8))[2][1:, :4]
    return sorted((float(x), float(y), float(w), float(h)) for x, y, w, h in stats.tolist())


def rows_of_ink(pixels: np.ndarray) -> np.ndarray:
    return np.flatnonzero((pixels > 128).any(axis=1))


@pytest.mark.parametrize("height", [30, 60, 240])
@pytest.mark.parametrize("degrees", [-30, -4, 0, 4, 30])
def test_digits_are_as_high_as_the_network_expects_them(height: int, degrees: float) -> None:
    word, ink = only_word(turned(draw("46835", height=height, thickness=height // 10), degrees))
    (image,) = line_images(word, ink, [LineView()])
    rows = rows_of_ink(image.pixels)
    assert image.pixels.shape[0] == LINE_HEIGHT
    assert image.pixels.shape[1] % COLUMN_STEP == 0
    assert np.ptp(rows) + 1 == pytest.approx(DIGIT_HEIGHT, abs=4)
    assert rows.mean() == pytest.approx(LINE_HEIGHT / 2, abs=2)
    assert image.pixels.max() > 230


def test_views_are_smaller_narrower_and_sheared() -> None:
    word, ink = only_word(draw("4683"))
    views = [LineView(), LineView(size=0.7), LineView(stretch=0.7), LineView(shear=0.3)]
    plain, small, narrow, sheared = (image.pixels for image in line_images(word, ink, views))
    assert np.ptp(rows_of_ink(small)) == pytest.approx(0.7 * np.ptp(rows_of_ink(plain)), abs=2)
    assert np.ptp(rows_of_ink(narrow)) == pytest.approx(np.ptp(rows_of_ink(plain)), abs=1)
    assert narrow.shape[1] < 0.85 * plain.shape[1]
    offset = (sheared.shape[1] - plain.shape[1]) / 2
    shear = np.array([[1, 0.3, offset - 0.3 * LINE_HEIGHT / 2], [0, 1, 0]])
    expected = cv2.warpAffine(plain, shear, sheared.shape[::-1])
    assert np.abs(sheared.astype(int) - expected).mean() < 6


def test_thin_strokes_are_widened_before_they_vanish() -> None:
    word, ink = only_word(draw("46835", height=400, thickness=4, margin=100))
    (image,) = line_images(word, ink, [LineView()])
    assert (image.pixels > 180).sum() > 5 * DIGIT_HEIGHT


@pytest.mark.parametrize("degrees", [0, 20])
def test_boxes_lead_back_to_the_digits_in_the_picture(degrees: float) -> None:
    page = turned(draw("58", height=100, spacing=1.2), degrees)
    dark = boxes_of_ink(255 - page)
    word, ink = only_word(page)
    for view in (LineView(), LineView(stretch=1.2), LineView(shear=-0.2)):
        (image,) = line_images(word, ink, [view])
        boxes = boxes_of_ink(image.pixels)
        assert len(boxes) == 2
        found = sorted(frame_part(image, box, ink)[1] for box in boxes)
        for (x, y, width, height), true in zip(found, dark, strict=True):
            assert (x, y, x + width, y + height) == pytest.approx(
                (true[0], true[1], true[0] + true[2], true[1] + true[3]), abs=6
            )


def test_a_glyph_holds_the_digit_of_its_box_and_no_part_of_the_next() -> None:
    glyphs = []
    for text in ("18", "1"):
        word, ink = only_word(draw(text, height=100, spacing=0.9))
        (image,) = line_images(word, ink, [LineView()])
        glyphs.append(frame_part(image, boxes_of_ink(image.pixels)[0], ink)[0].astype(int))
    assert np.abs(glyphs[0] - glyphs[1]).mean() < 6
