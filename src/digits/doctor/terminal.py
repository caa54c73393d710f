"""The terminal: whether it can show what commands print."""

import os
import sys

from digits.doctor.faults import UNPRINTABLE_OUTPUT, setting
from digits.doctor.part import Part

PRINTED = "→ × – é"
"""Characters that commands print, besides those of file names."""


def examine_terminal() -> Part:
    """Examine the encoding of standard output."""
    encoding = sys.stdout.encoding or "ascii"
    facts = {"encoding": encoding}
    try:
        PRINTED.encode(encoding)
    except UnicodeEncodeError:
        own = "PYTHONIOENCODING"  # which counts for more than PYTHONUTF8
        command = setting(own, None) if own in os.environ else setting("PYTHONUTF8", "1")
        found = UNPRINTABLE_OUTPUT.found(encoding=encoding, command=command)
        return Part("terminal", facts, (found,))
    return Part("terminal", facts)
