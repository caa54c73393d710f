"""Training: the loop from a recipe to a run folder, the training step, and data augmentation."""

from digits.training.loop import Interrupted, resume, train
from digits.training.series import SeriesInterrupted, resume_series, train_series

__all__ = [
    "Interrupted",
    "SeriesInterrupted",
    "resume",
    "resume_series",
    "train",
    "train_series",
]
