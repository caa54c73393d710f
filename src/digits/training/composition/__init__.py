"""Composition: lines of handwriting made of single digits, a line at a time, from given numbers.

```
digits ─hands─▶ digits of one hand ─lines, marks─▶ ink of a line ─paper─▶ image, symbols, boxes
```
"""

from digits.training.composition.batch import LineBatch, compose_batch
from digits.training.composition.hands import Hands

__all__ = ["Hands", "LineBatch", "compose_batch"]
