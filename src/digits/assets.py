"""Files that come with the package, for browsers: the page, and the pictures to try it on."""

from importlib.resources import files
from pathlib import Path

PAGE = Path(str(files("digits") / "page"))
"""Folder of the page's files."""

SAMPLES = Path(str(files("digits.reading") / "samples"))
"""Folder of the sample pictures."""
