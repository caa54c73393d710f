"""Alignment of what was read of a picture with what is written there, by edit distance."""

REFUSED = "?"
"""Text of a refused digit, or of a mark that is no digit."""

MISSED, WRONG, REFUSED_DIGIT, EXTRA, REFUSED_MARK = 10, 10, 9, 10, 5
"""Costs: a digit that is not read, read as another or refused; a digit or a mark too many."""

Pair = tuple[str | None, str | None]
"""What is written and what was read at one place; None where one of them has nothing."""


def align(true: str, got: str) -> list[Pair]:
    """Pair what is written with what was read of it, in order and at the least cost.

    Args:
        true: The digits that are written.
        got: The digits that were read, and a question mark for each that was refused.

    Example:
        >>> align("123", "1?34")
        [('1', '1'), ('2', '?'), ('3', '3'), (None, '4')]
    """
    # The best pairs, with their cost, of what is written so far and each beginning of what was read
    best: list[tuple[int, list[Pair]]] = [(0, [])]
    for read in got:
        cost, pairs = best[-1]
        best.append((cost + _cost(None, read), [*pairs, (None, read)]))
    for written in true:
        cost, pairs = best[0]
        row = [(cost + MISSED, [*pairs, (written, None)])]
        for index, read in enumerate(got):
            cost, pairs, last = min(
                (
                    (before[0] + _cost(*pair), before[1], pair)
                    for before, pair in (
                        (best[index], (written, read)),
                        (best[index + 1], (written, None)),
                        (row[index], (None, read)),
                    )
                ),
                key=lambda option: option[0],
            )
            row.append((cost, [*pairs, last]))
        best = row
    return best[-1][1]


def count_wrong(true: str, got: str) -> int:
    """Count the accepted digits that are wrong, or stand where there is no digit."""
    return sum(read not in (written, REFUSED, None) for written, read in align(true, got))


def _cost(written: str | None, read: str | None) -> int:
    if read is None:
        return MISSED
    if written is None:
        return REFUSED_MARK if read == REFUSED else EXTRA
    if written == read:
        return 0
    return REFUSED_DIGIT if read == REFUSED else WRONG
