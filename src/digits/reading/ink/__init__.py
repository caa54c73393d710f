"""Ink: any picture to hypotheses of its ink, to lines of words, to glyphs framed as MNIST's.

```
bytes ─picture─▶ grey ─hypotheses (page, binarization, shadows, drawings)─▶ ink
  ink ─layout, ruled_lines─▶ lines of words ─segmentation, glyphs─▶ candidates, 28×28 each
```
NumPy, OpenCV and Pillow; nothing here knows of networks.
"""

from digits.reading.ink.binarization import Ink
from digits.reading.ink.glyphs import Glyph, aspect_ratio, depth_share, frame_single
from digits.reading.ink.hypotheses import (
    HYPOTHESES,
    Hypothesis,
    hypotheses,
    hypotheses_of_single,
)
from digits.reading.ink.layout import Word, find_lines
from digits.reading.ink.picture import Picture, open_picture
from digits.reading.ink.segmentation import SEGMENTATION, Candidate, Lattice, over_segment

__all__ = [
    "HYPOTHESES",
    "SEGMENTATION",
    "Candidate",
    "Glyph",
    "Hypothesis",
    "Ink",
    "Lattice",
    "Picture",
    "Word",
    "aspect_ratio",
    "depth_share",
    "find_lines",
    "frame_single",
    "hypotheses",
    "hypotheses_of_single",
    "open_picture",
    "over_segment",
]
