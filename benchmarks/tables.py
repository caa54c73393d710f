"""Tables: commands that make them killed at random and gone on with, and what many rows take."""

import argparse
import json
import multiprocessing
import os
import random
import resource
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from findings import Findings
from kills import Commands, one_thread, temporary_files
from PIL import Image

from digits.bulk.records import Record
from digits.bulk.sources import Source
from digits.bulk.tables import Outputs, write_tables
from digits.files import write_atomic
from digits.hardware import describe_machine, find_commit

NUM_PICTURES = 100
"""Number of pictures that are read to a table which is killed."""

RESULT = Path(__file__).parent / "results" / "tables.json"

ENDINGS = ("csv", "jsonl", "parquet")

LINES_A_FILE = 2


def make_pictures(folder: Path) -> None:
    """Make small pictures, of strokes at random; one is none."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for index in range(NUM_PICTURES):
        pixels = np.full((28, 28), 255, np.uint8)
        for _ in range(rng.integers(1, 4)):
            left, top = rng.integers(4, 14, 2)
            pixels[top : top + rng.integers(3, 12), left : left + rng.integers(2, 9)] = 20
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "7.png").write_bytes(b"no picture")


def command_of(ending: str, folder: Path) -> tuple[str, ...]:
    """The command that is killed."""
    pictures = str(folder / "pictures")
    return (
        "read", pictures, "--out", f"t.{ending}", "--sure", "0.9", "--report", "r.html",
    )  # fmt: skip


def made(folder: Path, ending: str) -> dict[str, bytes]:
    """The files that are there, by name."""
    names = (f"t.{ending}", "t.review.csv", "r.html")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def kill_reading(commands: Commands, ending: str, folder: Path, rng: random.Random) -> str:
    """Kill the command one to three times, then let it end; returns what is wrong."""
    command, whole = command_of(ending, commands.folder), made(commands.folder / ending, ending)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if fault := commands.kill(command, folder, rng, commands.seconds[ending]):
            return fault
        if any(content != whole[name] for name, content in made(folder, ending).items()):
            return "left a file that is not whole"
    status, said, _ = commands.finish(command, folder)
    if status != 1:  # a picture is none
        return f"ended with {status}: {said[-300:]}"
    if made(folder, ending) != whole:
        return "ended with other files"
    if left := [path.name for path in temporary_files(folder)]:
        return f"left {left}"
    lines = (folder / f"t.{ending}.journal").read_text().splitlines()
    names = [document["file"] for document in map(json.loads, lines) if "file" in document]
    if sorted(names) != sorted(set(names)) or len(names) != NUM_PICTURES:
        return f"has {len(names)} records of {len(set(names))} files"
    return ""


def attack(num: int, seed: int) -> Findings:
    """Kill so many commands."""
    findings = Findings()
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        commands = Commands(Path(scratch))
        make_pictures(commands.folder / "pictures")
        for ending in ENDINGS:
            folder = commands.folder / ending
            folder.mkdir()
            commands.finish(("recipes",), folder)  # the first one waits for the imports
            command = command_of(ending, commands.folder)
            status, said, commands.seconds[ending] = commands.finish(command, folder)
            if status != 1 or len(made(folder, ending)) != 3:
                raise SystemExit(f"digits {' '.join(command)} ended with {status}: {said}")
        for index in range(num):
            ending = ENDINGS[index % len(ENDINGS)]
            folder = commands.folder / f"{ending}-{seed}-{index}"
            folder.mkdir()
            started = time.monotonic()
            fault = kill_reading(commands, ending, folder, random.Random(f"{seed} {index}"))
            findings.add(folder.name, time.monotonic() - started, 0)
            findings.faults.expect(not fault, f"{folder.name}: {fault}")
    findings.largest_bytes, findings.largest = commands.most_bytes, "a command"
    print(json.dumps(findings.to_dict()), flush=True)
    seconds = {ending: round(commands.seconds[ending], 2) for ending in ENDINGS}
    findings.details = {"pictures": NUM_PICTURES, "undisturbed_seconds": seconds}
    return findings


def record_of(name: str) -> Record:
    """Make the record of a file of some lines, of which one in fifty is refused."""
    number = int(name.removesuffix(".png").rpartition("/")[2])
    lines = [
        {
            "text": f"{number + place:07}",
            "confidence": 0.9987,
            "box": [12.3, 45.6, 789.0, 61.2],
            "reason": None if (number + place) % 50 else "it looks like no digit",
        }
        for place in range(LINES_A_FILE)
    ]
    text = "\n".join(str(line["text"]) for line in lines)
    return Record(name, ({"page": 1, "has_ink": True, "text": text, "lines": lines},))


def write_many(num: int, ending: str) -> dict[str, Any]:
    """Write a table of so many files in this process; what it took."""

    def read(sources: Iterator[Source], num_known: int) -> Generator[Record, None, None]:
        return (record_of(source.name) for source in sources)

    def peak() -> int:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    names = (f"scans/of/a/year/{index:09}.png" for index in range(num))
    sources = (Source(name, b"") for name in names)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = Outputs(Path(scratch, f"t.{ending}"), sure=0.99, report=Path(scratch, "r.html"))
        write_tables(outputs, iter([Source("0.png", b"")]), read, {"part": "first"})
        before = peak()  # with all that is imported
        outputs = Outputs(Path(scratch, f"u.{ending}"), sure=0.99, report=Path(scratch, "s.html"))
        started = time.monotonic()
        write_tables(outputs, sources, read, {})
        seconds = time.monotonic() - started
        started = time.monotonic()
        write_tables(outputs, iter(()), read, {})
        again = time.monotonic() - started
        return {
            "files": num,
            "rows": LINES_A_FILE * num,
            "seconds": round(seconds, 1),
            "seconds_again_with_nothing_new": round(again, 1),
            "mb_held_more": round((peak() - before) / 1e6),
            "mb_table": round(outputs.table.stat().st_size / 1e6, 1),
            "mb_journal": round(outputs.journal.stat().st_size / 1e6, 1),
        }


def measure(num: int, ending: str) -> dict[str, Any]:
    """Write a table of so many files, in a process of its own; what it took."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(write_many, num, ending).result()


def measure_many(num: int) -> dict[str, Any]:
    """Write tables in each format, of so many files and a tenth of them; what they took."""
    return {ending: [measure(each, ending) for each in (num // 10, num)] for ending in ENDINGS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="0 keeps what was found before")
    parser.add_argument("--files", type=int, default=200_000, help="0 keeps what was found before")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    figures = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    figures |= {"machine": describe_machine(), "commit": find_commit()}
    figures["load_average"] = round(os.getloadavg()[0], 1)
    if arguments.files:
        figures["many_files"] = measure_many(arguments.files)
    if arguments.kills:
        figures["kills"] = attack(arguments.kills, arguments.seed).to_dict()
    print(json.dumps(figures, indent=1))
    write_atomic(arguments.out, (json.dumps(figures, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
