"""Data sets: a catalogue, downloads, checksums, an atomic cache, file formats, and tensors."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digits.data.cache import data_root
    from digits.data.datasets import DataSet, Split, load
    from digits.data.sources import describe, fetch, import_folder

__all__ = ["DataSet", "Split", "data_root", "describe", "fetch", "import_folder", "load"]

_HOMES = {
    "data_root": "cache",
    "DataSet": "datasets",
    "Split": "datasets",
    "load": "datasets",
    "describe": "sources",
    "fetch": "sources",
    "import_folder": "sources",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the catalogue is light, `fetch` and `describe` work without torch."""
    if name in _HOMES:
        return getattr(import_module(f"digits.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
