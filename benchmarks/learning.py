"""Measure what is learned from corrections of handwriting that the networks have never seen.

    python benchmarks/learning.py --data ../shared/handwriting

From one half of a source, corrections are drawn: at random, or, as people choose them, two thirds
of them read wrong. The other half is read before and after, and so are all other sources. Three
draws each. Single digits are read by the network of glyphs, amounts on cheques by that of lines.
Prints the figures and writes them to results/learning.json. `--only glyphs` keeps the others.

The amounts of `digits.learning` were chosen on other draws of the same sources: of digits, seeds 0
to 3 and 10 to 12, of amounts 10 and 12. All other sources have too few errors to halve.
"""

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from silent_errors import guess
from torch import nn

import digits
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.learning.corrections import NO_GLYPHS, Correction, see_glyph, see_words
from digits.learning.glyphs import GlyphLearner
from digits.learning.learner import Learner, Move
from digits.learning.lines import LineLearner
from digits.learning.retention import share_right
from digits.reading.confidence import CONFIDENCE
from digits.reading.ink import open_picture
from digits.reading.line_network import LineNetwork
from digits.reading.model_folder import Networks
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.single_reader import Single, SingleReader, frame_hypotheses

RESULT = Path(__file__).parent / "results" / "learning.json"

DIGIT_SEEDS, AMOUNT_SEEDS = (4, 5, 6), (0, 1, 2)
PLANS = (("errors", 30), ("errors", 100), ("errors", 10), ("random", 100), ("random", 30))
"""Ways to draw corrections, and how many; of `errors`, two thirds were read wrong, or all such."""

SOURCES = ("nsysu", "orand")
"""Sources with errors enough to learn from."""

Figures = dict[str, Any]


def draw(is_wrong: np.ndarray, way: str, num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw corrections from one half of a source, and the other half to measure on: indices."""
    order = np.random.default_rng(seed).permutation(len(is_wrong))
    pool, rest = order[: len(order) // 2], order[len(order) // 2 :]
    if way == "random":
        return pool[:num], rest
    wrong, right = pool[is_wrong[pool]], pool[~is_wrong[pool]]
    num_wrong = min(len(wrong), -(-2 * num // 3))
    return np.concatenate([wrong[:num_wrong], right[: num - num_wrong]]), rest


class Framed:
    """The sets of single digits, and clothes, framed once."""

    def __init__(self, data: Path) -> None:
        self.singles: dict[str, list[list[Single]]] = {}
        self.labels: dict[str, np.ndarray] = {}
        for path in sorted((data / "digits").glob("*.npz")):
            with np.load(path) as file:
                self.singles[path.stem] = _framed(file["images"])
                self.labels[path.stem] = file["labels"]
        with np.load(data / "fashion_2000.npz") as file:
            self.clothes = _framed(file["images"])

    def wrong(self, network: Network) -> dict[str, np.ndarray]:
        """Tell which digits of each set are read wrong, nothing refused."""
        return {
            name: np.array([digit.label for digit in _read(network, singles)]) != self.labels[name]
            for name, singles in self.singles.items()
        }

    def clothes_refused(self, network: Network) -> float:
        """Compute the share of the clothes that are refused."""
        return statistics.mean(digit.reason is not None for digit in _read(network, self.clothes))


def _framed(images: np.ndarray) -> list[list[Single]]:
    return [frame_hypotheses(open_picture(image)) for image in images]


def _read(network: Network, singles: list[list[Single]]) -> list[digits.Digit]:
    reader = SingleReader(network, threshold=CONFIDENCE.threshold)
    return [digit for digit, _ in reader.read_framed(singles)]


def teach(learner: Learner[Any], corrections: list[Correction]) -> tuple[nn.Module, Move, float]:
    """Fine-tune a network on corrections; gives how far it is moved, and the processor seconds."""
    started = time.process_time()
    tuned = learner.learn(corrections)
    move = learner.choose_move(tuned)
    return tuned, move, time.process_time() - started


def measure_glyphs(data: Path, mnist: digits.DataSet) -> Figures:
    """Learn single digits of each source."""
    framed, old = Framed(data), Network(num_threads=1)
    before = framed.wrong(old)
    learner = GlyphLearner(old.content, mnist, seed=0, stop=Event())
    figures: Figures = {
        "before": {
            "errors": {name: int(wrong.sum()) for name, wrong in before.items()},
            "digits": {name: len(wrong) for name, wrong in before.items()},
            "mnist_test": share_right(old, mnist.test),
            "clothes_refused": framed.clothes_refused(old),
            "retention": learner.before,
        }
    }

    def trial(source: str, way: str, num: int, seed: int) -> Figures:
        chosen, rest = draw(before[source], way, num, seed)
        singles, labels = framed.singles[source], framed.labels[source]
        corrections = [
            Correction(
                str(index),
                singles[index][0].glyph.pixels,
                str(labels[index]),
                see_glyph(singles[index], int(labels[index]), old),
                [],
            )
            for index in chosen
        ]
        tuned, move, seconds = teach(learner, corrections)
        new = learner.moved(tuned, move.share)
        after = framed.wrong(new)
        return {
            "source": source,
            "way": way,
            "corrections": num,
            "seed": seed,
            "share": move.share,
            "processor_seconds": seconds,
            "measured": len(rest),
            "errors": [int(wrong[source][rest].sum()) for wrong in (before, after)],
            "corrected_errors": [int(wrong[source][chosen].sum()) for wrong in (before, after)],
            "other_errors": {
                name: [int(before[name].sum()), int(after[name].sum())]
                for name in before
                if name != source
            },
            "mnist_test": share_right(new, mnist.test),
            "clothes_refused": framed.clothes_refused(new),
            "retention": move.after,
        }

    figures["trials"] = _trials(trial, SOURCES, PLANS, DIGIT_SEEDS)
    return figures


def measure_lines(data: Path, mnist: digits.DataSet) -> Figures:
    """Learn amounts on cheques."""
    with (data / "rows" / "rows.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("cheque")]
    old = Networks(Network(num_threads=1), LineNetwork(num_threads=1))

    def wrong(networks: Networks, some: Iterable[int]) -> list[bool]:
        reader = Reader(networks)
        return [
            guess(reader.read(data / "rows" / rows[index]["file"])) != rows[index]["text"]
            for index in some
        ]

    before = np.array(wrong(old, range(len(rows))))
    learner = LineLearner(old.lines.content, mnist, seed=0, stop=Event())

    def trial(source: str, way: str, num: int, seed: int) -> Figures:
        chosen, rest = draw(before, way, num, seed)
        random, corrections = np.random.default_rng(seed), []
        for index in chosen:
            path, text = data / "rows" / rows[index]["file"], rows[index]["text"]
            words = see_words(open_picture(path), text, old.lines, random)
            corrections.append(Correction(path.name, path, text, NO_GLYPHS, words))
        tuned, move, seconds = teach(learner, corrections)
        new = Networks(old.glyphs, learner.moved(tuned, move.share))
        return {
            "source": source,
            "way": way,
            "corrections": num,
            "seed": seed,
            "share": move.share,
            "processor_seconds": seconds,
            "measured": len(rest),
            "errors": [int(before[rest].sum()), sum(wrong(new, rest))],
            "corrected_errors": [int(before[chosen].sum()), sum(wrong(new, chosen))],
            "retention": move.after,
        }

    plans = [plan for plan in PLANS if plan[0] == "errors"]
    return {
        "before": {"errors": int(before.sum()), "amounts": len(rows), "retention": learner.before},
        "trials": _trials(trial, ["cheques"], plans, AMOUNT_SEEDS),
    }


def _trials(
    trial: Callable[[str, str, int, int], Figures],
    sources: Sequence[str],
    plans: Sequence[tuple[str, int]],
    seeds: Sequence[int],
) -> list[Figures]:
    found = []
    for (way, num), source, seed in product(plans, sources, seeds):
        found.append(trial(source, way, num, seed))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def show(figures: Figures) -> None:
    """Print a line for each source, way and number of corrections: means and spreads over draws."""
    table = Table("source", "corrections", box=None, header_style="bold", pad_edge=False)
    for title in ("wrong before", "wrong after", "other sources", "weights moved"):
        table.add_column(title, justify="right")
    trials = [trial for section in SECTIONS for trial in figures.get(section, {}).get("trials", [])]
    keys = dict.fromkeys((each["source"], each["way"], each["corrections"]) for each in trials)
    for source, way, num in keys:
        same = [
            each
            for each in trials
            if (each["source"], each["way"], each["corrections"]) == (source, way, num)
        ]
        others = [
            sum(new - old for old, new in each.get("other_errors", {}).values()) for each in same
        ]
        table.add_row(
            source,
            f"{num} {way}",
            _spread([each["errors"][0] for each in same]),
            _spread([each["errors"][1] for each in same]),
            f"{statistics.mean(others):+.1f}" if "other_errors" in same[0] else "",
            _spread([each["share"] for each in same]),
        )
    Console().print(table)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4g} ({min(values):g} to {max(values):g})"


SECTIONS: dict[str, Callable[[Path, digits.DataSet], Figures]] = {
    "glyphs": measure_glyphs,
    "lines": measure_lines,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of handwriting")
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, metavar="SECTION", help="keep what else was measured"
    )
    arguments = parser.parse_args()
    mnist = digits.load("mnist")
    found = {name: SECTIONS[name](arguments.data, mnist) for name in arguments.only or SECTIONS}
    before = json.loads(RESULT.read_text()) if arguments.only and RESULT.exists() else {}
    figures = before | found
    figures |= {
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    show(figures)
    write_atomic(RESULT, (json.dumps(figures, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
