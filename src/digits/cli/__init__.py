"""The command `digits`: parse and call. All work is done elsewhere, imported when needed."""

from digits.cli import data, doctor, reading, runs, training  # each adds its commands
from digits.cli.app import app, main

__all__ = ["app", "data", "doctor", "main", "reading", "runs", "training"]
