"""Readings as they are shown: what stands on a picture, and how much of many was read right."""

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from digits.files import escaped, quoted

if TYPE_CHECKING:
    from digits.bulk.folders import LeftOut, Names
    from digits.bulk.records import Record
    from digits.bulk.tables import Outputs, Tally
    from digits.learning import Learned
    from digits.reading.scoring import Score
from digits.show.console import print_json, print_lines, table_of

TURNED = {
    90: "it lies on its side; read turned by 90° clockwise",
    180: "it is upside down; read turned by 180°",
    270: "it lies on its side; read turned by 90° anticlockwise",
}
"""What is said of a picture that was read turned, by degrees clockwise."""

MOST_MISSED = 30
"""Most pictures that are listed of those that were not read right."""


def show_record(record: "Record", *, as_json: bool, is_single: bool) -> None:
    """Print what was read of a file, each page as text or as a JSON document on one line.

    The reason why a page cannot be read goes to standard error, and a note if there is ink on it
    but no digit, or if it was read turned.

    Args:
        record: What was read.
        as_json: Whether to print JSON.
        is_single: Whether it is the only file, whose name is left out of the text.
    """
    has_more = len(record.pages) > 1
    for page in record.pages:
        name = quoted(record.name) + (f", page {page['page']}" if has_more else "")
        if "error" in page:
            print(f"digits: {name}: {escaped(page['error'])}", file=sys.stderr)
        elif not page["digits"] and page["has_ink"]:
            print(f"digits: {name}: there is ink, but no digit was read in it.", file=sys.stderr)
        elif page["turned"]:
            print(f"digits: {name}: {TURNED[page['turned']]}.", file=sys.stderr)
        if as_json:
            print(json.dumps({"file": record.name, **page}))
        elif "error" not in page:
            line = " ".join(page["text"].splitlines())
            print(page["text"] if is_single and not has_more else f"{name}: {line}")


def show_left_out(left_out: "LeftOut") -> None:
    """Print what is left out of a folder on standard error, a line for each reason.

    Args:
        left_out: What is left out.
    """
    from digits.bulk.folders import advice_for

    _show_names(left_out, left_out.no_pictures, "file is no picture", "files are no pictures")
    for form, names in left_out.not_read.items():
        what = f"{form} ({advice_for(form)})"
        _show_names(left_out, names, f"picture is {what}", f"pictures are {what}")
    subfolders, links = left_out.subfolders, left_out.links
    what = "left out (add --recursive)"
    _show_names(left_out, subfolders, f"folder in it is {what}", f"folders in it are {what}")
    what = "not followed"
    _show_names(left_out, links, f"link to a folder is {what}", f"links to folders are {what}")


def _show_names(left_out: "LeftOut", names: "Names", one: str, several: str) -> None:
    if names.number:
        what = f"{names.number:,} {one if names.number == 1 else several}"
        shown = ", ".join(map(quoted, names.first))
        more = " …" if names.number > len(names.first) else ""
        print(f"digits: {quoted(left_out.folder)}: {what}: {shown}{more}", file=sys.stderr)


def show_tally(tally: "Tally", outputs: "Outputs", *, as_json: bool) -> None:
    """Print how much was read to a table, how much of it is sure, and where it is.

    Args:
        tally: The numbers of files and rows.
        outputs: The files that were made.
        as_json: Whether to print JSON.
    """
    if as_json:
        print_json(tally.to_dict())
        return
    table = quoted(outputs.table)
    if outputs.review is None:
        print(f"{_count(tally.rows, 'row')} in {table}, {tally.to_review:,} of them not sure")
    else:
        print(
            f"{tally.rows:,} sure in {table}, {tally.to_review:,} to review in "
            f"{quoted(outputs.review)}"
        )
    if outputs.report is not None:
        print(f"{quoted(outputs.report)} shows what is to review")
    _print_files(tally)


def show_parts(tally: "Tally", folder: str, *, as_json: bool) -> None:
    """Print how much was read to the parts of a table, and where they are.

    Args:
        tally: The numbers of files and rows.
        folder: The folder of the parts.
        as_json: Whether to print JSON.
    """
    if as_json:
        print_json(tally.to_dict())
        return
    print(f"{_count(tally.rows, 'row')} in {quoted(folder)}, {tally.to_review:,} of them not sure")
    _print_files(tally)


def _print_files(tally: "Tally") -> None:
    print(
        f"{_count(tally.files, 'file')}, {tally.new:,} of them new; "
        f"{_count(tally.pages_failed, 'page')} that can't be read"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def show_learned(learned: "Learned") -> None:
    """Print what was learned from corrections, and the model folder.

    Args:
        learned: What was learned.
    """
    facts, console = learned.facts, Console()
    for each in facts["left_out"]:
        print(f"digits: {quoted(each['name'])}: {escaped(each['reason'])}", file=sys.stderr)
    for name in facts["still_wrong"]:
        print(f"digits: {quoted(name)}: still read otherwise; is its label right?", file=sys.stderr)
    table = table_of("", "before", "after")
    figures = {**facts["retention"], "MNIST's test set read right": facts["mnist_test"]}
    for name, shares in figures.items():
        table.add_row(name, f"{shares['before']:.2%}", f"{shares['after']:.2%}")
    console.print(table)
    print(f"\n{learned.summary}\n{quoted(learned.model)}  ({learned.seconds:.0f} s)")


def show_score(score: "Score") -> None:
    """Print how well labelled pictures were read, and which were not read right.

    Args:
        score: Their score.
    """
    num, counts = len(score.pictures), score.counts
    console = Console()
    shares = ", ".join(
        f"{count / num:.2%} {verdict} ({count:,})"
        for verdict, count in (
            ("read right", counts["right"]),
            ("refused in part or whole", counts["refused"]),
            ("accepted and wrong", counts["wrong"]),
            ("not to be read", counts["failed"]),
        )
    )
    print_lines(console, [f"{num:,} pictures: {shares}"])
    missed = [one for one in score.pictures if one.verdict != "right"]
    if missed:
        table = table_of("picture", "label", "read as", "verdict")
        table.columns[0].overflow = "fold"
        for one in missed[:MOST_MISSED]:
            cells = (one.name, one.label, one.text, one.verdict)
            table.add_row(*(Text(escaped(cell)) for cell in cells))
        console.print(table)
    if len(missed) > MOST_MISSED:
        print_lines(console, [f"{len(missed) - MOST_MISSED:,} more; --json lists all"])
