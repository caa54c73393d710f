"""Terminal output of the command: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from digits.errors import DigitsError
from digits.files import escaped, quoted
from digits.recipe import Recipe

if TYPE_CHECKING:
    from digits.evaluation.intervals import Estimate
    from digits.evaluation.lines import LineMetrics
    from digits.evaluation.metrics import Metrics
    from digits.learning import Learned
    from digits.models.costs import LayerCost
    from digits.reading.results import Reading
    from digits.run import Run

WORDS = ("", "layer", "kind", "recipe", "run folder", "report", "class", "read as")
"""Titles of columns that hold words."""

MATRIX_COLUMNS = 72
"""Characters that a row of a confusion matrix may take on a terminal, without the class's name."""

NUM_CONFUSED = 12
"""Number of pairs of classes that are shown, where the matrix is larger."""


def print_json(document: Any) -> None:
    """Print a JSON document on standard output.

    Args:
        document: Numbers, strings, lists and dicts.
    """
    print(json.dumps(document, indent=2, allow_nan=False))


def show_reading(
    path: Path, reading: "Reading | DigitsError", *, as_json: bool, is_single: bool
) -> None:
    """Print the reading of one picture, as text or as a JSON document on one line.

    The reason why a picture cannot be read goes to standard error, and a note if there is ink in
    it but no digit.

    Args:
        path: The picture.
        reading: What was read, or the reason why the picture cannot be read.
        as_json: Whether to print JSON.
        is_single: Whether it is the only picture, whose path is left out of the text.
    """
    if isinstance(reading, DigitsError):
        print(f"digits: {quoted(path)}: {escaped(reading)}", file=sys.stderr)
        if as_json:
            print(json.dumps({"file": str(path), "error": str(reading)}))
        return
    if not reading.digits and (reading.left_out or reading.ink.mask.any()):
        print(
            f"digits: {quoted(path)}: there is ink, but no digit was read in it.", file=sys.stderr
        )
    if as_json:
        print(json.dumps({"file": str(path), **reading.to_dict()}))
    else:
        line = " ".join(reading.text.splitlines())
        print(reading.text if is_single else f"{quoted(path)}: {line}")


def show_learned(learned: "Learned") -> None:
    """Print what was learned from corrections, and the model folder.

    Args:
        learned: What was learned.
    """
    facts, console = learned.facts, Console()
    for each in facts["left_out"]:
        print(f"digits: {quoted(each['file'])}: {escaped(each['reason'])}", file=sys.stderr)
    for file in facts["still_wrong"]:
        print(f"digits: {quoted(file)}: still read otherwise; is its label right?", file=sys.stderr)
    table = _table("", "before", "after")
    figures = {**facts["retention"], "MNIST's test set read right": facts["mnist_test"]}
    for name, shares in figures.items():
        table.add_row(name, f"{shares['before']:.2%}", f"{shares['after']:.2%}")
    console.print(table)
    print(f"\n{learned.summary}\n{quoted(learned.model)}  ({learned.seconds:.0f} s)")


def show_data(facts: dict[str, Any]) -> None:
    """Print a table of the data set's files and their location.

    Args:
        facts: The files, as `digits.data.describe` describes them.
    """
    table = Table("file", "bytes", "sha256", box=None, header_style="bold")
    for file in facts["files"]:
        table.add_row(file["name"], f"{file['bytes']:,}", file["sha256"][:16] + "…")
    console = Console()
    console.print(table)
    height, width = facts["image"]
    console.print(
        f"{facts['title']} is complete: {facts['train']:,} training and {facts['test']:,} test "
        f"images, in {quoted(facts['root'])} (from: {facts['source']})\n"
        f"{height}×{width} pixels; {len(facts['classes'])} classes: {', '.join(facts['classes'])}\n"
        f"{facts['origin']}; licence: {facts['licence']}",
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )


def show_recipes(rows: list[tuple[Recipe, dict[str, Any] | None]]) -> None:
    """Print a table of recipes with their measured accuracy and training time.

    Args:
        rows: Each recipe with its measurements, as `digits.recipe.load_measurement` loads them;
            None if it was not measured.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("recipe", "parameters", "training", "test accuracy", "what it is"):
        table.add_column(title, justify="left" if title in ("recipe", "what it is") else "right")
    for recipe, measured in rows:
        figures = ["", "", "not measured"]
        if measured is not None:
            figures = [
                f"{measured['parameters']:,}",
                f"{measured['seconds_median']:,.1f} s",
                f"{measured['accuracy_mean']:.2%} ± {measured['accuracy_std']:.2%}",
            ]
        table.add_row(recipe.name, *figures, recipe.description)
    console = Console()
    console.print(table)
    machines = {
        f"{measured['machine']['cores']} cores of {measured['machine']['processor']}"
        for _, measured in rows
        if measured is not None
    }
    console.print(
        f"Mean ± standard deviation over seeds; times on {' and on '.join(sorted(machines))}.",
        style="dim",
        highlight=False,
    )


def show_result(run: "Run", report_path: Path | None) -> None:
    """Print the results of a run and its location.

    Args:
        run: A finished run.
        report_path: The run's report; None if it was not written.
    """
    summary = run.summary
    test = summary["test"]
    low, high = test["interval"]
    how = f"none yet; write it with: digits report {quoted(run.folder)}"
    last = ("report", quoted(report_path) if report_path else how)
    if "digit_error_rate" in test:  # lines, for which there is no report
        last = ("digit errors", f"{test['digit_error_rate']:.2%} of {test['num_digits']:,}")
    rows = [
        (
            "test accuracy",
            f"{test['accuracy']:.2%}  (95 % interval {low:.2%} – {high:.2%}; "
            f"{test['errors']} of {test['images']:,} wrong)",
        ),
        ("training time", f"{summary['training_seconds']:.1f} s"),
        ("run folder", quoted(run.folder)),
        last,
    ]
    console = Console()
    for name, value in rows:
        console.print(f"[bold]{name:<14}[/] ", end="")
        console.print(value, markup=False, emoji=False, highlight=False, soft_wrap=True)


def describe_result(run: "Run", report_path: Path | None) -> dict[str, Any]:
    """Describe the results of a run for JSON: its summary, folder and report.

    Args:
        run: A finished run.
        report_path: The run's report; None if it was not written.
    """
    report = None if report_path is None else str(report_path)
    return {"folder": str(run.folder), "report": report, **run.summary}


def show_series(
    runs: Sequence["Run"],
    accuracy: "Estimate",
    report_paths: Sequence[Path | None],
    *,
    as_json: bool,
) -> None:
    """Print the test accuracy of each run of a series, and their mean with its spread.

    Args:
        runs: Finished runs of one recipe, by seed.
        accuracy: Their mean test accuracy.
        report_paths: The report of each; None if it was not written.
        as_json: Whether to print JSON.
    """
    low, high = max(0.0, accuracy.interval[0]), min(1.0, accuracy.interval[1])
    if as_json:
        results = [describe_result(*result) for result in zip(runs, report_paths, strict=True)]
        print_json({**_describe_group(runs), "interval": [low, high], "runs": results})
        return
    where = "report" if any(report_paths) else "run folder"
    table = _table("seed", "test accuracy", "wrong", "training", where)
    for run, report_path in zip(runs, report_paths, strict=True):
        summary = run.summary
        table.add_row(
            str(summary["seed"]),
            f"{summary['test']['accuracy']:.2%}",
            f"{summary['test']['errors']:,}",
            f"{summary['training_seconds']:.1f} s",
            Text(quoted(report_path or run.folder)),
        )
    console = Console()
    console.print(table)
    console.print(
        f"test accuracy {_spread(runs)}  (mean ± standard deviation over {len(runs)} seeds; "
        f"95 % interval of the mean {low:.2%} – {high:.2%})",
        highlight=False,
        soft_wrap=True,
    )


def show_comparison(
    first: Sequence["Run"], second: Sequence["Run"], difference: "Estimate", *, as_json: bool
) -> None:
    """Print the test accuracies of two groups of runs, their difference, and what it says.

    Args:
        first: Finished runs of one recipe.
        second: Finished runs of another.
        difference: The mean test accuracy of the first minus that of the second.
        as_json: Whether to print JSON.
    """
    low, high = difference.interval
    verdict = "better" if low > 0 else "worse" if high < 0 else "unclear"
    if not difference.standard_error:  # equal by chance, which is no certainty
        verdict = "unclear"
    if as_json:
        print_json(
            {
                "first": _describe_group(first),
                "second": _describe_group(second),
                "difference": difference.mean,
                "interval": [low, high],
                "verdict": verdict,
            }
        )
        return
    table = _table("", "recipe", "seeds", "test accuracy")
    for name, runs in (("first", first), ("second", second)):
        table.add_row(name, Text(escaped(runs[0].recipe.name)), str(len(runs)), _spread(runs))
    found = (
        f"{100 * difference.mean:+.3f} points (95 % interval {100 * low:+.3f} to {100 * high:+.3f})"
    )
    seeds = f"{len(first)} and {len(second)} seeds"
    sentence = (
        f"With {seeds} it can't be told which is better: the interval contains 0. "
        "More seeds make it narrower."
        if low <= 0 <= high
        else f"With {seeds} it can't be told which is better: those of a group are all equally "
        "accurate, which tells no spread. Train more seeds."
        if verdict == "unclear"
        else f"The first are {verdict} than the second, as far as {seeds} tell."
    )
    console = Console()
    console.print(table)
    console.print(f"difference {found}\n{sentence}", highlight=False, soft_wrap=True)


def _describe_group(runs: Sequence["Run"]) -> dict[str, Any]:
    """Describe runs of one recipe for JSON: their test accuracies, mean and standard deviation."""
    accuracies = [run.summary["test"]["accuracy"] for run in runs]
    return {
        "recipe": runs[0].recipe.name,
        "folders": [str(run.folder) for run in runs],
        "accuracies": accuracies,
        "accuracy_mean": mean(accuracies),
        "accuracy_std": stdev(accuracies),
    }


def _spread(runs: Sequence["Run"]) -> str:
    """Format the mean test accuracy of several runs with its standard deviation."""
    group = _describe_group(runs)
    return f"{group['accuracy_mean']:.2%} ± {group['accuracy_std']:.2%}"


def show_costs(
    network: str, shape: Sequence[int], costs: Sequence["LayerCost"], *, as_json: bool
) -> None:
    """Print a table of a network's layers with what they cost for one image.

    Args:
        network: Name of the network.
        shape: Shape of the image: channel, height and width.
        costs: The layers, as `digits.models.costs.layer_costs` counts them.
        as_json: Whether to print JSON.
    """
    num_parameters = sum(cost.num_parameters for cost in costs)
    num_multiply_adds = sum(cost.num_multiply_adds for cost in costs)
    if as_json:
        layers = [
            {
                "name": cost.name,
                "kind": cost.kind,
                "shape": cost.shape and list(cost.shape),
                "parameters": cost.num_parameters,
                "multiply_adds": cost.num_multiply_adds,
            }
            for cost in costs
        ]
        print_json(
            {
                "network": network,
                "image": list(shape),
                "layers": layers,
                "parameters": num_parameters,
                "multiply_adds": num_multiply_adds,
            }
        )
        return
    table = _table("layer", "kind", "output", "parameters", "multiply-adds", show_footer=True)
    footers = ("all", "", "", f"{num_parameters:,}", f"{num_multiply_adds:,}")
    for column, footer in zip(table.columns, footers, strict=True):
        column.footer = footer
    for cost in costs:
        table.add_row(
            cost.name,
            cost.kind,
            " × ".join(map(str, cost.shape)) if cost.shape else "–",
            f"{cost.num_parameters:,}" if cost.num_parameters else "",
            f"{cost.num_multiply_adds:,}" if cost.num_multiply_adds else "",
        )
    console = Console()
    console.print(table)
    console.print(
        f"{network}, for one image of {shape[1]}×{shape[2]} pixels",
        style="dim",
        highlight=False,
    )


def _table(*titles: str, **settings: Any) -> Table:
    """Make an empty table, with columns of words to the left and of numbers to the right."""
    table = Table(box=None, header_style="bold", footer_style="bold", pad_edge=False, **settings)
    for title in titles:
        is_of_words = title in WORDS
        table.add_column(title, justify="left" if is_of_words else "right")
    return table


def show_line_metrics(metrics: "LineMetrics") -> None:
    """Print the metrics of a network on lines.

    Args:
        metrics: The metrics to print.
    """
    low, high = metrics.interval
    Console().print(
        f"lines read exactly {metrics.accuracy:.2%}  (95 % interval {low:.2%} – {high:.2%}; "
        f"{metrics.num_errors} of {metrics.num_images:,} wrong)\n"
        f"digit error rate {metrics.digit_error_rate:.2%}  (of {metrics.num_digits:,} digits)",
        highlight=False,
        soft_wrap=True,
    )


def show_metrics(metrics: "Metrics", classes: Sequence[str]) -> None:
    """Print the metrics of a split, a table by class, and what is taken for what.

    Args:
        metrics: The metrics to print.
        classes: Names of the classes.
    """
    console = Console()
    low, high = metrics.interval
    console.print(
        f"accuracy {metrics.accuracy:.2%}  (95 % interval {low:.2%} – {high:.2%}; "
        f"{metrics.num_errors} of {metrics.num_images:,} wrong)\n"
        f"negative log-likelihood {metrics.negative_log_likelihood:.4f} nats, "
        f"expected calibration error {metrics.expected_calibration_error:.2%}\n"
        f"error rate by coverage, the share of images read: {_risks(metrics)}\n",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("class", box=None, header_style="bold", pad_edge=False)
    for title in ("precision", "recall", "F1", "images"):
        table.add_column(title, justify="right")
    for each in metrics.classes:
        table.add_row(
            Text(classes[each.label]),
            f"{each.precision:.2%}",
            f"{each.recall:.2%}",
            f"{each.f1:.2%}",
            f"{each.support:,}",
        )
    console.print(table)
    console.print()
    # Side by side, the two tables would be wider than a terminal of 80 columns.
    console.print(_confusion(metrics, classes))


def _confusion(metrics: "Metrics", classes: Sequence[str]) -> Table:
    """Make a table of the confusion matrix, or, where it is too large, of the most mistakes."""
    matrix = metrics.confusion_matrix
    if sum(max(5, len(name)) + 1 for name in classes) > MATRIX_COLUMNS:
        table = _table("class", "read as", "images")
        mistakes = [
            (count, true, predicted)
            for true, row in enumerate(matrix)
            for predicted, count in enumerate(row)
            if count and predicted != true
        ]
        for count, true, predicted in sorted(mistakes, key=lambda each: -each[0])[:NUM_CONFUSED]:
            table.add_row(Text(classes[true]), Text(classes[predicted]), f"{count:,}")
        return table
    table = Table("read as", box=None, header_style="bold", pad_edge=False)
    for name in classes:
        table.add_column(Text(name), justify="right")
    for true, row in enumerate(matrix):
        cells = [
            f"[dim]{count:,}[/]" if predicted == true else str(count) if count else "[dim]·[/]"
            for predicted, count in enumerate(row)
        ]
        table.add_row(Text(classes[true]), *cells)
    return table


def _risks(metrics: "Metrics") -> str:
    """Format points of the risk–coverage curve in one line."""
    return ", ".join(f"{risk:.2%} at {coverage:.0%}" for coverage, risk in metrics.risk_at_coverage)
