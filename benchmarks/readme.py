"""Generate the documents' tables and the plot of recipes from the committed result files.

What goes where, comments in README.md and docs/ say.

    python benchmarks/readme.py

A test generates them too, and fails where a document differs.
"""

import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from concept_tables import make_digits_table, make_lines_table, make_temperature_table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter
from matplotlib.transforms import Bbox
from placement import Label, place_labels

from digits.files import write_atomic
from digits.plots import dark
from digits.plots.canvas import DOTS_PER_INCH, in_style, new_figure, styled
from digits.plots.colours import BLUE, GREY, INK, ORANGE, PAPER, SOFT
from digits.recipe import OWN_RECIPES, load_measurement, load_recipe, parse_recipe, recipe_names

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
PLOT = ROOT / "docs" / "images" / "recipes.png"
DARK_PLOT = PLOT.with_stem("recipes-dark")
RESULTS = ROOT / "benchmarks" / "results"

MARKER_PIXELS = 5.0
"""Radius of a marker, and half the width of an error bar's ends, in pixels of 100 to an inch."""

TIME_TICKS = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"}


@dataclass(frozen=True)
class Point:
    """Training time and test accuracy of a recipe, guide or publication."""

    label: str
    kind: str
    """One of own, guides and published."""
    seconds: float | None
    """Training time; None where it was not published."""
    accuracy: float
    std: float | None = None


# Published figures, each measured on its authors' machine: means over seeds, of the last weights.
PUBLISHED = (
    Point("train_mnist_fast, GTX 1660 Ti", "published", 0.76, 0.9904, 0.0007),
    Point("ttdoucet/mnist, GPU", "published", None, 0.99738, 0.00031),
    Point("MnistSimpleCNN, GPU", "published", None, 0.9970, 0.0003),
)

# Machines of the results that were not measured on the one that docs/concepts/recipes.md names.
MACHINES = dict.fromkeys(("balanced --epochs 30", "accurate", "step-by-step guide"), " (Zen 4)")


def load_results() -> list[tuple[str, dict[str, Any]]]:
    """Load label and result of each recipe that was measured, also with other numbers of epochs."""
    results = []
    for name in recipe_names():
        if measured := load_measurement(name):
            results.append((name, measured))
        for path in sorted(RESULTS.glob(f"{name}-*-epochs.json")):
            longer = json.loads(path.read_text())
            epochs = parse_recipe(longer["recipe"], name=name, source=str(path)).epochs
            results.append((f"{name} --epochs {epochs}", longer))
    return results


def load_points() -> list[Point]:
    """Load the points of the plot."""
    points = [
        Point(
            label=label,
            kind="own" if label.split()[0] in OWN_RECIPES else "guides",
            seconds=result["seconds_median"],
            accuracy=result["accuracy_mean"],
            std=result["accuracy_std"],
        )
        for label, result in load_results()
    ]
    guide = json.loads((RESULTS / "train_speed.json").read_text())
    seconds = sum(guide["seeds"][0]["epoch_seconds"]["guide"])
    points.append(
        Point(
            label="step-by-step guide",
            kind="guides",
            seconds=seconds,
            accuracy=guide["test_accuracy_mean"]["guide"],
        )
    )
    return [*points, *PUBLISHED]


def make_headline() -> str:
    """Make the README's three figures, and the limit beneath them, in Markdown."""
    reading, peers, attack = (
        json.loads((RESULTS / f"{name}.json").read_text())
        for name in ("reading", "peers", "attack")
    )
    own = dict(load_results())
    fast, best = own["fast"], max(own[name]["accuracy_mean"] for name in OWN_RECIPES if name in own)
    read, amounts = reading["rows"]["cheques"]
    ours, other = peers["ways"]["digits_guess"], best_other_way(peers["ways"], amounts)
    parts = attack["parts"].values()
    tries, faults = (sum(part[key] for part in parts) for key in ("tries", "faults"))
    silent = reading["silent_errors"]
    accepted, wrong = (silent["whole"][key] for key in ("accepted", "wrong"))
    figures = {
        f"{fast['accuracy_mean']:.2%}": (
            f"of MNIST's test set is right after {fast['seconds_median']:.1f} s of training on two "
            f"cores of Zen 5; the [best recipe](docs/concepts/recipes.md) reaches {best:.2%}"
        ),
        f"{read} of {amounts}": (
            "amounts on bank cheques are right in its best guess; the best of the "
            "[other packages](docs/concepts/comparison.md) tried reads "
            f"{other['right']['cheques'][0]}, and takes {other['megabytes']:.0f} MB instead of "
            f"{ours['megabytes']:.0f}"
        ),
        f"{faults} faults": (
            f"in [{tries:,} attempts](docs/concepts/promises.md) to break it with kills, power "
            "cuts, damaged files and hostile clients"
        ),
    }
    return "\n".join(
        [
            *(f"- **{figure}** {what}" for figure, what in figures.items()),
            "",
            f"**Its limit:** of {silent['readings']} amounts and photos of numbers, it reads "
            f"{accepted} without refusing a digit, and {wrong} of those are wrong "
            f"({wrong / accepted:.1%}), although its settings were tuned on these very pictures. "
            "Where a wrong digit costs money, have a person check.",
        ]
    )


def best_other_way(ways: dict[str, Any], amounts: int) -> Any:
    """Find the way of another package that reads most amounts, of those shown all of them."""
    return max(
        (
            way
            for name, way in ways.items()
            if not name.startswith("digits") and way["right"]["cheques"][1] == amounts
        ),
        key=lambda way: way["right"]["cheques"][0],
    )


def make_table() -> str:
    """Make the table of recipes in Markdown, a row for each result."""
    lines = [
        "| recipe | what it is | parameters | test accuracy | seeds | training |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for label, result in load_results():
        name = label.split()[0]
        recipe = parse_recipe(result["recipe"], name=name, source=label)
        what = load_recipe(name).description if label == name else "the same, longer"
        seconds = f"{result['seconds_median']:,.1f} s{MACHINES.get(label, '')}"
        lines.append(
            f"| `{label}` | {what}; {recipe.epochs} epoch{'s' * (recipe.epochs > 1)} "
            f"| {result['parameters']:,} "
            f"| {result['accuracy_mean']:.2%} ± {result['accuracy_std']:.2%} "
            f"| {len(result['seeds'])} | {seconds} |"
        )
    return "\n".join(lines)


def bar_boxes(axes: Axes, points: list[Point]) -> list[Bbox]:
    """Find the rectangle of each point with its error bar, in pixels, if it is drawn as one."""
    boxes = []
    for point in points:
        if point.seconds is not None:
            std = point.std or 0.0
            ends = [(point.seconds, point.accuracy - std), (point.seconds, point.accuracy + std)]
            boxes.append(Bbox(axes.transData.transform(ends)).padded(MARKER_PIXELS))
    return boxes


@styled
def draw_plot(points: list[Point]) -> Figure:
    """Draw accuracy against training time."""
    figure = new_figure(5.0)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(0.5, 2000)
    axes.margins(y=0.1)
    axes.grid(axis="y")
    labels, lines = [], []
    for point in points:
        colour = {"own": BLUE, "guides": ORANGE, "published": SOFT}[point.kind]
        if point.seconds is None:
            lines.append(axes.axhline(point.accuracy, color=GREY, ls=(0, (4, 3)), linewidth=1))
            axes.annotate(
                f"{point.label} (published, time unknown)", (0.52, point.accuracy), (0, 3),
                textcoords="offset points", color=SOFT, fontsize=8,
            )  # fmt: skip
            continue
        axes.errorbar(
            point.seconds, point.accuracy, yerr=point.std, color=colour, marker="o", markersize=6,
            markerfacecolor=PAPER if point.kind == "published" else colour, capsize=2,
        )  # fmt: skip
        text = point.label + (" (published)" if point.kind == "published" else "")
        text += MACHINES.get(point.label, "")
        is_own = point.kind == "own"
        labels.append(
            Label(text, point.seconds, point.accuracy, INK if is_own else colour, is_bold=is_own)
        )
    axes.xaxis.set_major_locator(FixedLocator(list(TIME_TICKS)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: TIME_TICKS[round(x)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1, symbol=" %"))
    axes.set_xlabel("training time (log scale)")
    axes.set_ylabel("test accuracy (mean ± std)")
    figure.draw_without_rendering()  # from here on, places in pixels are final
    drawn = [artist.get_window_extent() for artist in (*lines, *axes.texts)]
    place_labels(axes, labels, [*drawn, *bar_boxes(axes, points)])
    return figure


def make_plot() -> bytes:
    """Make the plot as PNG; its points are in the metadata, for the test to compare."""
    points = load_points()
    buffer = BytesIO()
    figure = draw_plot(points)
    with in_style():
        figure.savefig(
            buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Description": describe(points)}
        )
    return buffer.getvalue()


def describe(points: list[Point]) -> str:
    """Serialise the points as JSON."""
    return json.dumps([asdict(point) for point in points])


def make_reading_table() -> str:
    """Make the table of accuracies of `digits read` on other people's handwriting, in Markdown."""
    found = json.loads((RESULTS / "reading.json").read_text())
    sets, rows = found["sets"], found["rows"]
    read, amounts = rows["cheques"]
    lines = [
        ("single digits, drawn on a screen (1,000)", f"{sets['hwd1000']:.1%} right"),
        ("single digits, faint, on scanned exam sheets (1,890)", f"{sets['nsysu']:.1%}"),
        ("single digits, in phone photos of sudokus and notes (135)",
         f"{(108 * sets['sudoku'] + 27 * sets['photos']) / 135:.1%}"),
        ("single digits, cut from bank cheques with patterned ground (2,738)",
         f"{sets['orand']:.1%}"),
        ("whole amounts on such cheques, touching digits and all", f"{read} of {amounts}"),
        ("  of these and six photos, read without a refusal; of those, wrong",
         "{accepted}, {wrong}".format(**found["silent_errors"]["whole"])),
        ("whole pictures: photos, scans, drawings, forms, grids, pages",
         "{} of {}".format(*found["pictures"]["exact"])),
        ("  digits accepted on them, and of those wrong",
         "{1}, {0}".format(*found["pictures"]["accepted_wrong"])),
        ("phone photos of a page with a row of digits", "{} of {}".format(*found["pages"])),
        ("MNIST's test set", f"{found['mnist']['network']:.2%}"),
        ("photos of clothes", f"{1 - found['clothes']['accepted']:.1%} refused"),
        ("the digits above, but MNIST", f"{1 - sets['accepted']:.1%} refused"),
    ]  # fmt: skip
    return "\n".join(["| on | |", "| --- | ---: |", *(f"| {on} | {is_} |" for on, is_ in lines)])


def make_serving_table() -> str:
    """The server's rates and latencies under load, beside a baseline, in Markdown."""
    found = json.loads((RESULTS / "serving.json").read_text())
    lines = [
        "| one drawn digit, as | connections | requests per second | p50, p95, p99 | baseline |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, of_connections in found["speed"].items():
        for connections, figures in of_connections.items():
            ours, plain = figures["digits"], figures["plain"]
            lines.append(
                f"| {name} | {connections} | {ours['per_second']:,.0f} "
                f"| {ours['p50']:.1f}, {ours['p95']:.1f}, {ours['p99']:.1f} ms "
                f"| {plain['per_second']:,.0f}, p99 {plain['p99']:.1f} ms |"
            )
    for name, figures in found["half_load"].items():
        lines.append(
            f"| {name}, at {figures['share_of_top']:.0%} of the best rate | up to "
            f"{figures['connections']} | {figures['per_second']:,.0f} "
            f"| {figures['p50']:.1f}, {figures['p95']:.1f}, {figures['p99']:.1f} ms | |"
        )
    return "\n".join(lines)


def make_busy_table() -> str:
    """Make the table of times alone and beside busy processes, in Markdown."""
    tasks = json.loads((RESULTS / "busy.json").read_text())["tasks"]
    lines = ["| | alone | beside two busy processes | |", "| --- | ---: | ---: | ---: |"]
    for name, task in tasks.items():
        alone, busy = (task["medians"][way]["seconds"] for way in ("alone", "busy"))
        label = f"`{name}`" if name.startswith("digits") else name
        lines.append(f"| {label} | {alone:.2f} s | {busy:.2f} s | {task['times_busy']:.1f} times |")
    return "\n".join(lines)


def make_bulk_table() -> str:
    """Make the table of how fast many files are read, with workers and without, in Markdown."""
    kinds = json.loads((RESULTS / "bulk_reading.json").read_text())["kinds"]
    lines = ["| | files a second | times plain | memory |", "| --- | ---: | ---: | ---: |"]
    for kind, found in kinds.items():
        for way, figures in found["ways"].items():
            rate, times = figures["files_per_second"], figures["times_plain"]
            memory = f"{figures['worker_megabytes']:.0f} MB" if figures["worker_megabytes"] else "–"
            lines.append(f"| {kind}, {way} | {rate:,.1f} | {times:.2f} | {memory} |")
    return "\n".join(lines)


def make_scale_table() -> str:
    """Make the table of what a cluster of one machine reads, and what a million would take."""
    kinds = json.loads((RESULTS / "scale.json").read_text())["kinds"]
    lines = [
        "| | files | a second and core | core hours for a million | driver | largest other |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, found in kinds.items():
        rate, most = found["files_per_second_per_core"], found["most_megabytes"]
        lines.append(
            f"| {kind} | {found['files']:,} | {rate:,.1f} | {1e6 / rate / 3600:,.1f} "
            f"| {most['driver']:,.0f} MB | {most['largest_child']:,.0f} MB |"
        )
    return "\n".join(lines)


def make_calibration_table() -> str:
    """Make the table of how sure exported runs are, a row for each recipe, in Markdown."""
    recipes = json.loads((RESULTS / "calibration.json").read_text())["recipes"]
    lines = [
        "| recipe | seeds | temperature | ECE | at a temperature of 1 | accuracy |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in recipes.items():
        lines.append(
            f"| `{name}` | {len(found['seeds'])} | {found['temperature']:.2f} "
            f"| {found['calibration_error']:.2%} | {found['calibration_error_at_1']:.2%} "
            f"| {found['accuracy']:.2%} |"
        )
    return "\n".join(lines)


ATTACKS = {
    "kills": "`digits train`, `export` and `data`, killed and begun again",
    "power": "states that one power cut or two may leave; training from {resumed:,} of them",
    "files": "damaged files of every format that is read",
    "slow": "pictures made to be slow: crowded pages, zig-zags, scribble, textures",
    "description": "requests that the server's description allows, and others",
    "clients": "slow and lying clients, malformed requests, and honest ones meanwhile",
    "soak": "512 connections at twice the best rate, damaged pictures among their requests",
}
"""Parts of the attack, as its table has them; in braces, what else the part found."""


def make_waits(honest: dict[str, Any]) -> list[str]:
    """Make a sentence for each kind of attack of how long an honest glyph waited beside it."""
    return [
        f"Of {glyph['answers']['200']:,} honest glyphs {when}, half waited "
        f"{1000 * glyph['median_seconds']:.0f} ms or less, 99 % no more than "
        f"{1000 * glyph['percentile_99_seconds']:.0f} ms, and {glyph['late']:,} more than 100 ms."
        if "late" in glyph
        else f"An honest glyph {when} waited {1000 * glyph['longest_seconds']:.0f} ms at most."
        for when, glyph in ((when, found["glyph"]) for when, found in honest.items())
    ]


def make_attack_table() -> str:
    """Make the table of what was tried in order to break it, and what broke, in Markdown."""
    parts = json.loads((RESULTS / "attack.json").read_text())["parts"]
    lines = [
        "| | tries | faults | longest | largest | commit |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, title in ATTACKS.items():
        found = parts[name]
        longest, largest, commit = (
            found[key] for key in ("longest_seconds", "largest_bytes", "commit")
        )
        lines.append(
            f"| {title.format(**found)} | {found['tries']:,} | {found['faults']} "
            f"| {f'{longest:.1f} s' if longest else ''} "
            f"| {f'{largest / 1e6:,.0f} MB' if largest else ''} "
            f"| `{commit[:7]}{commit[40:]}` |"
        )
    lines += ["", *make_waits(parts["clients"]["honest"])]
    minutes = sum(found["wall_seconds"] for found in parts.values()) / 60
    commits = len({found["commit"] for found in parts.values()})
    code = "one commit" if commits == 1 else f"{commits} commits"
    return "\n".join([*lines, f"All of it took {minutes:.0f} minutes; the code was of {code}."])


def make_power_table() -> str:
    """Make the table of what power cuts left, in Markdown."""
    found = json.loads((RESULTS / "attack.json").read_text())["parts"]["power"]
    return "\n".join(
        [
            "| | calls logged | states | gone on from | faults |",
            "| --- | ---: | ---: | ---: | ---: |",
            f"| a run, and a series of two | {found['calls']:,} | {found['tries']:,} "
            f"| {found['resumed']:,} | {found['faults']} |",
        ]
    )


def make_int8_table() -> str:
    """Make the table of networks in integers of eight bits, in Markdown."""
    rows = [
        "| recipe | float32 | int8 | smaller | accuracy in float32 | in int8 | read otherwise |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in json.loads((RESULTS / "int8.json").read_text())["runs"]:
        sizes, accuracies = run["bytes"], run["accuracy"]
        rows.append(
            f"| `{run['recipe']}` | {sizes['float32'] / 1000:,.0f} kB | "
            f"{sizes['int8'] / 1000:,.0f} kB | {sizes['float32'] / sizes['int8']:.1f} times | "
            f"{accuracies['float32']:.2%} | {accuracies['int8']:.2%} | "
            f"{run['read_otherwise']} of 10,000 |"
        )
    return "\n".join(rows)


PEER_COLUMNS = {
    "cheques": ("cheques",),
    "photos of a row, of a page": ("photos of a row", "pages"),
    "composed rows: clean, touching, overlapping, small zeros": (
        "composed, clean", "composed, touching", "composed, overlapping", "composed, small zeros",
    ),
    "single digits: from cheques, sudokus, exam sheets": (
        "single, orand", "single, sudoku", "single, nsysu",
    ),
    "clothes, nothing read": ("clothes",),
}  # fmt: skip
"""Columns of the table of other packages, and the kinds of pictures in each."""


def make_peers_table() -> str:
    """Make the table of what others read right on the same pictures, a row for each, in Markdown.

    Numbers of pictures are in the heading, and beside each count of another number of them.
    """
    found = json.loads((RESULTS / "peers.json").read_text())
    ways, seconds = found["ways"], found["speed"]["seconds"]
    numbers = {kind: count for kind, (_, count) in ways["digits"]["right"].items()}

    def count(way: dict[str, Any], kind: str) -> str:
        if kind not in way["right"]:
            return "–"  # not for it
        right, number = way["right"][kind]
        return str(right) if number == numbers[kind] else f"{right} of {number}"

    def heading(title: str, kinds: tuple[str, ...]) -> str:
        of = [str(numbers[kind]) for kind in kinds]
        is_same = len(of) > 1 and len(set(of)) == 1
        return f"{title} ({f'{of[0]} each' if is_same else ', '.join(of)})"

    headings = [heading(*column) for column in PEER_COLUMNS.items()]
    lines = [
        f"| read by | {' | '.join(headings)} | on disk | a cheque takes |",
        f"| --- |{' ---: |' * (len(headings) + 2)}",
    ]
    for name, way in ways.items():
        cells = [", ".join(count(way, kind) for kind in kinds) for kinds in PEER_COLUMNS.values()]
        time = f"{1000 * seconds[name]:,.0f} ms" if name in seconds else "–"
        lines.append(
            f"| {way['title']} | {' | '.join(cells)} | {way['megabytes']:.1f} MB | {time} |"
        )
    return "\n".join(lines)


TABLES = {
    "headline": make_headline,
    "recipes": make_table,
    "reading": make_reading_table,
    "peers": make_peers_table,
    "serving": make_serving_table,
    "busy": make_busy_table,
    "bulk": make_bulk_table,
    "scale": make_scale_table,
    "calibration": make_calibration_table,
    "attack": make_attack_table,
    "power": make_power_table,
    "int8": make_int8_table,
    "digits accepted": make_digits_table,
    "lines accepted": make_lines_table,
    "temperature": make_temperature_table,
}


def replace_tables(document: str) -> str:
    """Replace what is written by this script in a document by what the results say now."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: written by benchmarks/readme.py -->", f"<!-- end of {name} -->"
        before, found, rest = document.partition(begin)
        if found:
            document = f"{before}{begin}\n{make()}\n{end}{rest.partition(end)[2]}"
    return document


def main() -> None:
    for path in DOCUMENTS:
        write_atomic(path, replace_tables(path.read_text()).encode())
    write_atomic(PLOT, make_plot())
    with dark():
        write_atomic(DARK_PLOT, make_plot())


if __name__ == "__main__":
    main()
