"""Errors of decoding: what a library raises at a picture becomes a line that says what is wrong."""

from digits.errors import InvalidInput, OutOfMemory, is_out_of_memory

NO_MEMORY = "There is not enough memory to read this picture; make it smaller."


def blame(error: Exception, message: str) -> Exception:
    """The error to raise when a decoder fails: the picture's, but for want of memory."""
    return OutOfMemory(NO_MEMORY) if is_out_of_memory(error) else InvalidInput(message)


def damaged(error: Exception) -> Exception:
    """The error to raise when a decoder fails in the midst of a picture."""
    return blame(error, f"The picture is damaged or cut off: {in_a_line(error)}.")


def in_a_line(error: Exception) -> str:
    """Shorten what a library says to part of a line."""
    return " ".join(str(error).split()).rstrip(".")[:100] or type(error).__name__
