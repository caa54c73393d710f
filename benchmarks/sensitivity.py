"""Find which tuned numbers of reading move what is read, and by how much.

    python benchmarks/sensitivity.py --data ../shared/handwriting

Doubles and halves each field of each `Tuned` instance, and takes a quarter more and less. Counts
what is read exactly right then: pictures composed of MNIST's test digits (tests/reading/)
and, with --data, other people's handwriting. Prints each result and writes results/sensitivity.json
as it goes; what is there already, for the same code, is not done again. --quick doubles and halves
only, and stops at the first pictures whose reading becomes right or wrong.

For the tests, --witnesses writes tests/reading/witnesses.json: for each number, a composed picture
that is read right, but not when the number is doubled; and --floors writes composed.json beside it:
how many composed pictures are read right.
"""

import argparse
import csv
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))  # for what the tests compose

import cv2
import numpy as np

from digits.errors import DigitsError
from digits.files import write_atomic
from digits.reading.confidence import CONFIDENCE
from digits.reading.line_network import Columns, LineNetwork
from digits.reading.line_reader import LineReader
from digits.reading.network import Network
from digits.reading.reader import Reader
from digits.reading.results import Digit
from digits.reading.single_reader import SingleReader
from digits.reading.tuning import Tuned
from tests.reading.composed import (
    CATEGORIES,
    CORPUS_FILE,
    WITNESSES_FILE,
    compose,
    corpus,
)
from tests.reading.everyday import EVERYDAY
from tests.reading.numbers import Number, find_numbers

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sensitivity.json"
FACTORS = (2.0, 0.5, 1.25, 0.75)
ENOUGH = 4
"""Number of readings that become right or wrong after which --quick stops."""

TRIED = (12, 60)
"""Number of pictures of each category among which a witness is looked for; the second if it is not
found among the first."""

TESTED = (4, 8)
"""Number of pictures of each category that are tested: of corner cases, and of everyday ones."""

LARGE = 3_000_000
"""Results of stages are kept if they were given at most so many values, to fit in memory."""

STAGES = {
    "digits.reading.reader": ("open_picture",),
    "digits.reading.single_reader": ("frame_single",),
    "digits.reading.line_reader": (
        "find_lines", "erase_ruled_lines", "whole_lines", "line_images", "frame_part",
    ),
    "digits.reading.word_reader": ("decode",),
    "digits.reading.ink.hypotheses": (
        "binarize_drawing", "isolate_page", "binarize", "binarize_under_shadows",
        "binarize_single_under_shadows",
    ),
    "digits.reading.ink.binarization": ("find_polarity", "remove_illumination"),
}  # fmt: skip
"""Functions whose results are kept, by the modules that call them."""

Key = tuple[type, str]
"""A field of a `Tuned` class."""


class Memory:
    """Keeps what stages gave for what they were given, and the numbers that each of them read.

    So that of all stages only those are run again that read the number that was changed, and those
    that are given something else for it.
    """

    def __init__(self) -> None:
        self.changed: Key | None = None
        self._kept: dict[bytes, tuple[Any, frozenset[Key]]] = {}
        self._running: list[set[Key]] = []

    def install(self) -> None:
        """Put itself in front of all stages, and of the fields of `Tuned`."""
        for name, functions in STAGES.items():
            module = importlib.import_module(name)
            for function in functions:
                setattr(module, function, self._remembered(getattr(module, function)))

        def read_field(stage: Tuned, name: str) -> Any:
            if self._running and name in type(stage).__dataclass_fields__:
                self._running[-1].add((type(stage), name))
            return object.__getattribute__(stage, name)

        Tuned.__getattribute__ = read_field  # type: ignore[method-assign, assignment]

    def _remembered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            parts = list(_parts((arguments, sorted(named.items()))))
            if sum(part.size for part in parts if isinstance(part, np.ndarray)) > LARGE:
                return function(*arguments, **named)
            key = _digest(function.__name__, *parts)
            result, reads = self._kept.get(key, (None, None))
            if reads is None or self.changed in reads:
                self._running.append(set())
                result = function(*arguments, **named)
                reads = frozenset(self._running.pop())
                if self.changed is None:
                    self._kept[key] = result, reads
            if self._running:
                self._running[-1] |= reads
            return result

        return run


class CachedNetwork(Network):
    """A network that remembers what it made of each glyph."""

    def __init__(self) -> None:
        super().__init__(num_threads=1)
        self._known: dict[bytes, np.ndarray] = {}

    def probabilities(self, glyphs: np.ndarray) -> np.ndarray:
        keys = [_digest(glyph) for glyph in glyphs]
        new = [index for index, key in enumerate(keys) if key not in self._known]
        for index, row in zip(new, super().probabilities(glyphs[new]), strict=True):
            self._known[keys[index]] = row
        return np.array([self._known[key] for key in keys], np.float32).reshape(-1, 10)


class CachedLineNetwork(LineNetwork):
    """A line network that remembers what it made of each image."""

    def __init__(self) -> None:
        super().__init__(num_threads=1)
        self._known: dict[bytes, Columns] = {}

    def columns(self, images: Sequence[np.ndarray]) -> list[Columns]:
        keys = [_digest(image) for image in images]
        new = [index for index, key in enumerate(keys) if key not in self._known]
        found = super().columns([images[index] for index in new])
        self._known.update(zip((keys[index] for index in new), found, strict=True))
        return [self._known[key] for key in keys]


def _parts(value: Any) -> Iterator[Any]:
    """Give the arrays and plain values that a value is made of."""
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, list | tuple):
        yield len(value)
        for item in value:
            yield from _parts(item)
    else:
        yield value


def _digest(*parts: Any) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(str((part.shape, part.dtype)).encode())
            found.update(np.ascontiguousarray(part).tobytes())
        else:
            found.update(repr(part).encode())
    return found.digest()


@dataclass(frozen=True)
class Example:
    """A picture, and what is right to be read on it."""

    corpus: str
    name: str
    source: Any
    truth: str
    is_single: bool = False
    understand: Callable[[tuple[str, ...], list[Digit]], str] = lambda lines, _: "|".join(lines)
    """Function from the lines and digits that were read to what is compared with the truth."""


def composed(pictures: dict[str, Iterable[int]]) -> list[Example]:
    """Composed pictures, by the numbers in their categories."""
    return [
        Example("composed", f"{name} {number}", made.picture, "|".join(made.lines), made.is_single)
        for name, numbers in pictures.items()
        for number in numbers
        for made in [compose(name, number)]
    ]


def paler(example: Example) -> Example:
    """The same picture with a little less contrast: what is read surely is read of it, too."""
    return replace(example, source=np.rint(0.985 * example.source + 2).astype(np.uint8))


def _labels(_: tuple[str, ...], digits: list[Digit]) -> str:
    return "".join(str(digit.label) for digit in digits)


def _without_spaces(lines: tuple[str, ...], _: list[Digit]) -> str:
    return "|".join("".join(line.split()) for line in lines)


def _without_refused(lines: tuple[str, ...], digits: list[Digit]) -> str:
    rest = _without_spaces(lines, digits).replace("?", "")
    return "|".join(line for line in rest.split("|") if line)


def handwriting(data: Path) -> list[Example]:
    """Everything but MNIST: rows, pages, pictures, and 150 digits at most of each set."""
    found = []
    with (data / "rows" / "rows.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = row["file"]
            corpus = "cheques" if name.startswith("cheque") else "photos"
            path = data / "rows" / name
            found.append(Example(corpus, name, path, row["text"], understand=_labels))
    for name, rows in json.loads((data / "pages" / "pages.json").read_text()).items():
        truth = "|".join(" ".join(row) for row in rows)
        found.append(Example("pages", name, data / "pages" / name, truth))
    with (data / "pictures" / "truth.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = data / "pictures" / "pictures" / row["file"]
            understand = _without_refused if row["marks"] else _without_spaces
            found.append(Example("pictures", path.name, path, row["text"], understand=understand))
    for path in sorted((data / "digits").glob("*.npz")):
        with np.load(path) as sets:
            images, labels = sets["images"], sets["labels"]
        for index in np.linspace(0, len(labels) - 1, min(150, len(labels))).astype(int):
            name, truth = f"{path.stem} {index}", str(labels[index])
            found.append(Example("digits", name, images[index], truth, True, _labels))
    return found


@dataclass(frozen=True)
class Answer:
    """What was read of an example."""

    is_right: bool
    text: str
    details: tuple[tuple[float, ...], ...]
    """Box and confidence of each digit."""


class Bench:
    """Reads examples, with numbers as they are and changed."""

    examples: list[Example]
    answers: list[Answer]
    """With all numbers as they are."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._memory.install()
        self._reader = Reader()
        self._singles, self._lines = CachedNetwork(), CachedLineNetwork()

    def open(self, examples: list[Example]) -> None:
        """Read examples with all numbers as they are."""
        self.examples, self.answers = examples, list(self.read(examples))

    def read(
        self, examples: list[Example], number: Number | None = None, factor: float = 1.0
    ) -> Generator[Answer, None, None]:
        """Read examples one by one, with a number multiplied by a factor."""
        if number is None:
            yield from (self._answer(self._new_reader(), example) for example in examples)
            return
        self._memory.changed = type(number.stage), number.field.name
        try:
            with number.changed(number.times(factor)):
                yield from (self._answer(self._new_reader(), example) for example in examples)
        finally:
            self._memory.changed = None

    def _new_reader(self) -> Reader:
        """Make a reader of the numbers as they are now, whose networks remember."""
        reader, threshold = self._reader, CONFIDENCE.threshold  # may be more than a reader takes
        reader._singles = SingleReader(self._singles, self._lines, threshold=threshold)
        reader._lines = LineReader(self._lines, self._singles, threshold=threshold)
        return reader

    def _answer(self, reader: Reader, example: Example) -> Answer:
        try:
            if example.is_single:
                digits = reader.read_glyphs([example.source])
                lines: tuple[str, ...] = (digits[0].text,)
            else:
                reading = reader.read(example.source)
                digits = list(reading.digits)
                lines = tuple(line.text for line in reading.lines if line.text)
        except (DigitsError, cv2.error, ArithmeticError, IndexError, ValueError) as error:
            return Answer(False, type(error).__name__, ())
        details = tuple(
            (*(round(value, 1) for value in digit.box), round(digit.confidence, 3))
            for digit in digits
        )
        text = "|".join(lines)
        return Answer(example.understand(lines, digits) == example.truth, text, details)


def measure(bench: Bench, number: Number, factor: float, *, quick: bool) -> dict[str, Any]:
    """Count, by corpus, what becomes right or wrong, or different, and what does not change."""
    counts: dict[str, Counter[str]] = {}
    lost = []
    changed = bench.read(bench.examples, number, factor)
    for example, before, after in zip(bench.examples, bench.answers, changed, strict=True):
        count = counts.setdefault(example.corpus, Counter())
        count["read"] += 1
        count["gained"] += after.is_right and not before.is_right
        count["lost"] += before.is_right and not after.is_right
        count["text"] += after.text != before.text
        count["any"] += after != before
        if before.is_right and not after.is_right:
            lost.append(example.name)
        if quick and sum(each["gained"] + each["lost"] for each in counts.values()) >= ENOUGH:
            changed.close()
            break
    return {
        "value": number.value,
        "changed": number.times(factor),
        **{name: dict(count) for name, count in counts.items()},
        "lost": lost[:6],
    }


def find_witness(bench: Bench, number: Number) -> str | None:
    """Find a composed picture that is read right, but not with the number doubled.

    Of several, the one of which that holds with a little less contrast and with values a little
    off, too, as processors round differently; the smallest of these.
    """
    doubled = bench.read(bench.examples, number, 2)
    lost = [
        example
        for example, before, after in zip(bench.examples, bench.answers, doubled, strict=True)
        if before.is_right and not after.is_right
    ]
    lost = sorted(lost, key=lambda example: example.source.size)[:30]
    pale = [paler(example) for example in lost]
    right = [bench.read(lost, number, factor) for factor in (0.9, 0.95, 1.05, 1.1)]
    wrong = [bench.read(lost, number, factor) for factor in (1.8, 1.9, 2.1, 2.2)]
    steadiness = [
        sum(answer.is_right for answer in good) + sum(not answer.is_right for answer in bad)
        for good, bad in zip(
            zip(*(list(answers) for answers in (bench.read(pale), *right)), strict=True),
            zip(*(list(answers) for answers in (bench.read(pale, number, 2), *wrong)), strict=True),
            strict=True,
        )
    ]
    return lost[int(np.argmax(steadiness))].name if lost else None


def code_version() -> str:
    """Digest of what the results depend on."""
    paths = sorted((ROOT / "src" / "digits" / "reading").rglob("*.py"))
    paths += [
        ROOT / "tests" / "reading" / name for name in ("corner_cases.py", "everyday.py", "pen.py")
    ]
    return _digest(*(path.read_bytes() for path in paths)).hex()


BENCH = Bench()
"""The bench of this process, and of those that it forks: they share what it keeps."""


def _measured(task: tuple[int, float, bool]) -> tuple[int, float, dict[str, Any]]:
    index, factor, quick = task
    return index, factor, measure(BENCH, find_numbers()[index], factor, quick=quick)


def _witnessed(index: int) -> tuple[int, str | None]:
    return index, find_witness(BENCH, find_numbers()[index])


def describe(result: dict[str, Any]) -> str:
    """One line: of each corpus, what is lost and gained, or how many readings differ at all."""
    parts = []
    for name, count in result.items():
        if not isinstance(count, dict) or not count["any"]:
            continue
        change = f"-{count['lost']} +{count['gained']}"
        if not count["lost"] and not count["gained"]:
            change = f"{count['text']} texts" if count["text"] else f"{count['any']} boxes"
        parts.append(f"{name} {change} of {count['read']}")
    return ", ".join(parts) or "nothing"


def _one_number_a_line(document: dict[str, Any]) -> str:
    """Format results as JSON whose changes can be reviewed."""
    head = json.dumps({**document, "numbers": {}}, indent=1).removesuffix("{}\n}")
    numbers = (
        f"  {json.dumps(name)}: {json.dumps(of)}" for name, of in document["numbers"].items()
    )
    return head + "{\n" + ",\n".join(numbers) + "\n }\n}\n"


def write_sensitivity(numbers: list[Number], pool: Any, *, data: bool, quick: bool) -> None:
    """Measure what has not been measured, and write each result as it comes."""
    document: dict[str, Any] = {
        "code": code_version(), "handwriting": data, "quick": quick,
        "right": dict(Counter(
            example.corpus
            for example, answer in zip(BENCH.examples, BENCH.answers, strict=True)
            if answer.is_right
        )),
        "read": dict(Counter(example.corpus for example in BENCH.examples)),
        "numbers": {},
    }  # fmt: skip
    if RESULT.exists():
        before = json.loads(RESULT.read_text())
        if all(before[key] == document[key] for key in ("code", "handwriting", "quick")):
            document["numbers"] = before["numbers"]
    done = document["numbers"]
    tasks = [
        (index, factor, quick)
        for factor in (FACTORS[:2] if quick else FACTORS)
        for index, number in enumerate(numbers)
        if f"x{factor:g}" not in done.get(number.name, {}) and number.times(factor) != number.value
    ]
    for index, factor, result in pool.imap_unordered(_measured, tasks):
        name = numbers[index].name
        done.setdefault(name, {})[f"x{factor:g}"] = result
        print(f"{name} {result['value']:g} x{factor:g}: {describe(result)}", flush=True)
        write_atomic(RESULT, _one_number_a_line(document).encode())
    for number in numbers:
        results = done.get(number.name, {}).values()
        if all(describe(result) == "nothing" for result in results):
            print(f"{number.name} moves nothing.")


def known_witness(number: Number) -> list[str | int] | None:
    """Give the witness that is written down, if it is read right, and wrong with twice as much."""
    known = json.loads(WITNESSES_FILE.read_text()) if WITNESSES_FILE.exists() else {}
    if number.name not in known:
        return None
    category, picture = known[number.name]
    BENCH.open(composed({category: [picture]}))
    (before,), (after,) = BENCH.answers, BENCH.read(BENCH.examples, number, 2)
    return [category, picture] if before.is_right and not after.is_right else None


def write_witnesses(numbers: list[Number], processes: int) -> None:
    """Find a witness for each number of which none is known that still holds, and write all."""
    found = {number.name: known for number in numbers if (known := known_witness(number))}
    for tried in TRIED:
        missing = [index for index, number in enumerate(numbers) if number.name not in found]
        if not missing:
            break
        BENCH.open(composed({name: range(tried) for name in CATEGORIES}))
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            for index, witness in pool.imap(_witnessed, missing):
                print(f"{numbers[index].name}: {witness or f'none of {tried}'}", flush=True)
                if witness is not None:
                    category, _, picture = witness.partition(" ")
                    found[numbers[index].name] = [category, int(picture)]
    in_order = {number.name: found[number.name] for number in numbers if number.name in found}
    write_atomic(WITNESSES_FILE, (json.dumps(in_order, indent=1) + "\n").encode())


def write_floors() -> None:
    """Count which composed pictures are read right, of those that are read surely."""
    before = corpus() if CORPUS_FILE.exists() else {}
    document = {}
    for name in CATEGORIES:
        numbers = range(TESTED[name in EVERYDAY])
        BENCH.open(composed({name: numbers}))
        pale = BENCH.read([paler(example) for example in BENCH.examples])
        steady = {
            number: answer.is_right
            for number, answer, other in zip(numbers, BENCH.answers, pale, strict=True)
            if answer.is_right == other.is_right
        }
        document[name] = {"pictures": list(steady), "right": sum(steady.values())}
        told = f"{name}: {sum(steady.values())} of {len(steady)}"
        print(told + (f", {before[name][1]} before" if name in before else ""), flush=True)
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(document[name])}" for name in document)
    write_atomic(CORPUS_FILE, f"{{\n{lines}\n}}\n".encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="the folder of handwriting")
    parser.add_argument("--quick", action="store_true", help="stop at the first changes")
    parser.add_argument("--witnesses", action="store_true", help="write the tests' witnesses")
    parser.add_argument("--floors", action="store_true", help="write the tests' floors")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.floors:
        write_floors()
    if arguments.witnesses:
        write_witnesses(find_numbers(), arguments.processes)
    if not arguments.floors and not arguments.witnesses:
        examples = composed({name: pictures for name, (pictures, _) in corpus().items()})
        examples += handwriting(arguments.data) if arguments.data else []
        random.Random(0).shuffle(examples)
        BENCH.open(examples)
        data = arguments.data is not None
        with multiprocessing.get_context("fork").Pool(arguments.processes) as pool:
            write_sensitivity(find_numbers(), pool, data=data, quick=arguments.quick)


if __name__ == "__main__":
    main()
