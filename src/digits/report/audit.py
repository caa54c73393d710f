"""Audit of labels: those of a data set that are likely wrong, as a table and a page of pictures."""

import csv
import io
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from digits.data import DataSet
from digits.errors import InvalidInput
from digits.evaluation.label_errors import doubt_labels
from digits.files import write_atomic
from digits.recipe import Recipe
from digits.report.page import templates
from digits.training.cross_validation import NUM_FOLDS, cross_validate
from digits.training.progress import TrainingProgress

PAGE, TABLE = "audit.html", "audit.csv"
"""Names of the files that are written."""

FEWEST_LISTED, MOST_SHOWN = 100, 200
"""Labels that are listed, also where fewer are likely wrong; most pictures on the page."""

SPLITS = ("all", "train", "test")
"""Parts of a set whose labels may be audited."""


@dataclass(frozen=True)
class Suspect:
    """An image whose label is to be looked at."""

    name: str
    """Its picture, or its split and place there."""
    label: str
    """Its label."""
    suggested: str
    """The most probable other class."""
    confidence: float
    """Probability of its label, 0 to 1."""
    index: int
    """Its place among all images of the set, those that train first."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON and the table."""
        return {
            "name": self.name,
            "label": self.label,
            "suggested": self.suggested,
            "confidence": round(self.confidence, 6),
        }


@dataclass(frozen=True)
class Audit:
    """Which labels of a data set are likely wrong."""

    title: str
    """Name of the data set."""
    num_images: int
    """Number of images whose labels were judged."""
    num_likely: int
    """Number of labels that are likely wrong."""
    accuracy: float
    """Share of the images that were read as they are labelled."""
    recipe: str
    """Name of the recipe that the networks were trained by."""
    num_folds: int
    """Number of networks, each trained without one part of the images."""
    suspects: tuple[Suspect, ...]
    """The least probable labels, in this order: those that are likely wrong, or a hundred."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "dataset": self.title,
            "images": self.num_images,
            "likely_wrong": self.num_likely,
            "read_as_labelled": self.accuracy,
            "recipe": self.recipe,
            "folds": self.num_folds,
            "least_probable": [suspect.to_dict() for suspect in self.suspects],
        }


def audit(
    data: DataSet,
    recipe: Recipe,
    *,
    split: str = "all",
    num_folds: int = NUM_FOLDS,
    device: str = "auto",
    progress: TrainingProgress | None = None,
) -> Audit:
    """Find the labels of a data set that are likely wrong, those of its test images included.

    Args:
        data: The data set.
        recipe: The recipe to train the networks by that judge them; on all images alike, whatever
            its `hard_fraction`, as none are harder than those with wrong labels.
        split: Whose labels to judge: all, train or test; networks are trained on all others alike.
        num_folds: Number of parts; a network judges each, and is trained on the others.
        device: The device to compute on: auto, cpu, cuda or mps.
        progress: Where to report progress; nowhere if not given.

    Raises:
        InvalidInput: If the recipe or the number of parts does not fit the set, or there is no such
            split.
    """
    if split not in SPLITS:
        raise InvalidInput(f"split: expected {' or '.join(SPLITS)}, found {split!r}.")
    whole = data.whole
    recipe = recipe.override(hard_fraction=1.0)
    judged = cross_validate(recipe, whole, num_folds=num_folds, device=device, progress=progress)
    is_test = torch.arange(len(whole)) >= len(data.train)
    among = {"all": torch.ones_like(is_test), "train": ~is_test, "test": is_test}[split]
    if not among.any():
        raise InvalidInput(f"split: expected one with images, found none in {split!r}.")
    found = doubt_labels(judged.probabilities, whole.labels, among)
    num_listed = max(found.num_likely, FEWEST_LISTED)
    names = _names(data)
    suspects = tuple(
        Suspect(
            names[index],
            data.classes[int(whole.labels[index])],
            data.classes[suggested],
            confidence,
            index,
        )
        for index, suggested, confidence in zip(
            *(part[:num_listed].tolist() for part in found[:3]), strict=True
        )
    )
    predicted = judged.probabilities.argmax(dim=1)
    accuracy = float((predicted == whole.labels)[among].double().mean())
    return Audit(
        title=data.title,
        num_images=int(among.sum()),
        num_likely=found.num_likely,
        accuracy=accuracy,
        recipe=recipe.name,
        num_folds=num_folds,
        suspects=suspects,
    )


def write_audit(found: Audit, data: DataSet, folder: Path) -> Path:
    """Write the page and the table of an audit into a folder.

    Returns:
        Path of the page.

    Raises:
        DigitsError: If they can't be written.
    """
    table = io.StringIO()
    columns = ("name", "label", "suggested", "confidence")
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(suspect.to_dict() for suspect in found.suspects)
    images = data.whole.images
    shown = [(one, _data_uri(images[one.index])) for one in found.suspects[:MOST_SHOWN]]
    page = templates().get_template("audit.html.j2")
    write_atomic(folder / TABLE, table.getvalue().encode())
    path = folder / PAGE
    write_atomic(path, page.render(audit=found, shown=shown, table_name=TABLE).encode())
    return path


def _names(data: DataSet) -> list[str]:
    if data.own is not None:
        return data.own.names["train"] + data.own.names["test"]
    return [
        f"{split.name} {index}" for split in (data.train, data.test) for index in range(len(split))
    ]


def _data_uri(image: UInt8[Tensor, "h w"]) -> str:
    """An image as it is, in PNG, as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(image.to(torch.uint8).cpu().numpy()).save(stream, "PNG")
    return "data:image/png;base64," + b64encode(stream.getvalue()).decode()
