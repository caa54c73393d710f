"""Learning from corrections: fine-tuning of the networks that read pictures.

```
folder ─corrections─▶ glyphs and words, as each network sees them
  ─glyphs, lines (learner, fine_tuning)─▶ moved weights ─retention─▶ as far as little is forgotten
  ─weights─▶ the same graphs in ONNX ─loop─▶ model folder
```
"""

from digits.learning.loop import Learned, learn

__all__ = ["Learned", "learn"]
