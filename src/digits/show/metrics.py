"""Metrics as they are shown: of glyphs, with what is taken for what, and of lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from digits.evaluation.lines import LineMetrics
    from digits.evaluation.metrics import Metrics
from digits.show.console import table_of

MATRIX_COLUMNS = 72
"""Characters that a row of a confusion matrix may take on a terminal, without the class's name."""

NUM_CONFUSED = 12
"""Number of pairs of classes that are shown, where the matrix is larger."""


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
        table = table_of("class", "read as", "images")
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
