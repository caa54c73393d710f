"""Evaluation of training runs: metrics on a split, and mean accuracy over several seeds."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from digits.data import Split
from digits.errors import InvalidInput
from digits.evaluation.intervals import Estimate, estimate_difference, estimate_mean
from digits.evaluation.lines import LineMetrics, Lines, compute_line_metrics, predict_lines
from digits.evaluation.metrics import Metrics, committee, compute_metrics
from digits.evaluation.prediction import predict
from digits.models import reads_lines
from digits.run import Run

Runs = Run | str | Path | Sequence[Run | str | Path]
"""A run or its folder, or several of them."""


def evaluate(runs: Runs, split: Split, *, device: str = "auto") -> Metrics:
    """Compute the metrics of a run's network on a split; several runs form a committee.

    Args:
        runs: A run or its folder, or several of them. A committee predicts the mean of its
            members' probabilities.
        split: Images with their labels, such as `digits.load("mnist").test`.
        device: Device to compute on: auto, cpu, cuda or mps.

    Returns:
        The metrics on all images of the split.

    Raises:
        InvalidInput: If there is no run, `split` is not a `Split`, or a network reads lines.
        DigitsError: If a run is unfinished or damaged, or its network is not registered here.

    Example:
        >>> import digits
        >>> mnist = digits.load("mnist")  # doctest: +SKIP
        >>> digits.evaluate("runs/classic", mnist.test).accuracy  # doctest: +SKIP
        0.991
    """
    if not isinstance(split, Split):
        raise InvalidInput(f"Expected a Split such as mnist.test, found {type(split).__name__}.")
    members = _open(runs)
    if not members:
        raise InvalidInput("Expected at least one run, found none.")
    for run in members:
        if reads_lines(run.recipe.network):
            raise InvalidInput(
                f"{run.folder} reads lines, not single digits; evaluate it alone, with: "
                f"digits evaluate {run.folder}"
            )
    logits = [
        predict(run.model, split.images, device=device, precision=run.recipe.precision)
        for run in members
    ]
    return compute_metrics(logits[0] if len(logits) == 1 else committee(logits), split.labels)


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

    Example:
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
        InvalidInput: If `summarize` would refuse either group of runs, one reads lines and the
            other glyphs, or a run is in both.
        DigitsError: If a run is unfinished or damaged.
    """
    groups = [_open(runs), _open(others)]
    difference = estimate_difference(*map(_accuracies, groups))
    if len({reads_lines(group[0].recipe.network) for group in groups}) > 1:
        raise InvalidInput(
            "Expected runs of one task, found lines and single digits, whose accuracies can't be "
            "compared."
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
