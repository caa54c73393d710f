"""The tuned numbers of reading, found by walking its modules, and how to change one for a while."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import Field, dataclass, fields

import digits.reading
from digits.reading.tuning import Tuned


@dataclass(frozen=True)
class Number:
    """A field of one of the instances of `Tuned`."""

    stage: Tuned
    field: Field[float]

    @property
    def name(self) -> str:
        """Such as "layout.LayoutParameters.speck"."""
        kind = type(self.stage)
        return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}.{self.field.name}"

    @property
    def value(self) -> float:
        return float(getattr(self.stage, self.field.name))

    def times(self, factor: float) -> float:
        """The value, so many times as large; what counts things, or pixels, stays whole."""
        value = getattr(self.stage, self.field.name)
        return max(1, round(value * factor)) if isinstance(value, int) else value * factor

    @contextmanager
    def changed(self, value: float) -> Iterator[None]:
        """Give it another value, out of its range, too, until the block is left."""
        before = getattr(self.stage, self.field.name)
        object.__setattr__(self.stage, self.field.name, value)
        try:
            yield
        finally:
            object.__setattr__(self.stage, self.field.name, before)


OF_TIME = ("digits.reading.ensemble", "digits.reading.word_reader", "digits.reading.work")
"""Modules whose numbers decide how long reading takes, not what is read."""


def find_numbers(*, of_time: bool = False) -> list[Number]:
    """Find every field of every instance of `Tuned` in the modules of `digits.reading`.

    Args:
        of_time: Find those that decide how long reading takes, instead of the others.
    """
    found = []
    for module in pkgutil.walk_packages(digits.reading.__path__, "digits.reading."):
        if (module.name in OF_TIME) != of_time:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Tuned) and type(value).__module__ == module.name:
                found += [Number(value, field) for field in fields(value)]
    return found
