"""Symbols of a line: what the line network tells apart, and the size of what it sees."""

SYMBOLS = "0123456789.,-/?"
"""Digits, separators, and `?` for what is neither: signs, letters.

In the network's output, class 0 is CTC's blank, and class i + 1 is symbol i.
"""

NUM_OUTPUTS = 1 + len(SYMBOLS) + 4
"""Channels of the output: classes, and the distances of a symbol's left, right, upper and lower
edge."""

LINE_HEIGHT = 40
"""Height of a line's image, in pixels."""

DIGIT_HEIGHT = 20
"""Height of a typical digit in it, in pixels; as in MNIST."""

COLUMN_STEP = 2
"""Pixels between two columns of the output."""
