"""The MNIST data set: download, checksums, an atomic cache, the IDX format, and tensors."""

from typing import TYPE_CHECKING, Any

from digits.data.cache import data_root
from digits.data.sources import describe, fetch, import_folder

if TYPE_CHECKING:
    from digits.data.datasets import DigitSet, Split, load

__all__ = ["DigitSet", "Split", "data_root", "describe", "fetch", "import_folder", "load"]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use, because `fetch` and `describe` work without it."""
    if name in {"DigitSet", "Split", "load"}:
        from digits.data import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
