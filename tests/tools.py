"""Programs that some tests need: where they are missing, these are skipped, unless all must run."""

import os
import shutil

import pytest

REQUIRED = bool(os.environ.get("DIGITS_REQUIRE_TOOLS"))
"""Whether a test fails, rather than being skipped, if a program that it needs is missing."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that needs programs on the path."""
    missing = [program for program in programs if shutil.which(program) is None]
    reason = f"there is no {', and no '.join(missing)} on this machine"
    return pytest.mark.skipif(bool(missing) and not REQUIRED, reason=reason)
