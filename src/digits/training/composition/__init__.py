"""Composition: lines of handwriting made of single digits, a line at a time, from given numbers.

```
digits ─writers─▶ one writer's digits ─digit─┐
text ─separators, signs, shapes, letters…───┴─layout─▶ ink ─pen, paper─▶ image and truth
```
"""

import hashlib
import json
from dataclasses import asdict

import numpy as np

from digits.training import augmentation
from digits.training.composition import (
    allographs,
    batches,
    borders,
    cells,
    digit,
    displays,
    ground,
    layout,
    letters,
    line,
    manner,
    neighbours,
    paper,
    pen,
    rules,
    separators,
    shapes,
    signs,
    texts,
    writers,
)
from digits.training.composition.batches import (
    LineBatch,
    compose_batch,
    compose_batches,
    compose_from_split,
)
from digits.training.composition.composers import Composers, Order
from digits.training.composition.writers import Writers

__all__ = [
    "Composers",
    "LineBatch",
    "Order",
    "Writers",
    "compose_batch",
    "compose_batches",
    "compose_from_split",
    "digest_composition",
]

MODULES = (
    *augmentation.MODULES,
    *(writers, manner, allographs, texts, separators, signs, shapes, letters, displays),
    *(digit, line, layout, pen, paper, neighbours, rules, cells, ground, borders, batches),
)
"""Modules whose amounts decide how lines are made."""


def digest_composition() -> str:
    """Digest the amounts and the tables of shapes with which lines are composed.

    Returns:
        The first 12 hexadecimal digits of a SHA-256.
    """
    decided = {
        **{module.__name__: asdict(module.AMOUNTS) for module in MODULES},
        "letters": {
            # Machines may differ in the last bits of sines.
            name: [np.round(stroke, 6).tolist() for stroke in strokes]
            for name, strokes in letters.LETTERS.items()
        },
        "allographs": allographs.ALLOGRAPHS,
        "displays": [displays.SEGMENTS, displays.LIT],
    }
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]
