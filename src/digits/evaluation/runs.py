"""Evaluation of training runs: metrics on a split, and mean accuracy over several seeds."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, Num
from torch import Tensor

from digits.data import DataSet, Split
from digits.data.catalog import listed
from digits.errors import InvalidInput
from digits.evaluation.intervals import Estimate, estimate_difference, estimate_mean
from digits.evaluation.lines import LineMetrics, Lines, compute_line_metrics, predict_lines
from digits.evaluation.metrics import Metrics, committee, compute_metrics
from digits.evaluation.prediction import predict
from digits.models import SMALLEST, reads_lines
from digits.run import Run

Runs = Run | str | Path | Sequence[Run | str | Path]
"""A run or its folder, or several of them."""


Labelled = Split | Sequence[Any]
"""A split, or a pair of images and labels, as tensors or arrays."""


def evaluate(runs: Runs, split: Labelled, *, device: str = "auto") -> Metrics:
    """Compute the metrics of a run's network on a split; several runs form a committee.

    Logits are divided by the run's temperature, so that probabilities are calibrated.

    Args:
        runs: A run or its folder, or several of them. A committee predicts the mean of its
            members' probabilities.
        split: Images with their labels, such as `digits.load("mnist").test`; or a pair of images,
            raw pixels from 0 to 255 (n, 28, 28) or (n, 1, 28, 28), and labels (n,). Their size
            and classes are those of the set that the network was trained on.
        device: Device to compute on: auto, cpu, cuda or mps.

    Returns:
        The metrics on all images of the split.

    Raises:
        InvalidInput: If there is no run, `split` is neither of these or of other classes than a
            run's, or a network reads lines.
        DigitsError: If a run is unfinished or damaged, or its network is not registered here.

    Examples:
        >>> import digits
        >>> mnist = digits.load("mnist")  # doctest: +SKIP
        >>> digits.evaluate("runs/classic", mnist.test).accuracy  # doctest: +SKIP
        0.991
    """
    members = _open(runs)
    size = members[0].size if members else SMALLEST
    images, labels = _images_and_labels(split, size)
    if not members:
        raise InvalidInput("Expected at least one run, found none.")
    for run in members:
        if reads_lines(run.recipe.network):
            raise InvalidInput(
                f"{run.folder} reads lines, not single digits; evaluate it alone, with: "
                f"digits evaluate {run.folder}"
            )
    classes = split.classes if isinstance(split, Split) else members[0].classes
    for run in members:
        if (run.classes, run.size) != (classes, images.shape[1]):
            raise InvalidInput(
                f"{run.folder} tells apart {listed(run.classes)} on images of {run.size} pixels; "
                f"expected {listed(classes)} on images of {images.shape[1]}."
            )
    logits = [
        predict(run.model, images, device=device, precision=run.recipe.precision)
        / (run.temperature or 1.0)
        for run in members
    ]
    return compute_metrics(logits[0] if len(logits) == 1 else committee(logits), labels)


def choose_unseen(data: DataSet, runs: Sequence[Run]) -> Split:
    """Choose the images of a set of one's own that no run was trained on, in the runs' classes.

    Args:
        data: The set.
        runs: The runs that are to be measured on it.

    Returns:
        Its test images, if a run was trained on it, or it says itself which they are; else all.

    Raises:
        InvalidInput: If a run was trained on it as it was before, so that it can't be told which
            images that run has seen; or an image is of a class that the first run does not know.
    """
    assert data.own is not None
    digests = {run.recipe.digest for run in runs}
    for run in runs:
        if run.recipe.dataset == data.name and run.recipe.digest != data.own.digest:
            raise InvalidInput(
                f"{data.name} has changed since {run.folder} was trained on it, so it can't be "
                "told which images that run has not seen; train anew, or put new pictures in a "
                "folder of their own."
            )
    split = data.test if data.own.is_split or data.own.digest in digests else data.whole
    return split.with_classes(runs[0].classes)


def _images_and_labels(split: Any, size: int) -> tuple[Num[Tensor, "n h w"], Int[Tensor, " n"]]:
    """Take a split apart, or a pair as people have it."""
    if isinstance(split, Split):
        return split.images, split.labels
    expected = "Expected a Split such as mnist.test, or a pair of images and labels, found"
    if not isinstance(split, tuple | list) or len(split) != 2:
        raise InvalidInput(f"{expected} {type(split).__name__}.")
    try:
        images, labels = (torch.as_tensor(part) for part in split)
    except (TypeError, ValueError, RuntimeError) as error:
        kinds = ", ".join(type(part).__name__ for part in split)
        raise InvalidInput(f"{expected} ({kinds}).") from error
    if images.ndim == 4 and images.shape[1] == 1:
        images = images.squeeze(1)
    whole = not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)
    if images.shape[1:] != (size, size) or labels.shape != images.shape[:1] or not whole:
        raise InvalidInput(
            f"Expected images (n, {size}, {size}) and whole numbers as labels (n,), "
            f"found {tuple(images.shape)} and {labels.dtype} {tuple(labels.shape)}."
        )
    return images, labels.long().cpu()


def evaluate_lines(run: Run, lines: Lines, *, device: str = "auto") -> LineMetrics:
    """Compute the metrics of a run whose network reads lines.

    Args:
        run: The run.
        lines: Lines, such as `training.tasks.compose_lines` makes of a split's digits.
        device: Device to compute on: auto, cpu, cuda or mps.

    Returns:
        The metrics on all lines.

    Raises:
        DigitsError: If the run is unfinished or damaged.
    """
    read = predict_lines(run.model, lines, device=device, precision=run.recipe.precision)
    return compute_line_metrics(read, lines.symbols)


def summarize(runs: Sequence[Run | str | Path]) -> Estimate:
    """Estimate a recipe's test accuracy: the mean over its runs, with a 95 % interval.

    The interval covers the variation between seeds on this test set. The sampling of the test
    images is covered by the Wilson interval in each run's summary.

    Args:
        runs: At least two finished runs, or their folders, of one recipe with different seeds.

    Returns:
        The mean test accuracy, 0 to 1, and its interval.

    Raises:
        InvalidInput: If there are fewer than two runs, a seed repeats, or they differ in more
            than the seed.
        DigitsError: If a run is unfinished or damaged.

    Examples:
        >>> runs = [digits.train("compact", seed=seed) for seed in range(5)]  # doctest: +SKIP
        >>> digits.summarize(runs).interval  # doctest: +SKIP
        (0.9924, 0.9937)
    """
    return estimate_mean(_accuracies(runs))


def compare(runs: Sequence[Run | str | Path], others: Sequence[Run | str | Path]) -> Estimate:
    """Compare two recipes: the difference of their mean test accuracies.

    Args:
        runs: Runs of one recipe, at least two with different seeds.
        others: Runs of the other recipe, at least two with different seeds.

    Returns:
        The mean test accuracy of `runs` minus that of `others`. An interval that contains 0 means
        that these runs do not show which recipe is better.

    Raises:
        InvalidInput: If `summarize` would refuse either group of runs, they are of two data sets,
            one reads lines and the other glyphs or other lines, or a run is in both.
        DigitsError: If a run is unfinished or damaged.
    """
    groups = [_open(runs), _open(others)]
    difference = estimate_difference(*map(_accuracies, groups))
    if len({reads_lines(group[0].recipe.network) for group in groups}) > 1:
        raise InvalidInput(
            "Expected runs of one task, found lines and single digits, whose accuracies can't be "
            "compared."
        )
    first, second = (group[0].recipe for group in groups)
    if (first.dataset, first.digest) != (second.dataset, second.digest):
        raise InvalidInput(
            f"Expected runs of one data set, found {first.dataset} and {second.dataset}, whose "
            "accuracies can't be compared."
        )
    # The test's lines are composed by the same amounts as those that were trained on.
    if reads_lines(first.network) and first.augmentation.amounts != second.augmentation.amounts:
        raise InvalidInput(
            "Expected runs evaluated on the same lines, found lines composed by other versions of "
            "digits; train one group anew."
        )
    folders = [{run.folder.resolve() for run in group} for group in groups]
    for folder in folders[0] & folders[1]:
        raise InvalidInput(f"Expected other runs in each group, found {folder} in both.")
    return difference


def _accuracies(runs: Sequence[Run | str | Path]) -> list[float]:
    opened = _open(runs)
    facts = [asdict(run.recipe) | {"parameters": run.summary.get("parameters")} for run in opened]
    seeds = [fact.pop("seed") for fact in facts]
    for fact in facts[1:]:
        for name, value in fact.items():
            if value != facts[0][name]:
                raise InvalidInput(
                    "Expected runs of one recipe that differ in their seed only, found "
                    f"{name} {facts[0][name]!r} and {value!r}."
                )
    if len(set(seeds)) < len(seeds):
        raise InvalidInput(f"Expected a different seed for each run, found {seeds}.")
    return [float(run.summary["test"]["accuracy"]) for run in opened]


def _open(runs: Runs) -> list[Run]:
    several = [runs] if isinstance(runs, Run | str | Path) else runs
    return [run if isinstance(run, Run) else Run(run) for run in several]
