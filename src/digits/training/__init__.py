"""Training: the loop from a recipe to a run folder, the training step, and data augmentation."""

from digits.training.loop import Interrupted, resume, train

__all__ = ["Interrupted", "resume", "train"]
