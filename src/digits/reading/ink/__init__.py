"""Ink: any picture to hypotheses of its ink, to lines of words, to glyphs framed as MNIST's.

```
bytes ─decoding, pages─▶ picture ─hypotheses (page, binarization, shadows, drawings)─▶ ink
  ink ─layout, ruled_lines─▶ lines of words ─line_images─▶ what the line network sees
  ink ─glyphs─▶ glyphs, 28×28 each
```
NumPy, OpenCV and Pillow; nothing here knows of networks.
"""

from digits.reading.ink.binarization import Ink
from digits.reading.ink.decoding import open_grey, open_picture, open_pictures
from digits.reading.ink.glyphs import (
    SIZE,
    Glyph,
    aspect_ratio,
    depth_share,
    frame,
    frame_single,
)
from digits.reading.ink.hypotheses import (
    HYPOTHESES,
    Hypothesis,
    alike,
    hypotheses,
    hypotheses_of_single,
    other_polarity,
)
from digits.reading.ink.joined import components_under
from digits.reading.ink.layout import LAYOUT, TooManyMarks, Word, find_lines, whole_lines
from digits.reading.ink.left_over import left_over
from digits.reading.ink.line_images import (
    LineImage,
    LineView,
    expected_columns,
    frame_part,
    line_images,
)
from digits.reading.ink.picture import Picture
from digits.reading.ink.ruled_lines import erase_ruled_lines, erase_upright_lines, is_empty_cell

__all__ = [
    "HYPOTHESES",
    "LAYOUT",
    "SIZE",
    "Glyph",
    "Hypothesis",
    "Ink",
    "LineImage",
    "LineView",
    "Picture",
    "TooManyMarks",
    "Word",
    "alike",
    "aspect_ratio",
    "components_under",
    "depth_share",
    "erase_ruled_lines",
    "erase_upright_lines",
    "expected_columns",
    "find_lines",
    "frame",
    "frame_part",
    "frame_single",
    "hypotheses",
    "hypotheses_of_single",
    "is_empty_cell",
    "left_over",
    "line_images",
    "open_grey",
    "open_picture",
    "open_pictures",
    "other_polarity",
    "whole_lines",
]
