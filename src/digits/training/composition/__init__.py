"""Composition: lines of handwriting made of single digits, a line at a time, from given numbers.

```
digits ─writers─▶ digits of one writer ─lines, marks─▶ ink of a line ─paper─▶ image, symbols, boxes
```
"""

from digits.training.composition.batch import LineBatch, compose_batch
from digits.training.composition.writers import Writers

__all__ = ["Writers", "LineBatch", "compose_batch"]
