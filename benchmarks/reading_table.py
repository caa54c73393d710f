"""The table of what reading.py finds: each figure beside the least to reach and the aim."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

Found = Any
"""Figures of a section, as they are written to JSON."""


class Line(NamedTuple):
    """A line of the table; of an error or a time, the least to reach is the most allowed."""

    on: str
    found: str
    at_least: str = ""
    aim: str = ""


def show(figures: dict[str, Found]) -> None:
    """Print the table of those sections that were measured."""
    table = Table("on", box=None, header_style="bold", pad_edge=False)
    for title in ("found", "at least", "aim"):
        table.add_column(title, justify="right")
    for name, lines_of in LINES.items():
        if name in figures:
            for line in lines_of(figures[name]):
                table.add_row(*line)
    Console().print(table)


def lines_of_sets(found: Found) -> Iterator[Line]:
    yield Line("digits: mean of the sets", f"{found['mean']:.2%}", "97.8 %", "98.5 %")
    yield Line("digits: worst of the sets", f"{found['worst']:.2%}", "94.5 %", "96 %")
    for name, value in found.items():
        if name not in ("mean", "worst") and not name.startswith(("accepted", "calibration")):
            yield Line(f"  {name}", f"{value:.2%}")
    yield Line("  calibration error", f"{found['calibration_error']:.2%}", "3 %")
    yield Line("  accepted", f"{found['accepted']:.1%}", "93 %")
    yield Line("  accepted, mean of the sets", f"{found['accepted_mean_of_sets']:.1%}")


def lines_of_mnist(found: Found) -> Iterator[Line]:
    yield Line("MNIST's test set", f"{found['network']:.2%}", "99.60 %", "99.75 %")
    yield Line("  as pictures", f"{found['as_pictures']:.2%}")
    yield Line("  calibration error", f"{found['calibration_error']:.2%}", "0.3 %")
    yield Line("  calibration error, as pictures", f"{found['calibration_error_as_pictures']:.2%}")
    yield Line("  accepted", f"{found['accepted']:.1%}", "97 %")


def lines_of_clothes(found: Found) -> Iterator[Line]:
    yield Line("clothes: refused", f"{1 - found['accepted']:.1%}", "97 %")
    yield Line("  area under curve, with MNIST", f"{found['auroc_mnist']:.4f}", "0.995")
    yield Line("  area under curve, with the sets", f"{found['auroc_digits']:.4f}", "0.995")


def lines_of_touching_edges(found: Found) -> Iterator[Line]:
    for name, value in found.items():
        yield Line(f"touching the edges, {name}", f"{value:.1%}", "97 %", "98.5 %")


def lines_of_as_pictures(found: Found) -> Iterator[Line]:
    singles, pictures = found["read_glyphs"], found["read"]
    yield Line("orand, as pictures", f"{pictures:.1%}", f"{singles - 0.01:.1%}", f"{singles:.1%}")


def lines_of_rows(found: Found) -> Iterator[Line]:
    yield Line("photos of a row", _count(found["photos"]), "6 of 6")
    yield Line("amounts on cheques", _count(found["cheques"]), "213 of 250", "230 of 250")


def lines_of_silent_errors(found: Found) -> Iterator[Line]:
    total = found["readings"]
    kinds = {"whole": "accepted whole", "whole_and_sure": "whole, and lines sure"}
    for key, name in kinds.items():
        accepted, wrong = found[key]["accepted"], found[key]["wrong"]
        yield Line(f"amounts and photos: {name}", f"{accepted / total:.1%}", "60 %", "75 %")
        yield Line("  of these wrong", f"{wrong / max(1, accepted):.1%} ({wrong})", "2 %", "1 %")
    for percent, accepted in found["most_accepted"].items():
        yield Line(f"  most accepted with {percent} % wrong", f"{accepted / total:.1%}")


def lines_of_pages(found: Found) -> Iterator[Line]:
    yield Line("pages", _count(found), "5 of 6", "6 of 6")


def lines_of_pictures(found: Found) -> Iterator[Line]:
    yield Line("pictures", _count(found["exact"]), "150 of 163", "157 of 163")
    for kind, counts in found["kinds"].items():
        yield Line(f"  {kind}", _count(counts))
    yield Line("  wrong digits accepted", _count(found["accepted_wrong"]), "10", "4")


def lines_of_composed(found: Found) -> Iterator[Line]:
    goals = {
        "clean": ("99 %", "99.5 %"),
        "touching": ("97 %", "99 %"),
        "overlapping": ("85 %", "92 %"),
        "small zeros": ("99 %", "99.5 %"),
    }
    for name, value in found.items():
        yield Line(f"composed rows, {name}", f"{value:.1%}", *goals[name])


def lines_of_ruled_paper(found: Found) -> Iterator[Line]:
    yield Line("rows on ruled paper", _count(found), "90 of 96")


def lines_of_small_on_large(found: Found) -> Iterator[Line]:
    yield Line("a small digit on a large photo", _count(found), "10 of 10")


def lines_of_not_digits(found: Found) -> Iterator[Line]:
    yield Line("no digits: some accepted", f"{found['accepted']:.1%}", "3 %", "1 %")
    for kind, counts in found["kinds"].items():
        yield Line(f"  {kind.replace('_', ' ')}", _count(counts))


def lines_of_corruptions(found: Found) -> Iterator[Line]:
    yield Line("corruptions, mean", f"{found['mean']:.2%}", "95 %", "97.5 %")
    for name, value in found.items():
        if name != "mean":
            yield Line(f"  {name}", f"{value:.2%}")


def lines_of_speed(found: Found) -> Iterator[Line]:
    yield Line("digits read one.png", f"{found['command_seconds']:.2f} s", "0.6 s", "0.35 s")
    photo, cheque, drawing = (
        f"{1000 * found[name]:.0f} ms"
        for name in (
            "photo_12_megapixels_seconds",
            "cheque_one_core_seconds",
            "drawing_one_core_seconds",
        )
    )
    yield Line("a photo of 12 megapixels", photo, "250 ms", "100 ms")
    yield Line("an amount on a cheque, one core", cheque, "60 ms", "30 ms")
    yield Line("a drawing, one core", drawing)
    yield Line("glyphs a second, three views each", f"{found['glyphs_per_second']:,.0f}")
    yield Line("  views a second", f"{found['views_per_second']:,.0f}", "40,000", "100,000")


LINES: dict[str, Callable[[Found], Iterator[Line]]] = {
    "sets": lines_of_sets,
    "mnist": lines_of_mnist,
    "clothes": lines_of_clothes,
    "touching_edges": lines_of_touching_edges,
    "as_pictures": lines_of_as_pictures,
    "rows": lines_of_rows,
    "silent_errors": lines_of_silent_errors,
    "pages": lines_of_pages,
    "pictures": lines_of_pictures,
    "composed": lines_of_composed,
    "ruled_paper": lines_of_ruled_paper,
    "small_on_large": lines_of_small_on_large,
    "not_digits": lines_of_not_digits,
    "corruptions": lines_of_corruptions,
    "speed": lines_of_speed,
}
"""What makes the lines of each section, in the order of the table."""


def _count(counts: tuple[int, int]) -> str:
    return "{} of {}".format(*counts)
