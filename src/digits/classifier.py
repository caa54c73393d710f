"""A classifier in the manner of scikit-learn: training by a recipe as an estimator."""

import warnings
from math import ceil, isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from digits.data import DataSet, Split
from digits.errors import InvalidInput
from digits.evaluation import predict
from digits.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from digits.training.in_memory import train_in_memory
from digits.training.progress import TrainingProgress

OTHER_SCALE = 10
"""Factor, 3 to 15, by which the brightest value may differ from that of `fit` without a word. The
usual scales (1, 16, 255) differ by more, and images of one scale, each pixel standardised, by 3."""

BLOCK_SIZE = 4096
"""Number of images whose values are scaled at once: all of MNIST would take a gigabyte."""

VALUES = (np.float64, np.float32, np.uint8)
"""Types of values that are taken as they are; others become the first."""

FEW_STEPS = 40
"""Steps, 10 to 200, than which fewer are warned of. Source: of two thirds of scikit-learn's 1,797
digits, `fast` learns to read the others 46 % right in 4 steps, and 97 % in 40."""


class DigitsClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Convolutional network, trained by a recipe: an estimator for scikit-learn.

    Images are flat, (n, pixels) as scikit-learn's data sets have them, or (n, height, width), and
    as high as wide. Labels may be numbers or texts.

    A network takes pixels from 0 to 255. `fit` learns which values those are: the smallest value of
    its images becomes 0, paper, and the largest 255, full ink, or those that `value_range` names;
    `predict` uses the same two. In between, values are rounded to whole pixels, and outside of them
    to the nearer one. So images may be from 0 to 255, 0 to 16, 0 to 1 or standardised, in `fit` and
    `predict` alike; images on another scale than those of `fit` are warned of.

    All images given are trained on, whatever the recipe holds out. Where there are fewer than the
    recipe's batch size, they are one batch; one that would leave a batch of a single image is made
    smaller. Nothing is written to the disk, and nothing printed unless asked for.

    Args:
        recipe: A recipe's name such as "classic", a TOML file, or a `Recipe`.
        epochs: Passes over the images; the recipe's if not given. Recipes are made for 60,000
            images: fewer need more.
        batch_size: Images a step; the recipe's if not given.
        learning_rate: Learning rate at its highest; the recipe's if not given.
        value_range: Values of paper and of full ink; learned by `fit` if not given.
        random_state: Seed of all random numbers, as in scikit-learn; the recipe's if not given, so
            that two fits give the same network.
        device: The device to train on: auto, cpu, cuda or mps.
        verbose: Whether to print a line for each epoch.

    Attributes:
        classes_: The labels, in the order of the probabilities.
        n_features_in_: Number of pixels of an image.
        value_range_: Values that became 0 and 255.
        recipe_: The recipe exactly as it ran, but for the name of its data set.
        model_: The network: raw pixels (n, 1, size, size) to logits.
        temperature_: Temperature by which its logits are divided.
        history_: What came of each epoch.

    Examples:
        >>> from sklearn.datasets import load_digits
        >>> images, labels = load_digits(return_X_y=True)
        >>> classifier = DigitsClassifier("fast", epochs=10).fit(images, labels)
        >>> classifier.predict(images[:3]).shape
        (3,)
    """

    def __init__(
        self,
        recipe: str | Path | Recipe = DEFAULT_RECIPE,
        *,
        epochs: int | np.integer | None = None,
        batch_size: int | np.integer | None = None,
        learning_rate: float | None = None,
        value_range: tuple[float, float] | None = None,
        random_state: int | np.integer | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.value_range = value_range
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "DigitsClassifier":
        """Train a network.

        Args:
            X: Images as high as wide. (n, pixels) or (n, height, width)
            y: Labels, numbers or texts. (n,)

        Returns:
            The classifier itself.

        Raises:
            InvalidInput: If the images are not square or all values equal, there is one class, or a
                parameter is out of range.
            DigitsError: If the loss is no longer finite.
        """
        values, y = validate_data(self, _flatten(X), y, dtype=VALUES)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInput(
                f"y: expected at least two classes, found one class, {self.classes_[0]!r}."
            )
        self.value_range_ = self._find_value_range(values)
        images = torch.from_numpy(self._to_pixels(values))
        train = Split(
            "train",
            images,
            torch.from_numpy(labels.astype(np.int64)),
            tuple(map(str, self.classes_)),
        )
        recipe = self._choose_recipe(len(images))
        _warn_of_few_steps(recipe, len(images))
        test = train.chosen("test", torch.zeros(len(images), dtype=torch.bool))
        trained = train_in_memory(
            recipe,
            DataSet("X", train, test, source="fit"),
            device=self.device,
            progress=TrainingProgress() if self.verbose else None,
        )
        self.recipe_, self.model_ = trained.recipe, trained.model
        self.temperature_, self.history_ = trained.temperature, trained.history
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n classes"]:
        """Compute the calibrated probability of each class.

        Args:
            X: Images as `fit` takes them, of the same size and on the same scale.

        Returns:
            Probabilities in the order of `classes_`; rows sum to 1. (n, classes)

        Raises:
            InvalidInput: If the images are of another size.
        """
        check_is_fitted(self)
        values = validate_data(self, _flatten(X), dtype=VALUES, reset=False)
        self._warn_of_other_scale(values)
        images = torch.from_numpy(self._to_pixels(values))
        precision = self.recipe_.precision
        logits = predict(self.model_, images, device=self.device, precision=precision)
        return (logits.double() / self.temperature_).softmax(dim=1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Predict the likeliest label of each image.

        Args:
            X: Images as `fit` takes them, of the same size and on the same scale.

        Returns:
            Labels, as `fit` was given them. (n,)

        Raises:
            InvalidInput: If the images are of another size.
        """
        probabilities = self.predict_proba(X)
        found: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return found

    def _find_value_range(self, values: Num[np.ndarray, "n pixels"]) -> tuple[float, float]:
        if self.value_range is None:
            low, high = float(values.min()), float(values.max())
            expected = (
                "X: expected values that differ, as the smallest is paper and the largest ink"
            )
        else:
            low, high = map(float, self.value_range)
            expected = "value_range: expected the value of paper and a larger one, of full ink"
        if not low < high:
            raise InvalidInput(f"{expected}; found {low:g} and {high:g}.")
        return low, high

    def _warn_of_other_scale(self, values: Num[np.ndarray, "n pixels"]) -> None:
        """Warn of images that are all but black, or mostly white, on the scale of `fit`."""
        low, high = self.value_range_
        top = float(values.max())
        extent = high - low
        if low < top < low + extent / OTHER_SCALE or top > low + extent * OTHER_SCALE:
            warnings.warn(
                f"Expected values from {low:g} to {high:g}, as in fit, found {values.min():g} to "
                f"{top:g}; scale them likewise.",
                stacklevel=4,
            )

    def _to_pixels(self, values: Num[np.ndarray, "n pixels"]) -> UInt8[np.ndarray, "n h w"]:
        """Scale values to whole pixels from 0 to 255, and lay them out as images."""
        low, high = self.value_range_
        pixels = np.empty(values.shape, np.uint8)
        for first in range(0, len(values), BLOCK_SIZE):
            block = values[first : first + BLOCK_SIZE].astype(np.float64)
            scaled = (block - low) * (255 / (high - low))
            pixels[first : first + BLOCK_SIZE] = np.rint(scaled.clip(0, 255))
        return self._lay_out(pixels)

    def _lay_out(self, pixels: UInt8[np.ndarray, "n pixels"]) -> UInt8[np.ndarray, "n h w"]:
        size = isqrt(pixels.shape[1])
        if size * size != pixels.shape[1]:
            raise InvalidInput(
                "X: expected as many columns as a square image has pixels, such as 784 of 28×28; "
                f"found {pixels.shape[1]:,}."
            )
        return pixels.reshape(-1, size, size)

    def _choose_recipe(self, num_images: int) -> Recipe:
        """Choose the recipe to train by: that of the parameters, with batches that fit."""
        recipe = self.recipe if isinstance(self.recipe, Recipe) else load_recipe(self.recipe)
        changes = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "seed": self._draw_seed(),
            "validation_size": 0,
        }
        recipe = recipe.override(**{k: _plain(v) for k, v in changes.items() if v is not None})
        epoch_sizes = _count_images(recipe, num_images)
        largest = min(recipe.batch_size, num_images)
        fitting = (
            size
            for size in range(largest, 1, -1)
            if all(epoch_size % size != 1 for epoch_size in epoch_sizes)
        )
        return recipe.override(batch_size=next(fitting, largest))

    def _draw_seed(self) -> Any:
        if isinstance(self.random_state, np.random.RandomState):
            return self.random_state.randint(2**31)
        return self.random_state


def _warn_of_few_steps(recipe: Recipe, num_images: int) -> None:
    sizes = _count_images(recipe, num_images)
    num_steps = sum(ceil(size / recipe.batch_size) for size in sizes)
    if num_steps < FEW_STEPS:
        warnings.warn(
            f"Expected at least {FEW_STEPS} steps for a network to learn from, found {num_steps}, "
            f"of {num_images:,} images; raise epochs.",
            ConvergenceWarning,
            stacklevel=3,
        )


def _count_images(recipe: Recipe, num_images: int) -> list[int]:
    """Count the images of each epoch."""
    return [num_images] + [ceil(recipe.hard_fraction * num_images)] * (recipe.epochs - 1)


def _plain(value: Any) -> Any:
    """Convert a number of NumPy, as grids of parameters have them, to one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _flatten(images: Any) -> Any:
    """Lay the rows of images (n, height, width) one after the other; all else stays as it is."""
    if getattr(images, "ndim", 2) != 3:
        return images
    if images.shape[1] != images.shape[2]:
        raise InvalidInput(
            f"X: expected images as high as wide, found {tuple(images.shape)}; add paper to the "
            "shorter sides."
        )
    return np.asarray(images).reshape(len(images), images.shape[1] ** 2)
