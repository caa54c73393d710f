"""Search of settings: trials of a recipe with other values, judged by held-out images alone."""

from digits.search.loop import search
from digits.search.ranges import Range, default_ranges, load_ranges
from digits.search.results import Found

__all__ = ["Found", "Range", "default_ranges", "load_ranges", "search"]
