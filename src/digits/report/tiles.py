"""Tiles of a report: which test images it shows one by one, for each cell of a confusion matrix."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from digits.evaluation.metrics import confusion_matrix
from digits.report.material import Material
from digits.report.sprite import Sprite, choose_fairly, make_sprite, most_images

MOST_EACH = 24
"""Most images shown of a cell of the confusion matrix: three rows of a wide window."""

CORRECT_EACH = 8
"""Correct predictions shown of a class: the least confident ones."""

MOST_CLASSES = 62
"""Most classes of a confusion matrix that is a table: EMNIST's. A larger one is a picture."""


@dataclass(frozen=True)
class Tile:
    """A test image, with what it is and what it was read as."""

    index: int
    """Its place in the test set, from 0."""
    true: int
    predicted: int
    confidence: float
    """Probability of the prediction, 0 to 1."""
    place: tuple[int, int]
    """Column and row in the sprite."""


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix."""

    count: int
    """Number of test images."""
    share: float
    """Their number by that of the most frequent mistake, 0 to 1; 0 on the diagonal."""


@dataclass(frozen=True)
class Tiles:
    """The images that a report shows one by one, and the matrix of which they are."""

    sprite: Sprite
    mistakes: tuple[Tile, ...]
    """Images that were read wrong, the most confident predictions first."""
    num_mistakes: int
    """Number of all images that were read wrong."""
    correct: tuple[Tile, ...]
    """Images that were read correctly, the least confident predictions first."""
    matrix: tuple[tuple[Cell, ...], ...]
    """Number of test images of each true class (row) read as each class (column)."""


def collect(material: Material) -> Tiles:
    """Collect the images that a report shows one by one.

    Mistakes have three quarters of the room, shared fairly among the cells of the matrix.
    """
    num_classes, test = len(material.classes), material.test
    room = most_images(test.size)
    cells = test.labels * num_classes + material.predicted
    mistakes = material.mistakes
    chosen = choose_fairly(cells[mistakes], most=3 * room // 4, most_each=MOST_EACH)
    shown = mistakes[chosen]
    right = (material.predicted == test.labels).nonzero()[:, 0]
    right = right[material.confidence[right].argsort(stable=True)]
    fair = choose_fairly(cells[right], most=room - len(shown), most_each=CORRECT_EACH)
    correct = right[fair]
    tiles = _tiles(material, torch.cat([shown, correct]))
    return Tiles(
        sprite=make_sprite(test.images, torch.cat([shown, correct])),
        mistakes=tiles[: len(shown)],
        num_mistakes=len(mistakes),
        correct=tiles[len(shown) :],
        matrix=_matrix(material),
    )


def _tiles(material: Material, indices: Int64[Tensor, " k"]) -> tuple[Tile, ...]:
    return tuple(
        Tile(
            index,
            int(material.test.labels[index]),
            int(material.predicted[index]),
            float(material.confidence[index]),
            Sprite.place(position),
        )
        for position, index in enumerate(indices.tolist())
    )


def _matrix(material: Material) -> tuple[tuple[Cell, ...], ...]:
    """Count by what was read for this report, of which the images are."""
    counts = confusion_matrix(
        material.predicted, material.test.labels, num_classes=len(material.classes)
    )
    errors = counts - counts.diagonal().diag()
    shares = errors / errors.max().clamp(min=1)
    return tuple(
        tuple(Cell(count, share) for count, share in zip(*row, strict=True))
        for row in zip(counts.tolist(), shares.tolist(), strict=True)
    )
