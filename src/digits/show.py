"""Terminal output of the command: tables for people, JSON for programs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from digits.errors import InvalidInput
from digits.recipe import Recipe

if TYPE_CHECKING:
    from digits.evaluation.lines import LineMetrics
    from digits.evaluation.metrics import Metrics
    from digits.reading.results import Reading
    from digits.run import Run


def print_json(document: Any) -> None:
    """Print a JSON document on standard output.

    Args:
        document: Numbers, strings, lists and dicts.
    """
    print(json.dumps(document, indent=2, allow_nan=False))


def show_reading(
    path: Path, reading: "Reading | InvalidInput", *, as_json: bool, is_single: bool
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
    if isinstance(reading, InvalidInput):
        print(f"digits: {path}: {reading}", file=sys.stderr)
        if as_json:
            print(json.dumps({"file": str(path), "error": str(reading)}))
        return
    if not reading.digits and (reading.left_out or reading.ink.mask.any()):
        print(f"digits: {path}: there is ink, but no digit was read in it.", file=sys.stderr)
    if as_json:
        print(json.dumps({"file": str(path), **reading.to_dict()}))
    else:
        print(reading.text if is_single else f"{path}: {' '.join(reading.text.splitlines())}")


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
    console.print(
        f"MNIST is complete: {facts['train']:,} training and {facts['test']:,} test images, "
        f"in {facts['root']} (from: {facts['source']})",
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
    report = report_path or f"none yet; write it with: digits report {run.folder}"
    last = ("report", f"{report}")
    if "digit_error_rate" in test:  # lines, for which there is no report
        last = ("digit errors", f"{test['digit_error_rate']:.2%} of {test['num_digits']:,}")
    rows = [
        (
            "test accuracy",
            f"{test['accuracy']:.2%}  (95 % interval {low:.2%} – {high:.2%}; "
            f"{test['errors']} of {test['images']:,} wrong)",
        ),
        ("training time", f"{summary['training_seconds']:.1f} s"),
        ("run folder", f"{run.folder}"),
        last,
    ]
    console = Console()
    for name, value in rows:
        console.print(f"[bold]{name:<14}[/] ", end="")
        console.print(value, markup=False, emoji=False, highlight=False, soft_wrap=True)


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


def show_metrics(metrics: "Metrics") -> None:
    """Print the metrics of a split, a table by digit, and the confusion matrix.

    Args:
        metrics: The metrics to print.
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
    table = Table("digit", box=None, header_style="bold", pad_edge=False)
    # Side by side, the two tables would be wider than a terminal of 80 columns.
    confusion = Table("read as", box=None, header_style="bold", pad_edge=False)
    for title in ("precision", "recall", "F1", "images"):
        table.add_column(title, justify="right")
    for column in range(len(metrics.digits)):
        confusion.add_column(str(column), justify="right")
    for digit, row in zip(metrics.digits, metrics.confusion_matrix, strict=True):
        table.add_row(
            str(digit.digit),
            f"{digit.precision:.2%}",
            f"{digit.recall:.2%}",
            f"{digit.f1:.2%}",
            f"{digit.support:,}",
        )
        cells = [
            f"[dim]{count:,}[/]" if column == digit.digit else str(count) if count else "[dim]·[/]"
            for column, count in enumerate(row)
        ]
        confusion.add_row(str(digit.digit), *cells)
    console.print(table)
    console.print()
    console.print(confusion)


def _risks(metrics: "Metrics") -> str:
    """Format points of the risk–coverage curve in one line."""
    return ", ".join(f"{risk:.2%} at {coverage:.0%}" for coverage, risk in metrics.risk_at_coverage)
