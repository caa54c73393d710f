"""Model folder: both networks that read pictures, and what is known of them, in one folder.

| file | content |
| --- | --- |
| `glyphs.onnx` | the network of glyphs |
| `lines.onnx` | the network of lines |
| `model.json` | facts about how it was made |
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from digits.errors import DigitsError, InvalidInput
from digits.files import sync_folder, write_atomic
from digits.reading.line_network import LineNetwork
from digits.reading.network import Network

GLYPHS, LINES, FACTS = "glyphs.onnx", "lines.onnx", "model.json"


class Networks(NamedTuple):
    """The two networks that read pictures."""

    glyphs: Network
    lines: LineNetwork


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder holds both networks that read pictures."""
    return (Path(path) / FACTS).is_file()


def open_networks(folder: str | Path | None, *, num_threads: int | None = None) -> Networks:
    """Open the networks of a model folder.

    Args:
        folder: The folder; the networks that come with the package if not given.
        num_threads: Number of threads to compute with; all cores if not given.

    Raises:
        InvalidInput: If one is missing, damaged, or another network.
        DigitsError: If one can't be read.
    """
    glyphs, lines = (None, None) if folder is None else (Path(folder, n) for n in (GLYPHS, LINES))
    return Networks(
        Network(glyphs, num_threads=num_threads), LineNetwork(lines, num_threads=num_threads)
    )


def write_model_folder(folder: Path, *, glyphs: bytes, lines: bytes, facts: dict[str, Any]) -> None:
    """Write a model folder, which appears whole or not at all.

    Raises:
        InvalidInput: If something exists at `folder`.
        DigitsError: If it can't be written.
    """
    expect_nothing_at(folder)
    staged = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        write_atomic(staged / GLYPHS, glyphs)
        write_atomic(staged / LINES, lines)
        write_atomic(staged / FACTS, (json.dumps(facts, indent=2) + "\n").encode())
        staged.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        expect_nothing_at(folder)  # another process may have made it just now
        raise DigitsError(f"Can't write {folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def expect_nothing_at(folder: Path) -> None:
    """Refuse a folder that exists.

    Raises:
        InvalidInput: If there is a file or folder of this name.
    """
    if folder.exists():
        raise InvalidInput(f"{folder} exists already; name another folder.")
