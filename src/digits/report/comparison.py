"""Comparison of runs on a page: results, curves, recipes, and on which images they disagree."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from digits.errors import InvalidInput
from digits.evaluation.paired import PairedErrors, pair_errors
from digits.files import write_atomic
from digits.models import reads_lines
from digits.recipe import Recipe, differing_fields
from digits.report.charts import Curve, Row, draw_curves, draw_strip
from digits.report.material import Facts, Material
from digits.report.page import render_comparison
from digits.report.sprite import Sprite, choose_fairly, make_sprite, most_images
from digits.run import Run, load_set, open_runs

FILE_NAME = "comparison.html"
"""Name of the page, where none is given."""

MOST_RUNS = 8
"""Most runs on a page: colours that also the colour-blind tell apart."""

MOST_EACH = 48
"""Most images shown that the same runs read wrong."""

SIGNIFICANT = 0.05
"""Probability below which a difference is not put down to chance."""

NOT_SHOWN = ("name", "description", "digest")
"""Fields of a recipe that are no setting."""


@dataclass(frozen=True)
class Compared:
    """A run on the page."""

    letter: str
    folder: str
    recipe: Recipe
    facts: Facts
    errors: tuple[int, ...]
    """Number of errors in each class."""


@dataclass(frozen=True)
class Pair:
    """Two runs on the same test images."""

    first: Compared
    second: Compared
    errors: PairedErrors

    @property
    def verdict(self) -> str:
        """What the test images say of the two networks, in a sentence."""
        found, p = self.errors, self.errors.p_value
        chance = f"p = {p:.3f}" if p >= 0.001 else "p below 0.001"
        if p >= SIGNIFICANT:
            return f"Which network is better can't be told from these images ({chance})."
        better = self.first if found.only_first < found.only_second else self.second
        return f"{better.letter} is better on such images, beyond chance ({chance})."


@dataclass(frozen=True)
class Disagreement:
    """A test image that some runs read wrong, and some right."""

    index: int
    """Its place in the test set, from 0."""
    true: int
    readings: tuple[tuple[str, int, float, bool], ...]
    """Letter of each run, the class that it read, with what confidence, and whether it is right."""
    num_wrong: int
    """Number of runs that read it wrong."""
    group: int
    """Which runs these are, as a number: the same for the same runs."""
    place: tuple[int, int]
    """Column and row in the sprite."""


def write_comparison(
    paths: Sequence[Run | str | Path], out: str | Path | None = None, *, device: str = "auto"
) -> Path:
    """Write a page that compares runs.

    Args:
        paths: Two to eight finished runs, or their folders; the folder of a series stands for all
            runs in it.
        out: The file to write; if not given, `comparison.html` beside the first run's folder.
        device: Device to compute predictions on: auto, cpu, cuda or mps.

    Returns:
        Path of the page.

    Raises:
        InvalidInput: If there are fewer or more runs, a run is there twice, one reads lines, or
            they are of different data sets.
        DigitsError: If a run is unfinished or damaged, its network is not registered, the data
            can't be fetched, or the file can't be written.
    """
    runs = [
        run for path in paths for run in ([path] if isinstance(path, Run) else open_runs([path]))
    ]
    _expect_comparable(runs)
    page = render_comparison(**_describe(runs, device))
    path = Path(out) if out is not None else runs[0].folder.parent / FILE_NAME
    write_atomic(path, page.encode())
    return path


def _expect_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that can't be compared on the same test images."""
    if not 2 <= len(runs) <= MOST_RUNS:
        raise InvalidInput(f"Expected two to {MOST_RUNS} runs to compare, found {len(runs)}.")
    folders = [run.folder.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise InvalidInput(f"Expected different runs, found {run.folder} twice.")
        if reads_lines(run.recipe.network):
            raise InvalidInput(
                f"{run.folder} reads lines; runs are compared on images of single digits."
            )
    first = runs[0].recipe
    for run in runs[1:]:
        if (run.recipe.dataset, run.recipe.digest) != (first.dataset, first.digest):
            changed = " as it was at another time" if run.recipe.dataset == first.dataset else ""
            raise InvalidInput(
                f"Expected runs of one data set, found {runs[0].folder} of {first.dataset} and "
                f"{run.folder} of {run.recipe.dataset}{changed}."
            )


def _describe(runs: Sequence[Run], device: str) -> dict[str, Any]:
    """Compute all that the page shows."""
    data = load_set(runs[0].recipe)
    materials = [Material(run, data, device=device) for run in runs]
    labels = data.test.labels
    wrong = torch.stack([material.predicted != labels for material in materials])
    compared = [
        Compared(
            letter,
            str(run.folder),
            run.recipe,
            material.facts,
            tuple(labels[errors].bincount(minlength=len(data.classes)).tolist()),
        )
        for letter, run, material, errors in zip(
            string.ascii_uppercase, runs, materials, wrong, strict=False
        )
    ]
    shown, num_disagreements, sprite = _disagreements(materials, wrong)
    return {
        "title": data.title,
        "noun": materials[0].noun,
        "classes": data.classes,
        "supports": labels.bincount(minlength=len(data.classes)).tolist(),
        "num_images": len(labels),
        "runs": compared,
        "is_read_otherwise": any(run.facts.num_errors != sum(run.errors) for run in compared),
        "strip": _strip(compared),
        "charts": _charts(compared, materials),
        "fields": [
            field
            for field in differing_fields([run.recipe for run in runs])
            if field[0] not in NOT_SHOWN
        ],
        "pairs": [
            Pair(compared[one], compared[other], pair_errors(wrong[one], wrong[other]))
            for one, other in combinations(range(len(runs)), 2)
        ],
        "num_all_wrong": int(wrong.all(dim=0).sum()),
        "num_disagreements": num_disagreements,
        "disagreements": shown,
        "sprite": sprite,
    }


def _strip(compared: Sequence[Compared]) -> str:
    return draw_strip(
        title="Test accuracy of each run, with its 95 % interval",
        rows=[
            Row(
                f"{run.letter}: {run.recipe.name}",
                [(run.facts.accuracy, run.letter)],
                run.facts.interval,
                kind=f"strong run-{number}",
            )
            for number, run in enumerate(compared, start=1)
        ],
    )


def _charts(compared: Sequence[Compared], materials: Sequence[Material]) -> list[tuple[str, str]]:
    """Draw the learning curves of all runs together: titles with charts."""
    charts = []
    for title, field, percent in (
        ("Training loss, in nats", "train_loss", False),
        ("Accuracy on held-out images", "validation_accuracy", True),
    ):
        curves = [
            Curve(run.letter, number, points)
            for number, (run, material) in enumerate(zip(compared, materials, strict=True), start=1)
            if (points := _points(material, field))
        ]
        if curves:
            charts.append((title, draw_curves(title=title, curves=curves, percent=percent)))
    return charts


def _points(material: Material, field: str) -> list[tuple[float, float]]:
    values = ((record.epoch, getattr(record, field)) for record in material.history)
    return [(epoch, value) for epoch, value in values if value is not None]


def _disagreements(
    materials: Sequence[Material], wrong: Bool[Tensor, "runs n"]
) -> tuple[list[Disagreement], int, Sprite]:
    """Choose images that some runs read wrong and some right, fairly by which runs these are."""
    test, num_wrong = materials[0].test, wrong.sum(dim=0)
    found = ((num_wrong > 0) & (num_wrong < len(materials))).nonzero()[:, 0]
    places = 2 ** torch.arange(len(materials))
    groups = (wrong[:, found].long() * places[:, None]).sum(dim=0)
    fair = choose_fairly(groups, most=most_images(test.size), most_each=MOST_EACH)
    chosen = found[fair]
    letters = string.ascii_uppercase
    shown = [
        Disagreement(
            index=index,
            true=int(test.labels[index]),
            readings=tuple(
                (
                    letters[number],
                    int(material.predicted[index]),
                    float(material.confidence[index]),
                    not wrong[number, index],
                )
                for number, material in enumerate(materials)
            ),
            num_wrong=int(num_wrong[index]),
            group=group,
            place=Sprite.place(position),
        )
        for position, (index, group) in enumerate(
            zip(chosen.tolist(), groups[fair].tolist(), strict=True)
        )
    ]
    return shown, len(found), make_sprite(test.images, chosen)
