"""Data sets as they are shown: published ones, one's own, and labels that are likely wrong."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from digits.files import escaped, quoted

if TYPE_CHECKING:
    from digits.data import DataSet, Split
    from digits.report.audit import Audit
from digits.show.console import MOST_LISTED, print_lines, table_of

CROPPED = {
    "ink": "the digit cut out and framed as MNIST's are (--crop none takes the whole)",
    "framed": "framed as MNIST's already, and left so",
    "none": "the whole picture (--crop ink cuts a digit out)",
}
"""What is said of each way to make images of pictures."""

FEW = 10
"""Number of training images below which a class is said to have few."""


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


def show_own_data(facts: dict[str, Any]) -> None:
    """Print what a data set of one's own is: counts, sizes, what is left out, and copies.

    Args:
        facts: As `digits.data.custom.CustomSet.describe` gives them.
    """
    lines = [f"{facts['layout']} in {quoted(facts['path'])}"]
    height, width = facts["image"]
    how = CROPPED["framed" if facts["is_framed"] else facts["crop"]]
    sizes = [" × ".join(map(str, facts["sizes"][of])) for of in ("smallest", "median", "largest")]
    lines.append(
        f"{facts['train'] + facts['test']:,} pictures, {sizes[0]} to {sizes[2]} pixels (median "
        f"{sizes[1]}), as images of {height} × {width}: {how}"
    )
    said = "as the set says" if facts["is_split"] else "of each class a fifth, or nearly"
    lines.append(f"{facts['train']:,} training and {facts['test']:,} test images: {said}")
    console = Console()
    print_lines(console, lines)
    table = table_of("class", "training", "test")
    for row in facts["classes"]:
        table.add_row(Text(escaped(row["name"])), f"{row['train']:,}", f"{row['test']:,}")
    console.print(table)
    print_lines(console, _remarks(facts))


def _remarks(facts: dict[str, Any]) -> list[str]:
    """What one should know of a data set of one's own before training on it."""
    few = [row["name"] for row in facts["classes"] if row["train"] < FEW]
    lines = [
        f"left out: {quoted(one['name'])}: {escaped(one['reason'])}"
        for one in facts["left_out"][:MOST_LISTED]
    ]
    if len(facts["left_out"]) > MOST_LISTED:
        lines.append(f"left out: {len(facts['left_out']) - MOST_LISTED:,} more")
    if facts["ignored"]:
        names = ", ".join(map(quoted, facts["ignored"][:MOST_LISTED]))
        more = ", …" if len(facts["ignored"]) > MOST_LISTED else ""
        lines.append(
            f"{len(facts['ignored']):,} files are no pictures, or in no folder of a class: "
            f"{names}{more}"
        )
    if facts["writers"]:
        both = facts["writers_in_both_splits"]
        where = f"{both:,} of them in both splits" if both else "each in one split"
        lines.append(f"{facts['writers']:,} writers, {where}")
    if facts["exact_duplicates"] or facts["near_duplicates"]:
        lines.append(
            f"{facts['exact_duplicates']:,} are copies of another, and "
            f"{facts['near_duplicates']:,} nearly so"
            + ("" if facts["is_split"] else "; copies are in one split")
        )
    if facts["copies_in_both_splits"]:
        lines.append(
            f"{facts['copies_in_both_splits']:,} test images have a copy among the training "
            "images, so that the test is easier than it seems"
        )
    lines += [
        f"copy with another label: {quoted(one['name'])} (labelled {escaped(one['label'])})"
        for one in facts["copies_of_different_labels"][:MOST_LISTED]
    ]
    untested = [row["name"] for row in facts["classes"] if row["train"] and not row["test"]]
    if untested:
        shown = ", ".join(map(escaped, untested[:MOST_LISTED]))
        more = ", …" if len(untested) > MOST_LISTED else ""
        lines.append(f"classes without test images: {len(untested):,} ({shown}{more})")
    if few:
        shown = ", ".join(map(escaped, few[:MOST_LISTED]))
        more = ", …" if len(few) > MOST_LISTED else ""
        lines.append(
            f"classes with fewer than {FEW} training images: {len(few):,} ({shown}{more}); expect "
            "low accuracy on these"
        )
    labels = [row["name"].replace(" ", "") for row in facts["classes"]]
    if any(len(label) > 1 for label in labels) and all(label.isdecimal() for label in labels):
        lines.append(
            "labels have several digits, and networks of single digits take each for a class; read "
            f"them with: digits evaluate reader --data {quoted(facts['path'])}"
        )
    return lines


def show_measured_on(data: "DataSet", split: "Split") -> None:
    """Print which images of a set of one's own are measured on; of a published set, nothing.

    Args:
        data: The set.
        split: The images.
    """
    if data.own is None:
        return
    which = "all of them" if split.name == "all" else "its test images"
    lines = [f"{len(split):,} images of {quoted(data.name)}: {which}"]
    if data.own.left_out:
        lines.append(
            f"{len(data.own.left_out):,} pictures are left out, as no image could be made of them; "
            f"digits data {quoted(data.name)} lists them"
        )
    print_lines(Console(), lines)


def show_audit(found: "Audit", page: Path) -> None:
    """Print how many labels are likely wrong, the first of them, and where the page is.

    Args:
        found: The audit.
        page: Its page.
    """
    console = Console()
    print_lines(
        console,
        [
            f"{found.num_likely:,} of {found.num_images:,} labels are likely wrong; "
            f"{found.accuracy:.2%} of the images were read as they are labelled"
        ],
    )
    if found.suspects:
        table = table_of("picture", "label", "or", "confidence")
        table.columns[0].overflow = "fold"
        for one in found.suspects[:MOST_LISTED]:
            cells = (one.name, one.label, one.suggested)
            table.add_row(*(Text(escaped(cell)) for cell in cells), f"{one.confidence:.2%}")
        console.print(table)
    print_lines(console, [f"the {len(found.suspects):,} least probable: {quoted(page)}"])
