"""The page to draw on: plain files that browsers take as they are, from a server or without."""

from pathlib import Path

PAGE = Path(__file__).parent
"""Folder of the page's files."""
