"""Training: the loop from a recipe to a run folder, the training step, and data augmentation."""

from digits.training.following import follow
from digits.training.loop import Interrupted, resume, train, train_or_resume
from digits.training.processes import together
from digits.training.series import SeriesInterrupted, resume_series, train_series

__all__ = [
    "Interrupted",
    "SeriesInterrupted",
    "follow",
    "resume",
    "resume_series",
    "together",
    "train",
    "train_or_resume",
    "train_series",
]
