"""What goes wrong in ways that a user can mend.

A message is one line: what was expected, what was found, what to do.
"""


class DigitsError(Exception):
    """Work could not be done; the message says why and what to do. The command exits with 1."""


class InvalidInput(DigitsError, ValueError):  # noqa: N818 - it names the state of what was given
    """What was asked for can't be right as it stands. The command exits with 2."""
