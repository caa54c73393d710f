"""MNIST: from wherever its bytes can be had, by way of a checked cache, to tensors."""

from typing import TYPE_CHECKING, Any

from digits.data.cache import data_root
from digits.data.sources import describe, fetch, import_folder

if TYPE_CHECKING:
    from digits.data.datasets import DigitSet, Split, load

__all__ = ["DigitSet", "Split", "data_root", "describe", "fetch", "import_folder", "load"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first used: fetching and describing do without."""
    if name in {"DigitSet", "Split", "load"}:
        from digits.data import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
