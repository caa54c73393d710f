"""Exceptions for errors that a user can fix.

A message is one line: what was expected, what was found, what to do.
"""

from collections.abc import Collection
from difflib import get_close_matches


class DigitsError(Exception):
    """An operation failed; the message says why and what to do. The command exits with 1."""


class InvalidInput(DigitsError, ValueError):  # noqa: N818 - it names the state of the input
    """An argument, file or setting is invalid. The command exits with 2."""


class OutOfMemory(DigitsError):  # noqa: N818 - as Python's own
    """There is not enough memory for what was asked. The command exits with 1."""


OUT_OF_MEMORY = (
    "DefaultCPUAllocator",  # torch
    "Insufficient memory",  # OpenCV
    "out of memory",  # Pillow, CUDA
    "bad_alloc",  # onnxruntime
    "bad allocation",
    "Failed to allocate memory",
)
"""What libraries say whose errors of memory have no class of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of whatever library, says that there is not enough memory."""
    told = isinstance(error, MemoryError | OutOfMemory)
    return told or any(words in str(error) for words in OUT_OF_MEMORY)


def suggest(word: str, known: Collection[str]) -> str:
    """End a message about an unknown name with the nearest known name, or else all of them.

    >>> suggest("clasic", ["classic", "deep"])
    "did you mean 'classic'?"
    >>> suggest("huge", ["classic", "deep"])
    'there are classic, deep.'
    """
    near = get_close_matches(word.lower(), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
