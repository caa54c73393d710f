"""The command `digits`: parse and call. All work is done elsewhere, imported when needed."""

from digits.cli import data, reading, runs, training  # each adds its commands
from digits.cli.app import app, main

__all__ = ["app", "data", "main", "reading", "runs", "training"]
