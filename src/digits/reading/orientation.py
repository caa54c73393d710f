"""Orientation: whether a picture lies on its side or upside down, by how it reads when turned.

0, 1, 8 and, more or less, 2 and 5 look alike upside down, and 6 and 9 change places. Most numbers
have a digit that does neither, which is read badly then; a digit alone says nothing. So a picture
stays as it is unless it reads clearly better when turned.
"""

from digits.reading.evidence import (
    is_mostly_read,
    is_whole,
    num_marks,
    strength,
    strength_of_sure,
)
from digits.reading.results import Reading

MAX_TURNED = 200
"""Limit on time: most marks of a picture that is read once more, turned."""

ON_ITS_SIDE, UPSIDE_DOWN = (1, 3), 2
"""Quarter turns anticlockwise by which a picture is turned to be read."""

FEWEST_ON_ITS_SIDE, FEWEST_UPSIDE_DOWN = 2, 3
"""Fewest digits that tell whether a picture lies on its side, where they stand above each other,
and whether it is upside down."""

FEWEST_IN_COLUMN = 3
"""Fewest lines of single digits that may be a line on its side."""

LONGER = 2
"""Factor by which lines must be longer, in marks, to tell by themselves that they are the lines."""


def may_lie(reading: Reading, num_lines: int) -> bool:
    """Tell whether a picture may lie on its side: it is unsure, or lines of single digits.

    Args:
        reading: The picture as it lies.
        num_lines: Number of the lines that its components make.
    """
    marks = num_marks(reading)
    if not 0 < max(marks, num_lines) <= MAX_TURNED:
        return False
    is_column = num_lines >= FEWEST_IN_COLUMN and marks < 2 * num_lines
    return not is_mostly_read(reading) or (is_column and _may_gain(reading, max(marks, num_lines)))


def may_be_upside_down(reading: Reading) -> bool:
    """Tell whether a picture may be upside down: at least one digit's evidence is lacking."""
    marks = num_marks(reading)
    return FEWEST_UPSIDE_DOWN <= marks <= MAX_TURNED and _may_gain(reading, marks)


def reads_better(turned: Reading, reading: Reading) -> bool:
    """Tell whether a picture is read so much better when turned that it is to be read so.

    Args:
        turned: The picture when turned.
        reading: The picture as it lies.
    """
    is_side = turned.picture.turns != UPSIDE_DOWN
    fewest = FEWEST_ON_ITS_SIDE if is_side else FEWEST_UPSIDE_DOWN
    if len(turned.digits) < fewest or not is_mostly_read(turned):
        return False
    if is_side and all(digit.label == 1 for digit in turned.digits):
        return False  # level lines, such as an equals sign, are ones when turned
    gain = strength(turned) - strength(reading)
    if is_side and not is_mostly_read(reading) and gain > 0:
        return True
    if is_side and is_whole(turned) and not is_whole(reading):
        return _marks_a_line(turned) >= LONGER * _marks_a_line(reading)
    return gain >= strength_of_sure(1 if is_whole(turned) else 2)


def _may_gain(reading: Reading, num_digits: int) -> bool:
    """Tell whether another reading, of so many digits, could be a digit's evidence stronger."""
    return strength_of_sure(num_digits) - strength(reading) >= strength_of_sure(1)


def _marks_a_line(reading: Reading) -> float:
    """Compute the mean number of marks on a line."""
    return num_marks(reading) / max(1, sum(bool(line.text) for line in reading.lines))
