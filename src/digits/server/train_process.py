"""The process that trains for a server: watched, at the lowest priority, and no longer than it."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from digits.children import end_with_parent
from digits.errors import DigitsError
from digits.extras import optional_imports

HELD_OUT = 5000
"""Images that are held out of training, whatever the recipe says, so that they can be watched."""

NICE = 19
"""The lowest of POSIX's priorities: training takes what time the server leaves."""


def train_on_request() -> NoReturn:
    """Train by the recipe and at the run folder that the arguments name; print why it failed."""
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(NICE)
    recipe, out = sys.argv[1:]
    try:
        with optional_imports("Training"):
            _train(recipe, Path(out))
    except DigitsError as error:
        print(error)
        sys.exit(1)
    sys.exit(0)


def _train(recipe: str, out: Path) -> None:
    from rich.console import Console

    from digits.data.cache import data_root, read_files
    from digits.data.catalog import MNIST
    from digits.training.loop import train
    from digits.training.progress import TrainingProgress
    from digits.training.watching import Watcher

    _, missing = read_files(MNIST, data_root())
    if missing:  # nobody asked for a download
        raise DigitsError(f"{MNIST.title} is not on the server yet; fetch it there: digits data")
    quiet = TrainingProgress(Console(quiet=True))
    train(recipe, out=out, progress=quiet, watcher=Watcher(), validation_size=HELD_OUT)
