"""Any picture, to ink, to glyphs: what MNIST's makers did to their scans, done to yours.

```
bytes ─picture, page─▶ grey ─drawings, strokes, shadows─▶ ink
  ink ─rules, marks─▶ rows ─cuts, glyphs─▶ 28×28
```
NumPy, OpenCV and Pillow; nothing here knows of networks.
"""

from digits.reading.ink.binarization import Ink, find_ink
from digits.reading.ink.drawings import find_drawing
from digits.reading.ink.glyphs import Glyph, aspect, deep_part, frame_single, looks
from digits.reading.ink.layout import Word, find_lines
from digits.reading.ink.page import isolate_page
from digits.reading.ink.picture import Picture, open_picture
from digits.reading.ink.segmentation import Candidate, Pieces, cut
from digits.reading.ink.shadows import find_ink_under_shadows, find_single_under_shadows

__all__ = [
    "Candidate",
    "Glyph",
    "Ink",
    "Picture",
    "Pieces",
    "Word",
    "aspect",
    "cut",
    "deep_part",
    "find_drawing",
    "find_ink",
    "find_ink_under_shadows",
    "find_lines",
    "find_single_under_shadows",
    "frame_single",
    "isolate_page",
    "looks",
    "open_picture",
]
