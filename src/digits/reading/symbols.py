"""Symbols of a line: what the line network tells apart, and the size of what it sees."""

SYMBOLS = "0123456789.,-/?"
"""Digits, separators, and `?` for what is neither: signs, letters.

In the network's output, class 0 is CTC's blank, and class i + 1 is symbol i.
"""

NUM_CLASSES = 1 + len(SYMBOLS)
"""Number of classes: a blank, and the symbols."""

NUM_OUTPUTS = NUM_CLASSES + 4
"""Channels of the output: the classes, and four distances to the edges of the symbol's box.

The left edge lies so far left of the column's middle, the right edge so far right of it, the upper
and the lower edge so far below the middle of the image; in units of `DIGIT_HEIGHT`.
"""

LINE_HEIGHT = 40
"""Height of a line's image, in pixels."""

DIGIT_HEIGHT = 20
"""Height of a typical digit in it, in pixels; as in MNIST."""

COLUMN_STEP = 2
"""Pixels between two columns of the output."""
